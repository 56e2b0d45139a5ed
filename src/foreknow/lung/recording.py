"""Recordings in memory: the same separation as of files, one call."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.errors import DataError, ShapeError
from foreknow.lung.events import Crackle
from foreknow.lung.part_stream import CRACKLES, NUISANCE, WHEEZES, PartStream
from foreknow.lung.respiration import Respiration
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_table import with_phase
from foreknow.lung.wheezes import Wheeze
from foreknow.threads import one_thread

MINIMUM_SECONDS = 0.25
_BLOCK = 2**16

Samples = Tensor | NDArray[np.floating]


@dataclass(frozen=True)
class Separation:
    """A recording in parts, which sum to it.

    Attributes:
        crackles: the crackle part, (n,), of the dtype of the recording, on the CPU.
        breath: recording minus all other parts, (n,).
        events: the crackles in order of time.
        respiration: the breaths, as far as loudness tells.
        wheezes: the wheeze part, (n,), zero if wheezes were not sought.
        wheeze_events: the wheezes in order of onset.
        nuisance: what is no lung sound, (n,), zero if it was not sought.
    """

    crackles: Tensor
    breath: Tensor
    events: tuple[Crackle, ...]
    respiration: Respiration = field(default_factory=Respiration)
    wheezes: Tensor = field(default_factory=lambda: torch.zeros(0))
    wheeze_events: tuple[Wheeze, ...] = ()
    nuisance: Tensor = field(default_factory=lambda: torch.zeros(0))


def separate(
    recording: Samples, rate: int, settings: SeparationSettings | None = None, *, device: str | torch.device = "cpu"
) -> Separation:
    """Separate the crackles of a recording from its breath sound. A screening aid, not a diagnosis.

    Args:
        recording: (n,), floating point, full scale 1, at least a quarter of a second.
        rate: its sampling rate, hertz.
        settings: how to separate; the defaults work.
        device: where to compute, such as ``"cpu"`` or ``"cuda"``.

    Raises:
        ShapeError: if the recording has other than one axis; see `separate_batch`.
        DataError: if it is not floating point, too short, or has a sample that is NaN or infinite.
    """
    signal = torch.as_tensor(recording)
    if signal.ndim != 1:
        message = f"a recording has shape (samples,), not {tuple(signal.shape)}; pick a channel, or use separate_batch"
        raise ShapeError(message)
    if not signal.is_floating_point():
        message = f"a recording must be floating point with full scale 1, not {signal.dtype}; divide 16 bit integers by 32768"
        raise DataError(message)
    if signal.shape[0] < MINIMUM_SECONDS * rate:
        message = f"the recording lasts {signal.shape[0] / rate:.3g} s, but at least {MINIMUM_SECONDS} s are needed"
        raise DataError(message)
    if not bool(torch.isfinite(signal).all()):
        message = f"the recording has {int((~torch.isfinite(signal)).sum())} samples that are NaN or infinite; repair or cut them"
        raise DataError(message)
    with one_thread(), torch.no_grad():
        chosen = settings or SeparationSettings()
        stream = PartStream(chosen, rate, device)
        blocks = signal.detach().to(device="cpu", dtype=torch.float64).split(_BLOCK)
        pieces = [*(stream.push(block).parts for block in blocks), stream.finish().parts]
        parts = {name: torch.cat([piece[name] for piece in pieces]).to(signal.dtype) for name in stream.names}
    respiration, found = stream.respiration, () if stream.wheezes is None else stream.wheezes.events
    events = with_phase(found, respiration, chosen.wheezes) if chosen.wheezes is not None else ()
    recording = signal.detach().cpu()
    nothing = torch.zeros_like(recording)
    wheezes, nuisance = (parts.get(name, nothing) for name in (WHEEZES, NUISANCE))
    crackles = parts[CRACKLES]
    breath = recording - crackles - wheezes - nuisance
    return Separation(crackles, breath, stream.crackles.events, respiration, wheezes, events, nuisance)


def separate_batch(
    recordings: Tensor | NDArray[np.floating] | Iterable[Samples],
    rate: int,
    settings: SeparationSettings | None = None,
    *,
    device: str | torch.device = "cpu",
) -> tuple[Separation, ...]:
    """Separate several recordings, each as `separate` would.

    Args:
        recordings: (batch, n), or recordings (n_i,) of different lengths.
        rate: their sampling rate, hertz.
        settings: how to separate.
        device: where to compute.

    Raises:
        ShapeError: if an item has other than one axis.
        DataError: if an item cannot be used.
    """
    return tuple(separate(recording, rate, settings, device=device) for recording in recordings)
