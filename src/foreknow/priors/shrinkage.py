"""Functions f of a singular value, as shrinkages: the multiplier f(s) / s and its divided differences."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError


class Shrinkage(ABC):
    r"""A function f of the singular values, given by its multiplier phi = f(s) / s.

    Arguments: ``values`` (\*batch, T) descending and ``level`` broadcastable against it, both float64.

    Attributes:
        exact_small_values: whether small values of single-precision data matter beyond what the Gram matrix resolves.
    """

    exact_small_values: bool = False

    @abstractmethod
    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """The multiplier phi, (*batch, T); zero on the directions that are removed."""

    @abstractmethod
    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """D_ij = (phi_i - phi_j) / (s_i^2 - s_j^2), (*batch, T, T), with its limit on ties."""

    def level_slope(self, values: Tensor, level: Tensor) -> Tensor:
        """The derivative of phi with respect to the level, (*batch, T); zero unless overridden."""
        return torch.zeros_like(values + level)

    def slope_divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """The derivative of D_ij with respect to the level, (*batch, T, T); zero unless overridden."""
        return torch.zeros_like(values + level).unsqueeze(-1) * values.unsqueeze(-2)

    def second_divided_difference(self, values: Tensor, level: Tensor) -> Tensor:  # noqa: ARG002
        """D_ijk = (D_ij - D_jk) / (s_i^2 - s_k^2), (*batch, T, T, T), with its limit on ties, for second derivatives.

        Raises:
            UnsupportedError: where it is not known.
        """
        message = f"{type(self).__name__} has no second derivative in closed form; differentiate once"
        raise UnsupportedError(message)


class SoftShrinkage(Shrinkage):
    """f(s) = max(s - level, 0); one level, or one a singular value (ascending, so that the order of the values is kept)."""

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 - level / s above the level, else 0; 1 where the level is 0."""
        shrunk = (values - level) / values.clamp_min(_TINY)
        return torch.where(values > level, shrunk, (level == 0).to(values.dtype))

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Bounded by 1 / (2 level^2): no gap between values is divided by, unless their levels differ."""
        high, low = _pairs(values)
        high_level, low_level = _pairs(level.expand_as(values))
        high_kept, low_kept = _pairs((values > level) | (level == 0))
        gap, total = high - low, (high + low).clamp_min(_TINY)
        both = low_level / (high * low).clamp_min(_TINY) / total
        differing = (low_level != high_level) & (gap > _TIE * total)
        both = both + torch.where(differing, (low_level - high_level) / (high * gap.clamp_min(_TINY) * total).clamp_min(_TINY), 0.0)
        one = (high - high_level).clamp_min(0) / gap.clamp_min(_TINY) / (high * total).clamp_min(_TINY)
        one = torch.where(gap > _TIE * total, one, 0.0) if level.shape[-1:] == values.shape[-1:] else one
        return torch.where(low_kept, both, torch.where(high_kept, one, 0.0))

    def level_slope(self, values: Tensor, level: Tensor) -> Tensor:
        """-1 / s above the level, else 0."""
        return torch.where(values > level, -1.0 / values.clamp_min(_TINY), 0.0)

    def slope_divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Of one level a matrix."""
        high, low = _pairs(values)
        both = 1.0 / (high * low * (high + low)).clamp_min(_TINY)
        one = -1.0 / (high * (high - low) * (high + low)).clamp_min(_TINY)
        level = level.unsqueeze(-1)
        return torch.where(low > level, both, torch.where((high > level) & (level > 0), one, 0.0))

    def second_divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Divides by the gap of two values only where the level lies between them; for one level a matrix."""
        if level.shape[-1] != 1:
            return super().second_divided_difference(values, level)
        index = torch.arange(values.shape[-1], device=values.device)
        i, j, k = torch.meshgrid(index, index, index, indexing="ij")
        first, last = torch.minimum(torch.minimum(i, j), k), torch.maximum(torch.maximum(i, j), k)
        middle = i + j + k - first - last
        high, mid, low = (values[..., rank] for rank in (first, middle, last))
        products = high * mid * low * (high + mid) * (mid + low) * (high + low)
        differences = self.divided_difference(values, level)
        level = level[..., None, None]
        all_kept = -level * (high + mid + low) / products.clamp_min(_TINY)
        split = (differences[..., first, middle] - differences[..., middle, last]) / ((high - low) * (high + low)).clamp_min(_TINY)
        return torch.where(low > level, all_kept, torch.where((high > level) & (level > 0), split, 0.0))


class HardShrinkage(Shrinkage):
    """f(s) = s above the level, else 0."""

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 above the level, else 0."""
        return (values > level).to(values.dtype)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Non-zero between a kept and a removed direction only."""
        return _projector_difference(values, values > level)


class LeadingShrinkage(Shrinkage):
    """f keeps the ``rank`` largest singular values and removes the others (Eckart and Young 1936); it has no level."""

    def __init__(self, rank: int) -> None:
        if rank < 0:
            message = f"a rank is a non-negative whole number, not {rank}"
            raise ParameterError(message)
        self.rank = rank

    def _kept(self, values: Tensor) -> Tensor:
        return (torch.arange(values.shape[-1], device=values.device) < self.rank).expand_as(values)

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:  # noqa: ARG002
        """1 on the leading directions, else 0."""
        return self._kept(values).to(values.dtype)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:  # noqa: ARG002
        """Non-zero between a kept and a removed direction only; taken as 0 where these tie."""
        return _projector_difference(values, self._kept(values))


class PolarShrinkage(Shrinkage):
    """f(s) = 1 above the level, else 0: U V^H, the orthogonal polar factor, without its dead directions."""

    exact_small_values = True

    def multiplier(self, values: Tensor, level: Tensor) -> Tensor:
        """1 / s above the level, else 0."""
        return torch.where(values > level, 1.0 / values.clamp_min(_TINY), 0.0)

    def divided_difference(self, values: Tensor, level: Tensor) -> Tensor:
        """Of perturbations that keep the rank."""
        high, low = _pairs(values)
        both = -1.0 / (high * low * (high + low)).clamp_min(_TINY)
        one = 1.0 / (high**3).clamp_min(_TINY)
        return torch.where(low > level.unsqueeze(-1), both, torch.where(high > level.unsqueeze(-1), one, 0.0))


SOFT = SoftShrinkage()
HARD = HardShrinkage()
POLAR = PolarShrinkage()
_TINY = 1e-290
_TIE = 1e-12


def _pairs(values: Tensor) -> tuple[Tensor, Tensor]:
    """For each i, j the entry of the smaller and of the larger index: the larger and the smaller of two descending values."""
    index = torch.arange(values.shape[-1], device=values.device)
    return values[..., torch.minimum(index[:, None], index)], values[..., torch.maximum(index[:, None], index)]


def _projector_difference(values: Tensor, kept: Tensor) -> Tensor:
    high, low = _pairs(values)
    first, last = _pairs(kept)
    gap = (high - low) * (high + low)
    return torch.where(first & ~last & (high - low > _TIE * high), 1.0 / gap.clamp_min(_TINY), 0.0)
