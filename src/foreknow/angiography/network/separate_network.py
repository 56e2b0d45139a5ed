"""A run or a single frame taken apart by the network: the same kind of result as by the solver."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from foreknow.angiography.exposed import exposed_area, frozen_frames, require_separable
from foreknow.angiography.mask_rule import GateRule
from foreknow.angiography.network.looking import look_at_run
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.noise import noise_of_run
from foreknow.angiography.pan import no_pan
from foreknow.angiography.pan_of_run import pan_of_run, reduced
from foreknow.angiography.separate import Separation
from foreknow.angiography.settings import EnhanceSettings

FORMULA = "vessels = gate * max(attenuation - b, 0), gate and b by a network; background = attenuation - vessels"

_MAGNIFIED = 2
_PAN_SIDE = 256  # pixels at which movement is looked for


def separate_by_network(
    network: VesselNetwork,
    attenuation: Tensor,
    opened: Tensor | None = None,
    darkest: float = math.inf,
    settings: EnhanceSettings | None = None,
    name: str = "the frame",
    progress: Callable[[float], None] | None = None,
    *,
    alone: bool = False,
) -> Separation:
    """Separate frames into vessels and background.

    Args:
        network: in evaluation mode (`load_network`).
        attenuation: (frames, height, width) float32; one frame is enough.
        opened: (height, width) bool, where no shutter is; everywhere if None.
        darkest: attenuation of unexposed pixels.
        settings: its ``working_side`` is where the network looks; small frames are enlarged twice at most.
        name: what sentences call the run.
        progress: told the share that is done, 0 to 1; may raise to stop.
        alone: whether each frame is looked at as if it were the only one.

    Raises:
        DataError: if there is nothing to separate.
    """
    settings = settings or EnhanceSettings()
    opened = torch.ones(attenuation.shape[1:], dtype=torch.bool) if opened is None else opened
    area = exposed_area(attenuation, opened, darkest)
    require_separable(attenuation, area, name, 1)
    side = min(settings.working_side, _MAGNIFIED * max(attenuation.shape[1:]))
    seen = look_at_run(network, attenuation, area, side=side, alone=alone, tell=progress)
    frames = len(attenuation)
    notices = [] if alone or frames == 1 else _moving(attenuation, area)
    repeated = int(frozen_frames(attenuation).sum())
    return Separation(
        vessels=seen.vessels,
        background=attenuation - seen.vessels,
        area=area,
        noise=noise_of_run(attenuation, area) if frames > 1 else _noise_of_frame(attenuation[0], area),
        pan=no_pan(frames, (attenuation.shape[1], attenuation.shape[2])),
        certificate=None,
        iterations=frames,
        converged=True,
        directions=0,
        formula=FORMULA,
        mask_rule=GateRule(),
        notices=(*notices, *([f"{repeated} of {frames} frames repeat the frame before"] if repeated else [])),
        gate=seen.gate,
    )


def _moving(attenuation: Tensor, area: Tensor) -> list[str]:
    """What to say of a table that pans. The frames stay where they are: on simulated pans the network finds less in moved ones."""
    factor = max(1, math.ceil(max(attenuation.shape[1:]) / _PAN_SIDE))
    inside = reduced(area[None].float(), factor)[0] > 0.999
    return pan_of_run(reduced(attenuation, factor), inside, 0.0, factor)[1]


def _noise_of_frame(frame: Tensor, area: Tensor) -> float:
    """By the median modulus of the second difference along rows, which passes 6 times the variance of white noise."""
    bent = (frame[:, 2:] - 2 * frame[:, 1:-1] + frame[:, :-2])[area[:, 2:] & area[:, :-2]]
    return float(bent.abs().median() / (0.6745 * math.sqrt(6))) if bent.numel() else 0.0
