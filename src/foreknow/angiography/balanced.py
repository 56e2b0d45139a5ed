"""Robust PCA of attenuation whose weights know that vessels add to the background, and edges that move add and take away."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.hysteresis import components_that_rise
from foreknow.angiography.noise import noise_of_samples
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.subspace import directions_of
from foreknow.model import Model
from foreknow.noise import Exact
from foreknow.operators import Mask
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import ConvergenceWarning, Solution, classical_sparse_weight

FORMULA = "min |background|_* + sum of w * vessels, background + vessels = attenuation, vessels >= 0"
_LEAST_ALONE = 0.1
_SPREAD = 1.5  # a component of the mask, blurred, is 1 up to its rim


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
    r"""min |L|_* + sum_i w_i s_i over L + S = D, S >= 0, solved three times; each solution tells the weights of the next one.

    The first S may have both signs, and its weight is 1 / sqrt(pixels) (Candes et al. 2011). It tells two things. How many
    directions r the background has: entries of U V^T have the root mean square sqrt(r / (frames pixels)), and what weighs less than
    some of it leaves the background, so that weights are in units of it. And where the background moves: an edge that moves
    (diaphragm, rib, heart) adds on one side and takes away on the other, contrast agent only adds. With p and n the means of both
    signs around a pixel, blurred, and sigma the noise, the relative weight is w_1 - (w_1 - w_0) p / (p + b n + sigma): w_0 where
    only additions are near, w_1 where nothing or as much on either side.

    The second S, 0 or more, shows the vessels, but paler than they are: a part of what hardly moves is background. Where its
    connected components rise high above the noise the third weights are nearly 0, so that vessels keep their contrast, and
    elsewhere higher than before (reweighting; Candes, Wakin and Boyd 2008). Each problem is convex; the gap is that of the
    third.

    Args:
        settings: weights and tolerance.
    """

    def __init__(self, settings: EnhanceSettings) -> None:
        self.settings = settings

    def __call__(self, frames: Tensor, seen: Tensor | None, sigma: float, tell: Callable[[float], None]) -> Found:
        """See `RunSolver`."""
        classical = classical_sparse_weight(frames, event_dims=3)
        first = self._solve(_model(classical, seen, signed=True), frames)
        tell(0.3)
        unit = classical * self.unit(first["background"], first["vessels"])
        weights = unit * self.weights(first["vessels"], sigma)
        second = self._solve(_model(weights, seen, signed=False), frames)
        tell(0.6)
        near = self.near_vessels(second["vessels"], frames)
        weights = torch.lerp(self.settings.elsewhere * weights, weights.new_tensor(self.settings.found_weight * unit), near)
        third = self._solve(_model(weights, seen, signed=False), frames)
        tell(1.0)
        solutions = (first, second, third)
        return Found(
            background=third["background"],
            vessels=third["vessels"],
            certificate=float(third.certificate.worst),
            iterations=sum(one.iterations for one in solutions),
            converged=all(bool(one.converged) for one in solutions),
            formula=FORMULA,
            notices=self._unsolved(solutions),
        )

    def unit(self, background: Tensor, signed: Tensor) -> float:
        """What weights are in units of, relative to the classical one, by a background and a signed layer."""
        above, below = float(signed.clamp_min(0).sum(dtype=torch.float64)), float(signed.clamp_max(0).sum(dtype=torch.float64))
        alone = max(_LEAST_ALONE, 1 + below / above) if above > 0 else 1.0
        return self.settings.sparse_weight * math.sqrt(directions_of(background) / len(background)) / alone

    def weights(self, signed: Tensor, sigma: float) -> Tensor:
        """Relative weights of every pixel, by a signed layer (frames, height, width)."""
        settings = self.settings
        width = settings.neighbourhood / 1000 * min(signed.shape[1:])
        above, below = gaussian_blur(signed.clamp_min(0), width), gaussian_blur((-signed).clamp_min(0), width)
        share = above / (above + settings.balance * below + max(sigma, 1e-12))
        return settings.unsure_weight - (settings.unsure_weight - settings.sure_weight) * share

    def near_vessels(self, vessels: Tensor, frames: Tensor) -> Tensor:
        """0 to 1, how near every pixel is to components of a layer that rise high; both (frames, height, width)."""
        settings = self.settings
        width = settings.smoothing / 1000 * min(frames.shape[1:])
        noise = noise_of_samples(gaussian_blur(frames, width).flatten(1))
        area = settings.mask_area / 1000 * frames[0].numel()
        found = components_that_rise(gaussian_blur(vessels, width), settings.found_level * noise, settings.found_peak * noise, area)
        return (_SPREAD * gaussian_blur(found.float(), width)).clamp_max(1)

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
