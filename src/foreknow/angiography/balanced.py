"""Robust PCA of attenuation whose weights know that vessels add to the background, and edges that move add and take away."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from foreknow.angiography.settings import EnhanceSettings
from foreknow.model import Model
from foreknow.noise import Exact
from foreknow.operators import Mask
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import ConvergenceWarning, Solution

FORMULA = "min |background|_* + sum of w * vessels, background + vessels = attenuation, vessels >= 0"


@dataclass(frozen=True)
class Found:
    """Frames taken apart.

    Attributes:
        background: of low rank, (frames, height, width).
        vessels: likewise, 0 or more.
        certificate: relative duality gap; None where there is none.
        iterations: of all solves.
        converged: whether all solves reached their tolerance.
        formula: of the model.
        notices: sentences for the user.
    """

    background: Tensor = field(repr=False)
    vessels: Tensor = field(repr=False)
    certificate: float | None
    iterations: int
    converged: bool
    formula: str
    notices: tuple[str, ...] = ()


class BalancedRobustPCA:
    r"""min |L|_* + sum_i w_i s_i over L + S = D, S >= 0, with weights from a first solution whose S may have both signs.

    Where an edge of the background moves (diaphragm, rib, heart), the first S is above 0 before it and below 0 behind it; where
    contrast agent flows it is above 0. With p and n the means of both signs around a pixel, blurred, and sigma the noise, the
    weight is w = w_1 - (w_1 - w_0) p / (p + b n + sigma): w_0 where only additions are near, w_1 where nothing or as much on either
    side. Reweighted problems stay convex, and the gap is that of the second one.

    Args:
        settings: weights and tolerance.
    """

    def __init__(self, settings: EnhanceSettings) -> None:
        self.settings = settings

    def __call__(self, frames: Tensor, seen: Tensor | None, sigma: float, tell: Callable[[float], None]) -> Found:
        """See `RunSolver`."""
        unit = self.settings.sparse_weight / math.sqrt(frames[0].numel())
        first = self._solve(_model(unit, seen, signed=True), frames)
        tell(0.5)
        weights = unit * self.weights(first["vessels"], sigma)
        second = self._solve(_model(weights, seen, signed=False), frames)
        tell(1.0)
        return Found(
            background=second["background"],
            vessels=second["vessels"],
            certificate=float(second.certificate.worst),
            iterations=first.iterations + second.iterations,
            converged=bool(first.converged) and bool(second.converged),
            formula=FORMULA,
            notices=self._unsolved((first, second)),
        )

    def weights(self, signed: Tensor, sigma: float) -> Tensor:
        """Weights of every pixel, relative, by a signed layer (frames, height, width)."""
        settings = self.settings
        width = settings.neighbourhood / 1000 * min(signed.shape[1:])
        above, below = gaussian_blur(signed.clamp_min(0), width), gaussian_blur((-signed).clamp_min(0), width)
        share = above / (above + settings.balance * below + max(sigma, 1e-12))
        return settings.unsure_weight - (settings.unsure_weight - settings.sure_weight) * share

    def _solve(self, model: Model, frames: Tensor) -> Solution:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it becomes a notice
            return model.solve(frames, tolerance=self.settings.tolerance, max_iterations=self.settings.max_iterations)

    def _unsolved(self, solutions: tuple[Solution, ...]) -> tuple[str, ...]:
        if all(solution.converged for solution in solutions):
            return ()
        gap = max(float(solution.certificate.worst) for solution in solutions)
        return (f"the solver stopped at a relative duality gap of {gap:.1g}, above {self.settings.tolerance:g}",)


def _model(weight: float | Tensor, seen: Tensor | None, *, signed: bool) -> Model:
    sparse = L1(weight, event_dims=3)
    vessels = sparse if signed else sparse & NonNegative(event_dims=3)
    if seen is None:
        return Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(vessels), noise=Exact())
    mask = Mask(seen)
    return Model(background=Component(NuclearNorm(event_dims=3), mask), vessels=Component(vessels, mask), noise=Exact())
