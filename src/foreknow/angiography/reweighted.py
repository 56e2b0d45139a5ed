"""Robust PCA of attenuation, reweighted where vessels were found, with their contrast from the background's course in time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.hysteresis import components_that_rise
from foreknow.angiography.mask_rule import LayerRule
from foreknow.angiography.noise import noise_of_smoothed
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.subspace import leading_courses, vessels_beyond
from foreknow.model import Model
from foreknow.noise import Exact
from foreknow.operators import Mask
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import ConvergenceWarning, Solution, classical_sparse_weight

FORMULA = "min |background|_* + sum of w * vessels, background + vessels = attenuation, vessels >= 0"
_SPREAD = 1.5  # a component of the mask, blurred, is 1 up to its rim
_LEADING = 1e-2  # of the largest singular value: a course in time that vessels, where they are, are compared with
_RULE = LayerRule(level=3.0, peak=16.0)


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
        mask_rule: how such vessels become a mask.
        notices: sentences for the user.
    """

    background: Tensor = field(repr=False)
    vessels: Tensor = field(repr=False)
    certificate: float | None
    iterations: int
    converged: bool
    formula: str
    mask_rule: LayerRule
    notices: tuple[str, ...] = ()


class ReweightedRobustPCA:
    r"""min |L|_* + sum_i w_i s_i over L + S = D, S >= 0, solved twice; the first solution tells the weights of the second.

    The first weight is 1 / sqrt(pixels) everywhere (Candes et al. 2011). Its vessels are paler than they are, for a part of what
    hardly moves is background, and there is much between them that moves a little. So where connected parts of it rise high above
    the noise the second weights are lower, and elsewhere higher (reweighting; Candes, Wakin and Boyd 2008). Each problem is
    convex; the gap is that of the second.

    What the second S is larger than 0 on, is vessel; how much it attenuates there is then measured without the weights, which draw
    it towards 0: the background of a pixel is the projection of its frames without vessels onto the leading courses in time of L
    (the refit after a sparse fit; Belloni and Chernozhukov 2013).

    Args:
        settings: weights and tolerance.
    """

    def __init__(self, settings: EnhanceSettings) -> None:
        self.settings = settings

    def __call__(self, frames: Tensor, seen: Tensor | None, tell: Callable[[float], None]) -> Found:
        """See `RunSolver`."""
        unit = classical_sparse_weight(frames, event_dims=3)
        first = self._solve(_model(unit, seen), frames)
        tell(0.4)
        near = self.near_vessels(first["vessels"], frames)
        weights = unit * torch.lerp(near.new_tensor(self.settings.elsewhere), near.new_tensor(self.settings.found_weight), near)
        second = self._solve(_model(weights, seen), frames)
        tell(0.9)
        known = torch.ones_like(frames, dtype=torch.bool) if seen is None else seen
        vessels = vessels_beyond(frames, second["vessels"], leading_courses(second["background"], _LEADING), known)
        solutions = (first, second)
        return Found(
            background=frames - vessels,
            vessels=vessels,
            certificate=float(second.certificate.worst),
            iterations=sum(one.iterations for one in solutions),
            converged=all(bool(one.converged) for one in solutions),
            formula=FORMULA,
            mask_rule=_RULE,
            notices=self._unsolved(solutions),
        )

    def near_vessels(self, vessels: Tensor, frames: Tensor) -> Tensor:
        """0 to 1, how near every pixel is to components of a layer that rise high; both (frames, height, width)."""
        settings = self.settings
        width = settings.smoothing / 1000 * min(frames.shape[1:])
        noise = noise_of_smoothed(frames, width, (frames != frames[0]).any(dim=0))
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


def _model(weight: float | Tensor, seen: Tensor | None) -> Model:
    vessels = L1(weight, event_dims=3) & NonNegative(event_dims=3)
    if seen is None:
        return Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(vessels), noise=Exact())
    mask = Mask(seen)
    return Model(background=Component(NuclearNorm(event_dims=3), mask), vessels=Component(vessels, mask), noise=Exact())
