"""Several operators of one domain and one range, with their outputs in one tensor."""

import math

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.operators.block import on_one_domain
from foreknow.shapes import Shape


class Stack(LinearOperator):
    r"""Operators of one domain and one range, their outputs stacked: (\*batch, \*domain) -> (\*batch, k, \*range).

    Args:
        operators: one or more; if any is bound, the others are bound on its domain.

    Raises:
        ShapeError: if there is no operator, or the domains or ranges differ.
    """

    def __init__(self, *operators: LinearOperator) -> None:
        if not operators:
            message = "a Stack needs at least one operator"
            raise ShapeError(message)
        bound = on_one_domain(operators, "Stack")
        super().__init__(bound[0].domain if bound[0].bound else None, bound[0].domain_dims)
        self.operators = nn.ModuleList(bound)
        self.range_dims = bound[0].range_dims + 1
        self.complex_domain = any(operator.complex_domain for operator in bound)
        self.complex_range = any(operator.complex_range for operator in bound)
        scales = [operator.gram_scale for operator in bound]
        self.gram_scale = sum(scale for scale in scales if scale is not None) if None not in scales else None
        ranges = {operator.range for operator in bound if operator.bound}
        if len(ranges) > 1:
            message = (
                f"the operators of a Stack need one range, but they have {' and '.join(map(str, sorted(ranges)))}; use BlockColumn"
            )
            raise ShapeError(message)

    def _all(self) -> list[LinearOperator]:
        return list(self.operators)  # type: ignore[arg-type]  # a ModuleList forgets the type of its items

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack([operator.forward(x) for operator in self._all()], dim=-self.range_dims)

    def _adjoint(self, y: Tensor) -> Tensor:
        parts = [operator.adjoint(part) for operator, part in zip(self._all(), y.unbind(dim=-self.range_dims), strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _norm(self) -> Tensor:
        if self.gram_scale is not None:
            return torch.tensor(math.sqrt(self.gram_scale), dtype=torch.float64)
        total = torch.zeros((), dtype=torch.float64)
        for operator in self._all():
            total = total + operator.norm().square()
        return total.sqrt()

    def _range_shape(self, domain: Shape) -> Shape:
        return (len(self.operators), *self._all()[0].on(domain).range)

    def _rebound(self, domain: Shape) -> "Stack":
        return Stack(*(operator.on(domain) for operator in self._all()))

    def _rebound_onto(self, range_shape: Shape) -> "Stack":
        if range_shape[0] != len(self.operators):
            message = f"a Stack of {len(self.operators)} operators cannot give the range {range_shape}"
            raise ShapeError(message)
        return Stack(*(operator.onto(range_shape[1:]) for operator in self._all()))
