"""All parts of a recording that comes in blocks, one after the other: nuisance, crackles, wheezes; breath sound is what is left."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from foreknow.lung.crackle_stream import CrackleStream
from foreknow.lung.nuisance_stream import NuisanceStream
from foreknow.lung.respiration import Respiration, RespirationMeter
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_stream import WheezeStream

NUISANCE, CRACKLES, WHEEZES = "nuisance", "crackles", "wheezes"


@dataclass(frozen=True)
class Parts:
    """A piece of a recording.

    Attributes:
        recording: (n,), float64.
        parts: (n,) each, float64, by name and in order; breath sound is the recording without them.
    """

    recording: Tensor
    parts: dict[str, Tensor]


class _Stream(Protocol):
    def push(self, block: Tensor) -> tuple[Tensor, Tensor]: ...

    def finish(self) -> tuple[Tensor, Tensor]: ...


class PartStream:
    """Crackles, and wheezes and nuisance where they are sought, of a recording of any length, sample for sample beside it.

    Each part is taken out of what those before leave. Nuisance comes first, because a rub looks like crackles and a voice like
    wheezes; crackles come before wheezes, because sparse parts of a spectrogram would hold them too.

    Args:
        settings: how to separate; wheezes are sought if ``settings.wheezes`` is not None, nuisance if ``settings.nuisance`` is set.
        rate: sampling rate of the recording, hertz.
        device: where windows are solved.

    Attributes:
        crackles: the stream of crackles, with its events.
        wheezes: the stream of wheezes, or None.
        names: of the parts, in order.
        respiration: breaths of what is left when all parts are taken; complete after `finish`.
    """

    def __init__(self, settings: SeparationSettings, rate: int, device: str | torch.device = "cpu") -> None:
        self.respiration = Respiration()
        self._breaths = RespirationMeter(min(rate, settings.rate))
        wanted = settings.wheezes
        self.crackles = CrackleStream(settings, rate, device, hear=self._listen if wanted is None else None)
        self.wheezes = None if wanted is None else WheezeStream(wanted, rate, settings.rate, device, hear=self._listen)
        stages: dict[str, _Stream] = {NUISANCE: NuisanceStream(rate, settings.rate, device)} if settings.nuisance else {}
        stages[CRACKLES] = self.crackles
        if self.wheezes is not None:
            stages[WHEEZES] = self.wheezes
        self.names = tuple(stages)
        self._stages = tuple(stages.values())
        self._recording = SampleQueue()
        self._parts = tuple(SampleQueue() for _ in stages)  # until the part of the last stage is known too

    def push(self, block: Tensor) -> Parts:
        """Give the next samples, (n,), float64; take recording and parts as far as known."""
        self._recording.append(block)
        for stage, queue in zip(self._stages, self._parts, strict=True):
            signal, part = stage.push(block)
            queue.append(part)
            block = signal - part
        return self._take()

    def finish(self) -> Parts:
        """End the recording and take what remains, as `push` does; fills `respiration`."""
        rest = torch.zeros(0, dtype=torch.float64)
        for stage, queue in zip(self._stages, self._parts, strict=True):
            pushed, remaining = stage.push(rest), stage.finish()
            signal, part = (torch.cat(pieces) for pieces in zip(pushed, remaining, strict=True))
            queue.append(part)
            rest = signal - part
        self.respiration = self._breaths.finish()
        return self._take()

    def _take(self) -> Parts:
        count = len(self._parts[-1])  # the last stage knows least
        return Parts(self._recording.take(count), {name: q.take(count) for name, q in zip(self.names, self._parts, strict=True)})

    def _listen(self, part: Tensor, rest: Tensor) -> None:  # noqa: ARG002
        self._breaths.push(rest)
