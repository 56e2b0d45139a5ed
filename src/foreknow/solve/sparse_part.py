r"""What robust PCA needs to know of the sparse part: for Z = S + noise, the proximal map of the prior of Z and its dual.

With R the prior of S and Gaussian noise of variance v (0 for exact data), the prior of Z is the infimal convolution
Q(Z) = min_S R(S) + |Z - S|^2 / (2 v), the Moreau envelope of R. Its proximal map of step t leaves the dual residual

    t - prox_{t Q} = t / (t + v) (id - prox_{(t + v) R}),   and then   S = prox_{(t + v) R}

(Bauschke and Combettes 2017, proposition 24.8), so that noisy data cost a factor and no second array.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from foreknow.priors import L1, OnOrthant, Prior
from foreknow.solve.matrix_layout import MatrixLayout

Number = float | Tensor
"""A Python number, or one number an item, (items, 1, 1)."""


class SparsePart(ABC):
    """The prior R of the sparse part, bound to the layout of the data.

    Attributes:
        rowwise: whether rows can be treated block by block.
        mask: which entries are observed, (1, rows, columns), boolean; None for all. R does not see the others.
    """

    rowwise: bool
    mask: Tensor | None = None

    @abstractmethod
    def residual(self, point: Tensor, rows: slice, step: Number, variance: Number, out: Tensor) -> Tensor:
        """The dual residual point - prox_{step Q}(point) of a block of rows, written to ``out`` where that helps."""

    @abstractmethod
    def proximal(self, point: Tensor, rows: slice, step: Number, variance: Number) -> Tensor:
        """S = prox_{(step + variance) R}(point) of a block of rows."""

    @abstractmethod
    def into_dual_ball(self, dual: Tensor, rows: slice, out: Tensor) -> Tensor:
        """The point of the dual ball, the domain of R^*, nearest to a block of rows of a dual variable, written to ``out``."""


class SoftThreshold(SparsePart):
    """R(S) = sum_ij w_ij |s_ij| on the entries that are observed, with or without a sign: element-wise clamping of real matrices.

    Args:
        weight: w, real and non-negative: (items or 1, 1, 1), or (items or 1, rows, columns) for one weight an entry.
        sign: 1.0 for S >= 0, -1.0 for S <= 0, 0.0 for both signs.
        mask: which entries are observed.
    """

    rowwise = True

    def __init__(self, weight: Tensor, sign: float = 0.0, mask: Tensor | None = None) -> None:
        self.weight = weight
        self.sign = sign
        self.mask = mask
        self.uniform = weight.shape[-2:] == (1, 1)

    def bound(self, rows: slice, like: Tensor) -> Number:
        """The weights of a block of rows."""
        if not self.uniform:
            return self.weight[:, rows].to(like.dtype)
        if self.weight.numel() == 1 and like.device.type == "cpu":
            return float(self.weight)
        return self.weight.to(like.dtype)

    def residual(self, point: Tensor, rows: slice, step: Number, variance: Number, out: Tensor) -> Tensor:  # noqa: D102
        scaled = point
        if not (isinstance(variance, float) and variance == 0.0):
            scaled = torch.mul(point, step / (step + variance), out=out)
        return self._clamp(scaled, self.bound(rows, point) * step, rows, out)

    def proximal(self, point: Tensor, rows: slice, step: Number, variance: Number) -> Tensor:  # noqa: D102
        out = self._clamp(point, self.bound(rows, point) * (step + variance), rows, torch.empty_like(point))
        return torch.sub(point, out, out=out)

    def into_dual_ball(self, dual: Tensor, rows: slice, out: Tensor) -> Tensor:  # noqa: D102
        return self._clamp(dual, self.bound(rows, dual), rows, out)

    def beyond(self, rest: Tensor, rows: slice, step: Number) -> Tensor:
        """What exceeds ``step`` times the weight and has an allowed sign, as it is; 0 elsewhere and where nothing was observed."""
        bound = self.bound(rows, rest) * step
        out = torch.hardshrink(rest, bound) if isinstance(bound, float) else torch.where(rest.abs() > bound, rest, 0.0)
        if self.sign:
            out.clamp_(0.0, None) if self.sign > 0 else out.clamp_(None, 0.0)
        return out if self.mask is None else out.mul_(self.mask[:, rows])

    def value(self, sparse: Tensor, rows: slice) -> Tensor:
        """R of a block of rows without its constraints, (items,), float64."""
        if self.uniform:
            return self.weight.to(torch.float64).reshape(-1) * sparse.abs().sum(dim=(-2, -1), dtype=torch.float64)
        return (self.weight[:, rows].to(torch.float64) * sparse.abs()).sum(dim=(-2, -1))

    def _clamp(self, x: Tensor, bound: Number, rows: slice, out: Tensor) -> Tensor:
        if isinstance(bound, float):
            low, high = (None if self.sign > 0 else -bound), (None if self.sign < 0 else bound)
            torch.clamp(x, low, high, out=out)
        else:  # a ternary kernel with broadcast bounds is six times slower
            if self.sign >= 0:
                x = torch.minimum(x, bound, out=out)
            if self.sign <= 0:
                torch.maximum(x, -bound, out=out)
        return out if self.mask is None else out.mul_(self.mask[:, rows])


class ProximalPart(SparsePart):
    """Any convex prior R with a proximal map, on whole events.

    Args:
        prior: R; its event axes may be fewer than those of the data.
        layout: of the data.
    """

    rowwise = False

    def __init__(self, prior: Prior, layout: MatrixLayout) -> None:
        self.prior = prior
        self.layout = layout

    def residual(self, point: Tensor, rows: slice, step: Number, variance: Number, out: Tensor) -> Tensor:  # noqa: D102
        torch.sub(point, self.proximal(point, rows, step, variance), out=out)
        return out if isinstance(variance, float) and variance == 0.0 else out.mul_(step / (step + variance))

    def proximal(self, point: Tensor, rows: slice, step: Number, variance: Number) -> Tensor:  # noqa: ARG002, D102
        total = step + variance
        if isinstance(total, Tensor):
            total = total.reshape(self.layout.batch + (1,) * len(self.layout.shape))
        return self.layout.matrix(self.prior.prox(self.layout.event(point), total).contiguous())

    def into_dual_ball(self, dual: Tensor, rows: slice, out: Tensor) -> Tensor:  # noqa: D102
        if self.prior.homogeneity != 1:  # R is no norm, and what its conjugate is finite at is not a ball
            return out.copy_(dual)
        return torch.sub(dual, self.proximal(dual, rows, 1.0, 0.0), out=out)


def sparse_part(prior: Prior, y: Tensor, layout: MatrixLayout, mask: Tensor | None) -> SparsePart:
    """The fastest treatment of a prior that there is.

    Args:
        prior: R, convex, with a proximal map.
        y: the data, (*batch, *shape), real or complex.
        layout: of the data.
        mask: which entries are observed, boolean, of the shape of an event; None for all. Only where `is_soft_threshold` holds.
    """
    if y.is_complex() or not is_soft_threshold(prior):
        return ProximalPart(prior, layout)
    inner, sign = (prior.prior, prior.sign) if isinstance(prior, OnOrthant) else (prior, 0.0)
    weight = inner.weight.detach().to(device=y.device, dtype=torch.float64)
    dims = len(layout.shape)
    if weight.ndim == 0 or all(size == 1 for size in weight.shape[max(0, weight.ndim - dims) :]):
        per_item = weight.reshape(weight.shape[: max(0, weight.ndim - dims)])
        spread = per_item.expand(layout.batch).reshape(-1, 1, 1) if per_item.ndim else per_item.reshape(1, 1, 1)
    else:
        spread = layout.matrix(weight.to(y.dtype).expand(y.shape).contiguous())
    flat = None if mask is None else MatrixLayout((), layout.shape).matrix(mask)
    return SoftThreshold(spread, sign, flat)


def is_soft_threshold(prior: Prior) -> bool:
    """Whether a prior is the L1 norm, with or without a sign, that `SoftThreshold` treats."""
    return type(prior) is L1 or (isinstance(prior, OnOrthant) and type(prior.prior) is L1)
