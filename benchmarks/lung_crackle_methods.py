"""Scores of crackles over time: ours and the plain ones, all as rates."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.baselines.method import Method
from benchmarks.lung_methods import BASELINES, contenders
from benchmarks.lung_spans import Activity
from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.lung import Separation, SeparationSettings, separate
from foreknow.lung.events import burst_times
from foreknow.operators import STFT

_WINDOW, _HOP = 64, 16  # 16 and 4 ms at 4 kHz
_BAND = (100.0, 1000.0)


def impulses(times: Tensor, count: int, rate: int) -> tuple[Tensor, Tensor]:
    """A train whose mean over a span is the rate a second of what happened in it."""
    train = torch.zeros(count, dtype=torch.float64)
    index = (times * rate).round().long().clamp(0, count - 1)
    train.index_add_(0, index, torch.full(index.shape, float(rate), dtype=torch.float64))
    return train, torch.arange(count, dtype=torch.float64) / rate


class Separated:
    """Separations of recordings by one crackle model, each made once.

    Args:
        crackle_model: as in the settings.
    """

    def __init__(self, crackle_model: str) -> None:
        self.settings = SeparationSettings(crackle_model=crackle_model)
        self._found: dict[int, tuple[Tensor, Separation]] = {}

    def bursts(self, samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
        """Bursts of the crackle part a second."""
        found = self._of(samples, rate)
        times = burst_times(found.crackles, found.breath, rate=rate, settings=self.settings)
        return impulses(times, samples.shape[0], rate)

    def counted(self, samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
        """Crackles a second, as a user's table has them."""
        times = torch.tensor([event.peak for event in self._of(samples, rate).events], dtype=torch.float64)
        return impulses(times, samples.shape[0], rate)

    def _of(self, samples: Tensor, rate: int) -> Separation:
        if id(samples) not in self._found:
            self._found[id(samples)] = (
                samples,
                separate(samples, rate, self.settings),
            )  # the samples too, so that the id stays theirs
        return self._found[id(samples)][1]


def clicks(method: Callable[[Tensor, float], object] | Method) -> Activity:
    """Clicks of a method a second."""

    def activity(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
        return impulses(method(samples.double(), float(rate)).times, samples.shape[0], rate)  # type: ignore[union-attr,attr-defined]

    return activity


def sparse_energy(samples: Tensor, rate: int) -> tuple[Tensor, Tensor]:
    """Energy of the sparse part of robust PCA of a spectrogram with short windows (weight 1 / sqrt of the longer side)."""
    stft = STFT(_WINDOW, _HOP, samples.shape[0])
    hertz = stft.frequencies(rate)
    modulus = stft(samples.double()).abs()[(hertz >= _BAND[0]) & (hertz <= _BAND[1])]
    weight = 1 / max(modulus.shape) ** 0.5
    model = Model(breath=Component(NuclearNorm(1.0)), crackles=Component(L1(weight, event_dims=2)), noise=Exact())
    found = model.solve(modulus / modulus.square().mean().sqrt(), tolerance=1e-3)["crackles"]
    return torch.log(found.square().sum(0) + 1e-3), stft.times(rate)


def methods() -> Mapping[str, Activity]:
    """All scores by name: ours first."""
    tuned = {contender.name: contender.method for contender in contenders()[0]}
    ours = Separated("unrolled")
    listed: dict[str, Activity] = {
        "foreknow unrolled, bursts a second": ours.bursts,
        "foreknow unrolled, crackles a second": ours.counted,
    }
    for name in ("Teager-Kaiser", "WTST-NST", "db10 soft threshold"):
        listed[f"{name}, clicks a second"] = clicks(tuned[name])
        listed[f"{name} as published, clicks a second"] = clicks(replace(BASELINES[name]))  # type: ignore[type-var]
    listed["robust PCA, energy of the sparse part"] = sparse_energy
    return listed
