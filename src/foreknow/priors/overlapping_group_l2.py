"""Group sparsity where groups share elements."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.indicator import require_real
from foreknow.priors.inner_solver import InexactProxWarning
from foreknow.shapes import inner, squared_norm


class OverlappingGroupL2(Prior):
    r"""w sum_g d_g \|x_g\|_2 over groups that may share elements (Jenatton, Audibert and Bach 2011).

    A vanishing group takes its elements out of all groups, so zeros form unions of groups. The proximal map has no closed form:
    its dual (one vector in a ball a group) is solved by accelerated projected gradients with restart until the duality gap bounds
    the error by ``tolerance`` |x|; Newton steps on the elements that are not zero then take it to rounding, and give the exact
    derivative. Memory is (batch x groups x n) and (batch x n x n): for events of up to some thousand numbers. There is no
    closed-form conjugate.

    Args:
        groups: index sets into the last axis; elements of no group are free.
        size: n, the length of the last axis.
        weight: a number, a tensor of shape (\*batch, 1), or a `Parameter`.
        group_weights: d, (G,), non-negative; ones if None.
        max_iterations: of projected gradients, after which the proximal map warns.

    Raises:
        ParameterError: if there is no group, an index is outside the axis or twice in a group, or a weight negative.
    """

    homogeneity = 1.0
    absolute = True
    tolerance = 1e-7

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        size: int,
        weight: float | Tensor | Parameter = 1.0,
        group_weights: Tensor | None = None,
        max_iterations: int = 20_000,
    ) -> None:
        super().__init__(weight, event_dims=1)
        if not groups or any(not group or len(set(group)) < len(group) or not set(group) <= set(range(size)) for group in groups):
            message = f"groups must be non-empty sets of distinct indices from 0 to {size - 1}"
            raise ParameterError(message)
        member = torch.zeros(len(groups), size, dtype=torch.float64)
        for row, group in enumerate(groups):
            member[row, list(group)] = 1.0
        scale = torch.ones(len(groups), dtype=torch.float64) if group_weights is None else group_weights.detach().double()
        if scale.shape != (len(groups),) or not bool((scale >= 0).all()):
            message = f"group_weights must be {len(groups)} non-negative numbers, one a group"
            raise ParameterError(message)
        self.member: Tensor
        self.group_weights: Tensor
        self.register_buffer("member", member)
        self.register_buffer("group_weights", scale)
        self.max_iterations = max_iterations

    def _check(self, x: Tensor) -> None:
        super()._check(x)
        require_real(x, "OverlappingGroupL2")
        if x.shape[-1] != self.member.shape[1]:
            message = f"the groups are for {self.member.shape[1]} elements, not for a tensor of shape {tuple(x.shape)}"
            raise ShapeError(message)

    def _norms(self, x: Tensor) -> Tensor:
        """The norm of each group, (*batch, G), with the gradient 0 at 0."""
        square = x.square() @ self.member.to(x).mT
        positive = square > 0
        return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), square)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * (self.group_weights.to(x) * self._norms(x)).sum(-1)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        dtype, shape = x.dtype, torch.broadcast_shapes(x.shape, threshold.shape)
        x = x.expand(shape).double()
        bound = self._per_item(threshold).double().unsqueeze(-1) * self.group_weights.to(x)  # (*batch, G)
        with torch.no_grad():
            rough = self._dual_ascent(x.detach(), bound.detach())
            norms = self._norms(rough)
            vanishes = (norms <= 100 * self.tolerance * _size(x)) & (bound > 0)
            point = torch.where(vanishes.to(x) @ self.member.to(x) > 0, 0.0, rough)
            start = point
            for _ in range(6):
                point = self._newton(point, x.detach(), bound.detach(), vanishes)
            strays = ~(_size(point - start) <= 1e-4 * _size(x))
            point = torch.where(strays, start, point)
        return self._newton(point, x, bound, vanishes, attach=True).to(dtype)

    def _dual_ascent(self, x: Tensor, bound: Tensor) -> Tensor:
        member = self.member.to(x)
        step = 1 / member.sum(0).max()
        dual = torch.zeros((*x.shape[:-1], *member.shape), dtype=x.dtype, device=x.device)
        ahead, momentum = dual, torch.ones_like(x[..., :1, None])
        tolerance = self.tolerance**2 * squared_norm(x, 1) / 2
        for _ in range(self.max_iterations):
            rest = x - ahead.sum(-2)
            moved = ahead + step * rest.unsqueeze(-2) * member
            norm = torch.linalg.vector_norm(moved, dim=-1, keepdim=True)
            following = moved * (bound.unsqueeze(-1) / norm.clamp_min(torch.finfo(x.dtype).tiny)).clamp(max=1.0)
            turned = inner(ahead - following, following - dual, 2)[..., None, None] > 0
            larger = torch.where(turned, 1.0, (1 + (1 + 4 * momentum.square()).sqrt()) / 2)
            ahead = following + torch.where(turned, 0.0, (momentum - 1) / larger) * (following - dual)
            dual, momentum = following, larger
            point = x - dual.sum(-2)
            gap = (bound * self._norms(point)).sum(-1) - inner(dual.sum(-2), point, 1)
            if bool((gap <= tolerance).all()):
                return point
        message = f"the proximal map of overlapping groups did not reach its tolerance within {self.max_iterations} iterations"
        warnings.warn(message, InexactProxWarning, stacklevel=5)
        return point

    def _newton(self, point: Tensor, x: Tensor, bound: Tensor, vanishes: Tensor, attach: bool = False) -> Tensor:
        """One Newton step for z + sum_g bound_g z_g / |z_g| = x on the elements that are not zero.

        With ``attach`` the point stays where it is and only gets the derivative with respect to x and the bound.
        """
        member = self.member.to(x)
        norms = self._norms(point)
        alive = ~vanishes & (norms > 0)
        inverse = torch.where(alive, 1 / torch.where(alive, norms, 1.0), 0.0)
        free = (vanishes.to(x) @ member == 0).to(x)
        residual = free * (point * (1 + (bound * inverse) @ member) - x)
        with torch.no_grad():
            curvature = bound.detach() * inverse
            grouped = point.unsqueeze(-2) * member * inverse.unsqueeze(-1)
            hessian = torch.diag_embed(1 + curvature @ member) - grouped.mT @ (curvature.unsqueeze(-1) * grouped)
            hessian = free.unsqueeze(-1) * hessian * free.unsqueeze(-2) + torch.diag_embed(1 - free)
        if attach:
            residual = residual - residual.detach()
        return point - torch.linalg.solve(hessian, residual.unsqueeze(-1)).squeeze(-1)

    def _symbol(self) -> str:
        return "sum_g |{x}_g|_2"


def _size(x: Tensor) -> Tensor:
    """The Euclidean norm, (*batch, 1)."""
    return squared_norm(x, 1).sqrt().unsqueeze(-1)
