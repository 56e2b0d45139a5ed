"""Steps in which a depth camera counts: of depth, and of disparity."""

import torch
from torch import Tensor

_ENOUGH = 5  # pixels with a level, for it not to be an accident
_TOO_MANY = 20_000  # levels: the frames are not in steps


def fit_steps(frames: Tensor, reference: float) -> tuple[float, float]:
    """Step of depth, and step in depth at the reference distance by a step of disparity (0 for none), in the unit of the frames.

    Levels of a camera that counts depth lie one step apart everywhere; those of one that counts disparity ever farther.

    Args:
        frames: any shape, NaN where nothing was seen.
        reference: distance that the step of disparity refers to.
    """
    seen = frames[~frames.isnan()].to(torch.float64)
    levels, counts = (seen / 1e-3).round().unique(return_counts=True)  # in micrometres: the rounding of 32 bits does not matter
    levels = levels[counts >= _ENOUGH] * 1e-3
    if not 3 <= len(levels) <= _TOO_MANY:
        return 0.0, 0.0
    gaps, middle = levels.diff(), 0.5 * (levels[1:] + levels[:-1])
    step = float(gaps.quantile(0.02))
    grown = gaps * (reference / middle).square()
    usual = float(grown.median())
    # steps of disparity: gaps are larger than a count, and alike once their growth is taken out
    even = float((grown.log() - grown.log().median()).abs().median())
    flat = float((gaps.log() - gaps.log().median()).abs().median())
    if float(gaps.median()) > 1.5 * step and even < max(flat, 0.35):
        return step, usual
    return step, 0.0
