"""Masks widened and narrowed by discs of any radius: shifted copies put together, much quicker than a distance transform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def widened(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Pixels whose distance to some pixel of the mask is ``reach`` or less; (height, width)."""
    rows = min(int(reach), mask.shape[0] - 1)
    out = np.zeros_like(mask)
    run, half = mask.copy(), 0
    for row in range(rows, -1, -1):
        wide = math.isqrt(int(reach * reach) - row * row)
        while half < wide:  # a run grows by at most its own length at once
            step = min(wide - half, 2 * half + 1)
            run, half = _spread(run, step), half + step
        out[row:] |= run[: len(run) - row]
        out[: len(run) - row] |= run[row:]
    return out


def narrowed(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Pixels farther than ``reach`` from any pixel outside of the mask; what lies beyond the border of the image does not count."""
    return ~widened(~mask, reach)


def opened(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """What discs of radius ``reach`` that fit into the mask reach."""
    return mask & widened(narrowed(mask, reach), reach)


def _spread(run: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    wider = run.copy()
    wider[:, step:] |= run[:, : max(0, run.shape[1] - step)]
    wider[:, : max(0, run.shape[1] - step)] |= run[:, step:]
    return wider
