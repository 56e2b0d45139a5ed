"""Vessels out of a moving background: what was exposed, what pans, the size to work at, and a solver in the middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from foreknow.angiography.exposed import exposed_area, frozen_frames, require_separable
from foreknow.angiography.mask_rule import MaskRule
from foreknow.angiography.noise import noise_of_run
from foreknow.angiography.pan import Pan, no_pan
from foreknow.angiography.pan_of_run import pan_of_run, reduced
from foreknow.angiography.reweighted import Found, ReweightedRobustPCA
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.subspace import background_at_full_size

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
        certificate: relative duality gap of the last solve; None where nothing was solved to one.
        iterations: of all solves, or frames that a network looked at.
        converged: whether all solves reached their tolerance.
        directions: rank of the background, at the working size.
        formula: of the model.
        notices: sentences for the user.
        mask_rule: how this kind of result becomes a mask (`vessel_mask`).
        gate: (frames, height, width) float32, 0 to 1, how sure a network is of a vessel; None where none looked.
    """

    vessels: Tensor = field(repr=False)
    background: Tensor = field(repr=False)
    area: Tensor = field(repr=False)
    noise: float
    pan: Pan
    certificate: float | None
    iterations: int
    converged: bool
    directions: int
    formula: str
    notices: tuple[str, ...]
    mask_rule: MaskRule
    gate: Tensor | None = field(default=None, repr=False)


class RunSolver(Protocol):
    """How the low-rank background and the vessels of frames in place are found."""

    def __call__(self, frames: Tensor, seen: Tensor | None, tell: Callable[[float], None]) -> Found:
        """Take frames apart.

        Args:
            frames: (frames, height, width) attenuation, 0 where it is hidden.
            seen: (frames, height, width) bool, what is not hidden; None for all.
            tell: told the share that is done.
        """


def separate_run(
    attenuation: Tensor,
    opened: Tensor | None = None,
    darkest: float = math.inf,
    settings: EnhanceSettings | None = None,
    name: str = "the run",
    progress: Callable[[float], None] | None = None,
    solver: RunSolver | None = None,
) -> Separation:
    r"""Separate a run into vessels and background.

    The background of all frames, one a row, has low rank; vessels are sparse and add attenuation. Both sum to the frames exactly:

        min |L|_* + sum_i w_i s_i   over  L + S = D, S >= 0.

    It is solved to a certified duality gap, with weights w that follow from a solution with equal ones (`ReweightedRobustPCA`).

    Args:
        attenuation: (frames, height, width) float32.
        opened: (height, width) bool, where no shutter is; everywhere if None.
        darkest: attenuation of unexposed pixels.
        settings: how to separate.
        name: what sentences call the run.
        progress: told the share that is done, 0 to 1; may raise to stop.
        solver: what finds background and vessels; `ReweightedRobustPCA` with ``settings`` if None.

    Raises:
        DataError: if there are too few frames, or nothing to separate in them.
    """
    settings = settings or EnhanceSettings()
    solver = solver or ReweightedRobustPCA(settings)
    tell = progress or (lambda share: None)  # noqa: ARG005
    opened = torch.ones(attenuation.shape[1:], dtype=torch.bool) if opened is None else opened
    area = exposed_area(attenuation, opened, darkest)
    require_separable(attenuation, area, name, settings.least_frames)
    factor = max(1, math.ceil(max(attenuation.shape[1:]) / settings.working_side))
    small, inside = reduced(attenuation, factor), reduced(area[None].float(), factor)[0] > 0.999
    pan, remarks = pan_of_run(small, inside, settings.pan_gain, factor)
    tell(0.1)
    placed = pan.align(torch.where(inside, small, small.new_zeros(())))
    seen = pan.align(inside.expand_as(small).contiguous())  # without movement what is hidden is 0 in all frames, which has low rank
    found = solver(placed, seen if pan.reach else None, lambda share: tell(0.1 + 0.7 * share))
    low_rank, vessels = found.background, found.vessels
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
        noise=noise_of_run(attenuation, area),
        pan=pan,
        certificate=found.certificate,
        iterations=found.iterations,
        converged=found.converged,
        directions=int((values > _DIRECTION * values[0]).sum()),
        formula=found.formula,
        mask_rule=found.mask_rule,
        notices=(*remarks, *_remarks(attenuation, settings), *found.notices),
    )


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
