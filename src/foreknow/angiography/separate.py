"""Vessels out of a moving background: robust PCA of attenuation, with weights that follow the neighbourhood."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.exposed import exposed_area, frozen_frames, require_separable
from foreknow.angiography.pan import Pan, find_pan, no_pan
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.subspace import background_at_full_size
from foreknow.model import Model
from foreknow.noise import Exact
from foreknow.operators import Mask
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import ConvergenceWarning, Solution, noise_level

_DIRECTION = 1e-2  # of the largest singular value: what counts as a direction of the background


@dataclass(frozen=True)
class Separation:
    """A run taken apart: attenuation = vessels + background.

    Attributes:
        vessels: (frames, height, width) float32, 0 or more; exactly 0 where nothing was found.
        background: (frames, height, width) float32.
        area: (height, width) bool, what was exposed; outside the vessel layer is 0.
        noise: standard deviation of the noise of a pixel, attenuation.
        pan: how the picture moved.
        certificate: relative duality gap of the last solve.
        iterations: of all solves.
        converged: whether all solves reached their tolerance.
        directions: rank of the background, at the working size.
        formula: of the model.
        notices: sentences for the user.
    """

    vessels: Tensor = field(repr=False)
    background: Tensor = field(repr=False)
    area: Tensor = field(repr=False)
    noise: float
    pan: Pan
    certificate: float
    iterations: int
    converged: bool
    directions: int
    formula: str
    notices: tuple[str, ...]


def separate_run(
    attenuation: Tensor,
    opened: Tensor | None = None,
    darkest: float = math.inf,
    settings: EnhanceSettings | None = None,
    name: str = "the run",
    progress: Callable[[float], None] | None = None,
) -> Separation:
    r"""Separate a run into vessels and background.

    The background of all frames, one a row, has low rank; vessels are sparse and add attenuation. Both sum to the frames exactly:

        min |L|_* + sum_i w_i s_i   over  L + S = D, S >= 0.

    It is solved to a certified duality gap. Then the weights w follow what was found around each pixel (Candes, Wakin and Boyd
    2008): small beside a vessel, large where nothing is near, and it is solved again.

    Args:
        attenuation: (frames, height, width) float32.
        opened: (height, width) bool, where no shutter is; everywhere if None.
        darkest: attenuation of unexposed pixels.
        settings: how to separate.
        name: what sentences call the run.
        progress: told the share that is done, 0 to 1; may raise to stop.

    Raises:
        DataError: if there are too few frames, or nothing to separate in them.
    """
    settings = settings or EnhanceSettings()
    tell = progress or (lambda share: None)  # noqa: ARG005
    opened = torch.ones(attenuation.shape[1:], dtype=torch.bool) if opened is None else opened
    area = exposed_area(attenuation, opened, darkest)
    require_separable(attenuation, area, name, settings.least_frames)
    factor = max(1, math.ceil(max(attenuation.shape[1:]) / settings.working_side))
    small = _reduced(attenuation, factor)
    inside = _reduced(area[None].float(), factor)[0] > 0.999
    pan, remarks = _pan(small, inside, settings, factor)
    tell(0.1)
    sigma = float(noise_level(torch.where(inside, small, 0.0)[:, inside], time_axis=-2))
    placed = pan.align(torch.where(inside, small, small.new_zeros(())))
    seen = pan.align(inside.expand_as(small).contiguous())  # without movement what is hidden is 0 in all frames, which has low rank
    solutions = _solve(placed, seen if pan.reach else None, sigma, settings, tell)
    last = solutions[-1]
    low_rank, vessels = last["background"], last["vessels"]
    if factor > 1:
        whole_pan = _scaled(pan, factor, attenuation)
        vessels, background = background_at_full_size(attenuation, area, vessels, low_rank, pan, whole_pan, factor)
        pan = whole_pan
    else:
        vessels = pan.restore(vessels, (small.shape[1], small.shape[2]))
        vessels = torch.where(area, vessels, 0.0)
        background = attenuation - vessels
    tell(0.9)
    rows = low_rank.flatten(1).double()
    values = torch.linalg.eigvalsh(rows @ rows.T).flip(0).clamp_min(0).sqrt()
    return Separation(
        vessels=vessels,
        background=background,
        area=area,
        noise=float(noise_level(attenuation[:, area], time_axis=-2)),
        pan=pan,
        certificate=float(last.certificate.worst),
        iterations=sum(solution.iterations for solution in solutions),
        converged=all(bool(solution.converged) for solution in solutions),
        directions=int((values > _DIRECTION * values[0]).sum()),
        formula="min |background|_* + sum of w * vessels, background + vessels = attenuation, vessels >= 0",
        notices=(*remarks, *_remarks(attenuation, settings), *_unsolved(solutions, settings)),
    )


def _solve(
    frames: Tensor, seen: Tensor | None, sigma: float, settings: EnhanceSettings, tell: Callable[[float], None]
) -> list[Solution]:
    weight: float | Tensor = settings.sparse_weight / math.sqrt(frames[0].numel())
    solutions: list[Solution] = []
    for number in range(settings.rounds):
        model = _model(weight, seen)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it becomes a notice
            solutions.append(model.solve(frames, tolerance=settings.tolerance, max_iterations=settings.max_iterations))
        tell(0.1 + 0.7 * (number + 1) / settings.rounds)
        weight = _weights(solutions[-1]["vessels"], sigma, settings)
    return solutions


def _model(weight: float | Tensor, seen: Tensor | None) -> Model:
    vessels = L1(weight, event_dims=3) & NonNegative(event_dims=3)
    if seen is None:
        return Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(vessels), noise=Exact())
    mask = Mask(seen)
    return Model(background=Component(NuclearNorm(event_dims=3), mask), vessels=Component(vessels, mask), noise=Exact())


def _weights(vessels: Tensor, sigma: float, settings: EnhanceSettings) -> Tensor:
    """Weights of every pixel by the vessels around it, (frames, height, width)."""
    around = gaussian_blur(vessels, settings.coherence_width / 1000 * min(vessels.shape[1:]))
    factor = settings.coherence / (1 + around / max(settings.coherence_level * sigma, 1e-12))
    return settings.sparse_weight / math.sqrt(vessels[0].numel()) * factor.clamp_min(1 / (2 * settings.coherence - 1))


def _reduced(frames: Tensor, factor: int) -> Tensor:
    """Means of squares of ``factor`` pixels; what is left over at the right and below is left out."""
    return functional.avg_pool2d(frames[:, None], factor)[:, 0] if factor > 1 else frames


def _pan(frames: Tensor, inside: Tensor, settings: EnhanceSettings, factor: int) -> tuple[Pan, list[str]]:
    """The movement of the picture, if undoing it makes the frames more alike; and what to say about it."""
    still = no_pan(len(frames), (frames.shape[1], frames.shape[2]))
    found = find_pan(frames, inside)
    if not found.reach:
        return still, []
    gain = _unlikeness(frames, inside, found) / max(_unlikeness(frames, inside, still), 1e-12)
    if gain > 1:
        return still, []
    length = f"the whole picture moves by up to {factor * found.reach:.0f} pixels (table or patient)"
    if gain <= settings.pan_gain:
        return found, [f"{length}; frames were moved back into place by whole pixels"]
    return still, [f"{length}; this was left to the background, and vessels near edges that move are less sure"]


def _unlikeness(frames: Tensor, inside: Tensor, pan: Pan) -> float:
    """Mean distance of the frames from their median in place, where all of them are seen."""
    common = pan.align(inside.expand_as(frames).contiguous()).all(dim=0)
    if not bool(common.any()):
        return math.inf
    seen = pan.align(frames)[:, common]
    return float((seen - seen.median(dim=0).values).abs().mean())


def _scaled(pan: Pan, factor: int, attenuation: Tensor) -> Pan:
    if not pan.reach:
        return no_pan(len(attenuation), (attenuation.shape[1], attenuation.shape[2]))
    shifts = factor * pan.shifts
    low, spread = shifts.amin(0).tolist(), (shifts.amax(0) - shifts.amin(0)).tolist()
    return Pan(shifts, (int(low[0]), int(low[1])), (attenuation.shape[1] + int(spread[0]), attenuation.shape[2] + int(spread[1])))


def _remarks(attenuation: Tensor, settings: EnhanceSettings) -> list[str]:
    remarks = []
    repeated = int(frozen_frames(attenuation).sum())
    if repeated:
        remarks.append(f"{repeated} of {len(attenuation)} frames repeat the frame before")
    if len(attenuation) < 2 * settings.least_frames:
        remarks.append(f"only {len(attenuation)} frames: vessels that hardly move between them stay in the background")
    return remarks


def _unsolved(solutions: list[Solution], settings: EnhanceSettings) -> list[str]:
    if all(solution.converged for solution in solutions):
        return []
    gap = max(float(solution.certificate.worst) for solution in solutions)
    return [f"the solver stopped at a relative duality gap of {gap:.1g}, above {settings.tolerance:g}"]
