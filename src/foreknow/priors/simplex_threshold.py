"""The threshold behind projections onto the simplex and the L1 ball, and behind the proximal map of the L-infinity norm."""

import torch
from torch import Tensor


def simplex_threshold(values: Tensor, total: Tensor) -> Tensor:
    r"""The tau with sum_i max(values_i - tau, 0) = total, along the last axis.

    By sorting (Held, Wolfe and Crowder 1974; Duchi et al. 2008); the sum is then taken again over the elements above tau, which
    makes it accurate to rounding for long axes and gives the gradient.

    Args:
        values: (\*batch, n), real.
        total: non-negative, broadcastable to (\*batch, 1).

    Returns:
        (\*batch, 1); the largest value where the total is 0.
    """
    with torch.no_grad():
        ordered = values.sort(dim=-1, descending=True).values
        count = torch.arange(1, values.shape[-1] + 1, dtype=values.dtype, device=values.device)
        excess = ordered.cumsum(-1) - total
        active = (ordered * count > excess).sum(-1, keepdim=True).clamp_min(1)
        rough = excess.gather(-1, active - 1) / active
        above = (values > rough) | (values == ordered[..., :1])
    return (torch.where(above, values, 0.0).sum(-1, keepdim=True) - total) / above.sum(-1, keepdim=True)
