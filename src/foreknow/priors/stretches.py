r"""The proximal map of total variation along one axis, exact and for a whole batch at once.

The minimiser of 1/2 |x - y|^2 + t sum_k |x_{k+1} - x_k| is found by divide and conquer over its levels (Darbon and Sigelle 2006;
Hochbaum 2001). Take a stretch of samples and their mean m. Which samples of the minimiser lie above m is a binary problem,
solved by one forward recursion p_k = clip(p_{k-1} + m - y_k, -t, t) and one backward look. If all lie on one side, the minimiser is
the constant m there. Else the stretch is cut where the side changes; the cut edge, whose sign is now known, moves its two samples
by t towards each other, and the pieces are independent. All stretches of all batch items take each round together, and the
recursion, being a composition of clipped translations, is evaluated in log2(length) steps: no loop over samples.
"""

import torch
from torch import Tensor

from foreknow.errors import DataError, ShapeError, UnsupportedError


def total_variation_prox_1d(y: Tensor, threshold: float | Tensor) -> Tensor:
    """argmin_x 1/2 |x - y|^2 + threshold sum_k |x_{k+1} - x_k| along the last axis.

    Exact to rounding (float32 is computed in float64). Differentiable any number of times with respect to y and threshold: the
    Jacobian averages over each constant stretch.

    Args:
        y: (*batch, n), real.
        threshold: non-negative; a number, or a tensor (*batch,).

    Raises:
        UnsupportedError: if y is complex.
        ShapeError: if the threshold does not fit the batch.
        DataError: if an entry of y is NaN or infinite.
    """
    if y.is_complex():
        message = "exact total variation along one axis is for real signals; use TotalVariation(event_dims=1) for complex ones"
        raise UnsupportedError(message)
    batch, size = y.shape[:-1], y.shape[-1]
    level = torch.as_tensor(threshold, dtype=torch.float64, device=y.device)
    try:
        rows = level.expand(batch).reshape(-1, 1)
    except RuntimeError as error:
        message = f"the threshold of shape {tuple(level.shape)} does not fit the batch axes {tuple(batch)}"
        raise ShapeError(message) from error
    data = y.to(torch.float64).reshape(-1, size)
    with torch.no_grad():
        if not bool(torch.isfinite(data).all()):
            message = "the signal has entries that are NaN or infinite; total variation needs finite numbers"
            raise DataError(message)
        stretch, push = _stretches(data, rows)
    return _means((data + rows * push).reshape(-1), stretch).reshape(y.shape).to(y.dtype)


def stretch_means(x: Tensor) -> Tensor:
    """X itself, with the derivative of averaging over each run of equal values along the last axis: (*batch, n) -> (*batch, n)."""
    rows = x.reshape(-1, x.shape[-1])
    starts = torch.ones_like(rows, dtype=torch.bool)
    starts[:, 1:] = rows[:, 1:] != rows[:, :-1]
    return _means(rows.reshape(-1), starts.reshape(-1).cumsum(0) - 1).reshape(x.shape)


def _means(values: Tensor, stretch: Tensor) -> Tensor:
    counts = torch.bincount(stretch)
    sums = torch.zeros(counts.numel(), dtype=values.dtype, device=values.device).index_add(0, stretch, values)
    return (sums / counts.to(values.dtype))[stretch]


def _stretches(data: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """The constant stretches of the minimiser.

    Args:
        data: (rows, n).
        threshold: (rows, 1).

    Returns:
        The number of each sample's stretch, (rows * n,), ascending from 0; and by how many thresholds its cut edges push each
        sample, (rows, n): -2 to 2.
    """
    rows, size = data.shape
    edge = threshold.expand(rows, size).clone()
    edge[:, -1:] = 0
    first = torch.ones(rows, size, dtype=torch.bool, device=data.device)
    first[:, 1:] = edge[:, :-1] == 0
    push = torch.zeros(rows * size, dtype=data.dtype, device=data.device)
    starts, edges, moved = first.reshape(-1), edge.reshape(-1), data.reshape(-1)
    place = torch.arange(rows * size, device=data.device)
    here_starts, here_edges, here_moved = starts.clone(), edges.clone(), moved.clone()
    while place.numel():
        high = _above_mean(here_moved, here_edges, here_starts)
        cut = torch.zeros_like(high)
        cut[:-1] = (high[1:] != high[:-1]) & ~here_starts[1:]
        at = cut.nonzero().squeeze(1)
        sign = torch.where(high[at], 1.0, -1.0).to(data.dtype)
        shift = sign * here_edges[at]
        here_moved[at] -= shift
        here_moved[at + 1] += shift
        push[place[at]] -= sign
        push[place[at + 1]] += sign
        starts[place[at + 1]] = True
        stretch = here_starts.cumsum(0) - 1
        open_stretch = torch.zeros_like(here_starts)
        open_stretch[stretch[at]] = True
        keep = open_stretch[stretch]
        here_edges[at] = 0
        here_starts[at + 1] = True
        place, here_starts, here_edges, here_moved = place[keep], here_starts[keep], here_edges[keep], here_moved[keep]
    return starts.cumsum(0) - 1, push.reshape(rows, size)


def _above_mean(data: Tensor, edges: Tensor, starts: Tensor) -> Tensor:
    """Whether the minimiser lies above the mean of its stretch, for each sample.

    Args:
        data: (m,), all stretches one after the other.
        edges: (m,), the weight of the edge to the next sample; 0 at the last one of a stretch.
        starts: (m,), whether a stretch begins.
    """
    stretch = starts.cumsum(0) - 1
    lengths = torch.bincount(stretch)
    means = torch.zeros(lengths.numel(), dtype=data.dtype, device=data.device).index_add_(0, stretch, data) / lengths
    slope = means[stretch] - data
    message = _clipped_sums(slope, edges, int(lengths.max()))
    before = slope
    before[1:] += message[:-1]  # 0 where a stretch begins, as the edge before it is 0
    last = torch.ones_like(starts)
    last[:-1] = starts[1:]
    decided = (before.abs() > edges) | last
    index = torch.where(decided, torch.arange(data.numel(), device=data.device), data.numel())
    nearest = index.flip(0).cummin(0).values.flip(0)
    return (before < 0)[nearest]


def _clipped_sums(slope: Tensor, edges: Tensor, longest: int) -> Tensor:
    """p_k = clip(p_{k-1} + slope_k, -edge_k, edge_k), by composing ever longer runs of clipped translations."""
    shift, high = slope.clone(), edges.clone()
    low = -high
    reach = 1
    while reach < longest:
        ahead_low, ahead_high, ahead = low[reach:], high[reach:], shift[reach:]
        new_low = torch.clamp(low[:-reach] + ahead, ahead_low, ahead_high)
        new_high = torch.clamp(high[:-reach] + ahead, ahead_low, ahead_high)
        new_shift = shift[:-reach] + ahead
        low[reach:], high[reach:], shift[reach:] = new_low, new_high, new_shift
        reach *= 2
    return torch.clamp(shift, low, high)
