"""Whether the whole picture moves in a run, whether that is undone, and what the user is told."""

import math

from torch import Tensor
from torch.nn import functional

from foreknow.angiography.pan import Pan, find_pan, no_pan


def pan_of_run(frames: Tensor, inside: Tensor, gain: float, factor: int = 1) -> tuple[Pan, list[str]]:
    """The movement that is to be undone, and sentences on what moves.

    Args:
        frames: (frames, height, width) attenuation.
        inside: (height, width) bool, what was exposed.
        gain: the movement is undone if frames in place then differ from their median by at most this share of what they did.
        factor: how much smaller the frames are than those of the file.
    """
    still = no_pan(len(frames), (frames.shape[1], frames.shape[2]))
    found = find_pan(frames, inside)
    if not found.reach:
        return still, []
    share = _unlikeness(frames, inside, found) / max(_unlikeness(frames, inside, still), 1e-12)
    if share > 1:
        return still, []
    length = f"the whole picture moves by up to {factor * found.reach:.0f} pixels (table or patient)"
    if share <= gain:
        return found, [f"{length}; frames were moved back into place by whole pixels"]
    return still, [f"{length}; this was left to the background, and vessels near edges that move are less sure"]


def reduced(frames: Tensor, factor: int) -> Tensor:
    """Means of squares of ``factor`` pixels; what is left over at the right and below is left out."""
    return functional.avg_pool2d(frames[:, None], factor)[:, 0] if factor > 1 else frames


def _unlikeness(frames: Tensor, inside: Tensor, pan: Pan) -> float:
    """Mean distance of the frames from their median in place, where all of them are seen."""
    common = pan.align(inside.expand_as(frames).contiguous()).all(dim=0)
    if not bool(common.any()):
        return math.inf
    seen = pan.align(frames)[:, common]
    return float((seen - seen.median(dim=0).values).abs().mean())
