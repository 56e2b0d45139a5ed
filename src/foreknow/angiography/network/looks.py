"""Two looks at a frame, at a size and at half of it, weighed for the device that made it; how that device is known again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.simulate.traits import structure_traits

_SURE = 1e-5  # a gate is at least so far from 0 and 1
_SHOWN = 4  # frames by which a device is known
_EMPTY = 50.0  # pixels: as in the training of the network
_LEAST_SPREAD = 0.05
CONFIRMED = 0.8
"""Share of what one look sees that another confirms, from which one is enough.

On development runs of four kinds two looks gained on six of seven where it was 0.35 to 0.74, 0.02 to 0.14 of the best Dice
coefficient, and lost on three of five above.
"""
_KEPT = 1e-3  # weight of the squared distance from one look alone


@dataclass(frozen=True)
class Looks:
    """A gate out of two: the logistic function of a weighed sum of what both say (stacking; Wolpert 1992).

    Attributes:
        whole: weight of the look at the size.
        half: of that at half the size, at which noise is averaged.
        level: what is added.
    """

    whole: float = 1.0
    half: float = 0.0
    level: float = 0.0

    def gate(self, first: Tensor, second: Tensor) -> Tensor:
        """Of the gates of both looks, of one shape, 0 to 1."""
        return torch.sigmoid(self.whole * _logit(first) + self.half * _logit(second) + self.level)


BOTH = Looks(0.5, 0.5)
"""Two looks that count alike: the geometric mean of their odds."""


def looks_used(looks: Looks, first: Tensor, second: Tensor) -> Looks:
    """``looks``, or one look where most of what it sees at the size is seen at half of it too (`confirmed`)."""
    return looks if confirmed(first, second) < CONFIRMED else Looks()


@dataclass(frozen=True)
class DeviceLooks:
    """Looks for the runs of a device, and how those differ from runs of usual devices.

    Attributes:
        looks: for them.
        alone: for their frames, each as if it were the only one.
        here: mean and standard deviation of `structure_traits` of runs of the device.
        elsewhere: likewise of simulated runs of usual devices.
    """

    looks: Looks
    alone: Looks
    here: tuple[tuple[float, ...], tuple[float, ...]]
    elsewhere: tuple[tuple[float, ...], tuple[float, ...]]

    def looks_for(self, frames: Tensor, *, alone: bool) -> Looks:
        """Its own for frames (frames, height, width) that are more like the device's than like the others, else `BOTH` alike."""
        traits, own = structure_traits(frames), self.alone if alone else self.looks
        return own if _likeness(traits, self.here) > _likeness(traits, self.elsewhere) else BOTH

    def settings(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> DeviceLooks:
        """What `settings` gave.

        Raises:
            KeyError, TypeError, ValueError: if they are no such settings.
        """
        here, elsewhere = (_moments(settings[name]) for name in ("here", "elsewhere"))
        looks, alone = (
            Looks(**{name: float(settings[kind][name]) for name in ("whole", "half", "level")}) for kind in ("looks", "alone")
        )
        return cls(looks, alone, here, elsewhere)


def fit_looks(items: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Looks:
    """The looks with the smallest loss over all items.

    Args:
        items: gates of both looks and the true mask of a run, (frames, height, width) each.
    """
    start = torch.tensor([1.0, 0.0, 0.0])
    weights = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weights], max_iter=40, line_search_fn="strong_wolfe")
    logits = [(_logit(first), _logit(second), truth.float()) for first, second, truth in items]

    def loss() -> Tensor:
        optimiser.zero_grad()
        losses = [_loss(weights[0] * first + weights[1] * second + weights[2], truth) for first, second, truth in logits]
        total = torch.stack(losses).mean() + _KEPT * (weights - start).square().sum()
        total.backward()
        return total.detach()

    optimiser.step(loss)
    return Looks(*weights.detach().tolist())


def loss_of_looks(looks: Looks, item: tuple[Tensor, Tensor, Tensor]) -> float:
    """Cross entropy and Dice of an item, as in the training of the network."""
    first, second, truth = item
    return float(_loss(torch.logit(looks.gate(first, second), eps=_SURE), truth.float()))


def _loss(found: Tensor, truth: Tensor) -> Tensor:
    soft = torch.sigmoid(found)
    overlap = 1 - (2 * (soft * truth).sum() + _EMPTY) / ((soft + truth).sum() + _EMPTY)
    return functional.binary_cross_entropy_with_logits(found, truth) + overlap


def confirmed(first: Tensor, second: Tensor) -> float:
    """Share of what the look at the size sees that the look at half of it sees too; 1 where it sees nothing.

    Noise is not, and what the network takes noise or texture for.
    """
    seen = first > 0.5
    count = int(seen.sum())
    return int((seen & (second > 0.5)).sum()) / count if count else 1.0


def some_frames(film: Tensor) -> Tensor:
    """Frames of a film, evenly spread, by which its device is known."""
    return film[torch.linspace(0, len(film) - 1, min(_SHOWN, len(film))).round().long()]


def moments(traits: Sequence[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of traits of several runs."""
    both = torch.stack(list(traits))
    return tuple(both.mean(0).tolist()), tuple(both.std(0).clamp_min(_LEAST_SPREAD).tolist())


def strangeness(films: Sequence[Tensor], known: tuple[tuple[float, ...], tuple[float, ...]]) -> float:
    """How far films are from what is known: mean square of their `structure_traits` in its standard deviations, 1 for its like."""
    mean, spread = (torch.tensor(one, dtype=torch.float64) for one in known)
    return float(torch.stack([((structure_traits(film) - mean) / spread).square().mean() for film in films]).mean())


def _moments(pair: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, spread = pair
    return tuple(map(float, mean)), tuple(map(float, spread))


def _likeness(traits: Tensor, known: tuple[tuple[float, ...], tuple[float, ...]]) -> float:
    """Logarithm of the density of independent normal numbers, up to a constant."""
    mean, spread = (torch.tensor(one, dtype=torch.float64) for one in known)
    return float(-(0.5 * ((traits - mean) / spread).square() + spread.log()).sum())


def _logit(gate: Tensor) -> Tensor:
    return torch.logit(gate, eps=_SURE)
