"""The network calibrated for the device of a user's runs, without labels: the simulator is fitted to them, and has the labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from foreknow.angiography.network.injection import InjectionNumbers, declared_model, loss_of
from foreknow.angiography.network.looking import look_at_run, resized, two_gates
from foreknow.angiography.network.looks import (
    BOTH,
    DeviceLooks,
    Looks,
    fit_looks,
    looks_used,
    loss_of_looks,
    moments,
    some_frames,
    strangeness,
)
from foreknow.angiography.network.training_runs import GATE, DeviceRuns, TrainingRuns, TrainingRunSettings
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.noise import noise_of_samples
from foreknow.angiography.simulate.device import DeviceFit, fit_device
from foreknow.angiography.simulate.traits import structure_traits
from foreknow.errors import DataError
from foreknow.learn import AmortisationGap, Examples, evaluate

_LEAST_FRAMES, _LEAST_SIDE = 2, 64
_TRAITS = 5  # of structure
_COARSER = 2  # pixels in each direction for one that looks are fitted on
_LEAST_NOISE = 0.005  # attenuation


@dataclass(frozen=True)
class CalibrationNumbers:
    """Numbers of a calibration.

    Attributes:
        trials: runs that are drawn to find the device.
        runs: drawn as the device would show them, to weigh looks on.
        apart: as many more, to judge by.
        known: of usual devices, to tell those from the user's.
        frames: of the run on which the gap is measured.
        seed: of everything.
    """

    trials: int = 96
    runs: int = 16
    apart: int = 12
    known: int = 12
    frames: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Calibration:
    """What became of a calibration.

    Attributes:
        device: which may have made the runs.
        looks: that were found.
        strange: how far the user's runs are from those of usual devices, 1 for runs of that kind (`strangeness`).
        taken: whether the network has them now; else it is as it was.
        dice: mean coefficient at a gate of 0.5 on simulated runs of the device that nothing was fitted on: before and after.
        gap: of the declared model, on the last of the user's runs: before and after.
        formula: of that model.
        noise: of the runs, attenuation.
    """

    device: DeviceFit
    looks: Looks
    strange: float
    taken: bool
    dice: tuple[float, float]
    gap: tuple[float, float]
    formula: str
    noise: float
    fingerprint: str = field(repr=False)


def calibrate(
    network: VesselNetwork,
    films: Sequence[Tensor],
    folder: str | Path,
    numbers: CalibrationNumbers | None = None,
    *,
    drawn: Callable[[int], None] | None = None,
) -> Calibration:
    """Find the device that made runs, and weigh the looks of the network for it; its weights stay.

    The simulator is fitted to noise and structure of the runs (`fit_device`). On runs that are drawn so, whose vessels are known,
    the network's looks at a size and at half of it are weighed. They are taken where the user's runs are unlike those of usual
    devices, and the loss on further simulated runs is lower than with looks that count alike, beyond chance. They are used for runs
    that are more like the user's.

    Args:
        network: in evaluation mode; gets ``device``.
        films: (frames, height, width) attenuation, at the size at which the network looks.
        folder: of simulated runs; may be removed afterwards.
        numbers: of the calibration.
        drawn: told how many runs have been drawn, of ``trials + runs + apart + known``.

    Raises:
        DataError: if there is no run of two frames and 64 pixels a side or more.
    """
    numbers = numbers or CalibrationNumbers()
    fine = [film for film in films if len(film) >= _LEAST_FRAMES and min(film.shape[1:]) >= _LEAST_SIDE]
    if not fine:
        message = f"a device is found by runs of {_LEAST_FRAMES} frames and {_LEAST_SIDE} pixels a side or more; none is"
        raise DataError(message)
    network.device = None
    side = max(max(film.shape[1:]) for film in fine)
    shown = [some_frames(_enlarged(film, side)) for film in fine]
    device = fit_device(shown, trials=numbers.trials, size=side, seed=numbers.seed, drawn=drawn)
    work = Path(folder) / f"runs-{_digest(shown)}"
    shapes, count = TrainingRunSettings(size=side), numbers.runs + numbers.apart

    def told(done: int) -> None:
        if drawn is not None:
            drawn(numbers.trials + done)

    ours = TrainingRuns(work / "device", count, DeviceRuns(device.devices, shapes), seed=numbers.seed)
    ours.prepare(told)
    known = TrainingRuns(work / "known", numbers.known, shapes, seed=numbers.seed + 1)
    known.prepare(lambda done: told(count + done))
    items = [_items(network, ours, number, side) for number in range(count)]
    looks, alone = (fit_looks([item[way] for item in items[: numbers.runs]]) for way in (0, 1))
    apart = items[numbers.runs :]
    usual = moments([structure_traits(y) for y in _drawn(known)])
    strange = strangeness(shown, usual)
    taken = strange > _by_chance(len(shown)) and _better(looks, [item[0] for item in apart])
    noise = max(_LEAST_NOISE, *(noise_of_samples(film.flatten(1)) for film in fine[-1:]))
    model = declared_model(noise, InjectionNumbers())
    measure = AmortisationGap(loss_of(model), steps=0, tolerance=1e-3)
    test = Examples(fine[-1][None, torch.linspace(0, len(fine[-1]) - 1, min(numbers.frames, len(fine[-1]))).round().long()])
    gaps = [evaluate(_Looking(network), measure, test)]
    if taken:
        alone = alone if _better(alone, [item[1] for item in apart]) else BOTH
        network.device = DeviceLooks(looks, alone, _here(shown, ours), usual)
    gaps.append(evaluate(_Looking(network), measure, test) if taken else gaps[0])
    dices = [sum(_dice(one, item[0]) for item in apart) / len(apart) for one in (BOTH, looks if taken else BOTH)]
    return Calibration(
        device,
        looks,
        strange,
        taken,
        (dices[0], dices[1]),
        (gaps[0], gaps[1]),
        str(model),
        noise,
        f"{len(fine)} runs, {_digest(shown)}",
    )


class _Looking(nn.Module):
    """The network as it is applied to whole films, for objectives that ask for layers."""

    def __init__(self, network: VesselNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """Films (batch, frames, height, width)."""
        area = torch.ones(y.shape[-2:], dtype=torch.bool)
        vessels = torch.stack([look_at_run(self.network, film, area, side=max(film.shape[1:])).vessels for film in y])
        return {"vessels": vessels, "background": y - vessels}


def _by_chance(runs: int) -> float:
    """What `strangeness` is at most of so many runs of a kind that is known: mean and two standard deviations of a mean square."""
    return 1 + 2 * math.sqrt(2 / (_TRAITS * runs))


def _better(looks: Looks, items: Sequence[tuple[Tensor, Tensor, Tensor]]) -> bool:
    """Whether they lose less than looks that count alike, by more than the standard error of the difference."""
    gain = torch.tensor([_loss(BOTH, item) - _loss(looks, item) for item in items])
    return float(gain.mean()) > float(gain.std()) / math.sqrt(len(gain))


def _loss(looks: Looks, item: tuple[Tensor, Tensor, Tensor]) -> float:
    """As they are used."""
    return loss_of_looks(looks_used(looks, item[0], item[1]), item)


def _items(network: VesselNetwork, runs: TrainingRuns, number: int, side: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Gates of both looks and the truth, of the run as a film and of its frames alone, at fewer pixels."""
    example = runs.draw([number], 0)
    y, truth = example.y[0], example.truth[GATE][0]
    area, few = torch.ones(y.shape[1:], dtype=torch.bool), slice(None, None, _COARSER)
    pairs = (two_gates(network, y, area, side, alone=alone) for alone in (False, True))
    return [(first[:, few, few], second[:, few, few], truth[:, few, few]) for first, second in pairs]


