"""Sequences that only rise, or only fall."""

import torch
from torch import Tensor

from foreknow.priors.indicator import Indicator, require_real


class Monotone(Indicator):
    """x_1 <= x_2 <= ... <= x_n along the last axis (or >=): dose responses, calibration curves, cumulative quantities.

    The projection is isotonic regression by pooling adjacent violators (Ayer et al. 1955), all violating runs of all batch items
    at once: O(n) a round, and few rounds unless the data fall in many steps. With more event axes each row is monotone by itself.

    Args:
        increasing: False for sequences that fall.
        event_dims: number of trailing axes that one value is computed over.
    """

    homogeneity = 0.0

    def __init__(self, increasing: bool = True, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.increasing = increasing

    def _project(self, x: Tensor) -> Tensor:
        require_real(x, "Monotone")
        rising = x if self.increasing else -x
        blocks = _pool_adjacent_violators(rising.detach())
        fitted = _block_means(rising, blocks)
        return fitted if self.increasing else -fitted

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        require_real(x, "Monotone")
        rise = x.diff(dim=-1) if self.increasing else -x.diff(dim=-1)
        slack = tolerance * x.abs().amax(dim=-1, keepdim=True)
        return (rise >= -slack).flatten(-self.event_dims).all(-1)

    def _symbol(self) -> str:
        return "[{x} rises]" if self.increasing else "[{x} falls]"


def _pool_adjacent_violators(x: Tensor) -> Tensor:
    """The number of the block that each element belongs to, (*batch, n): blocks of the isotonic fit are runs of equal values.

    Neighbouring blocks with falling means are pooled, whole falling runs at once: a pooled run still exceeds the next block that
    its last member exceeded, so the order of pooling does not matter.
    """
    starts = torch.ones_like(x, dtype=torch.bool)
    while True:
        blocks = starts.cumsum(-1) - 1
        means = _block_means(x, blocks)
        falls = torch.zeros_like(starts)
        falls[..., 1:] = starts[..., 1:] & (means[..., :-1] > means[..., 1:])
        if not bool(falls.any()):
            return blocks
        starts = starts & ~falls


def _block_means(x: Tensor, blocks: Tensor) -> Tensor:
    """The mean of its block, for each element."""
    zero = torch.zeros_like(x)
    sums = zero.scatter_add(-1, blocks, x)
    counts = zero.scatter_add(-1, blocks, torch.ones_like(x))
    return (sums / counts.clamp_min(1)).gather(-1, blocks)