def _dice(looks: Looks, item: tuple[Tensor, Tensor, Tensor]) -> float:
    """Coefficient at a gate of 0.5."""
    first, second, truth = item
    found, true = looks_used(looks, first, second).gate(first, second) > 0.5, truth > 0.5
    return (2 * float((found & true).sum()) + 1) / (float(found.sum() + true.sum()) + 1)


def _here(shown: Sequence[Tensor], ours: TrainingRuns) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean of the traits of the user's runs; how much runs differ, by the simulated ones and by theirs."""
    mean, spread = moments([structure_traits(film) for film in shown] * 2)
    drawn = moments([structure_traits(y) for y in _drawn(ours)])[1]
    return mean, tuple(max(pair) for pair in zip(spread, drawn, strict=True))


def _drawn(runs: TrainingRuns) -> list[Tensor]:
    return [some_frames(runs.draw([number], 0).y[0]) for number in range(len(runs))]


def _enlarged(film: Tensor, side: int) -> Tensor:
    factor = side / max(film.shape[1:])
    size = (round(factor * film.shape[1]), round(factor * film.shape[2]))
    return torch.stack([resized(frame, size) for frame in film])


def _digest(films: Sequence[Tensor]) -> str:
    """A hash of what is shown, by which runs that were drawn for it are known again."""
    known = hashlib.sha256()
    for film in films:
        known.update(film.contiguous().numpy().tobytes())
    return known.hexdigest()[:12]
