"""Several operators side by side or one above the other, on tuples of tensors."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape


class BlockRow(nn.Module):
    r"""[A_1 A_2 ...]: a tuple of tensors, one for each operator, to the one tensor y = sum_i A_i x_i.

    The verbs are those of `LinearOperator`, with tuples where that has one tensor.

    Args:
        operators: with one range; if any is bound, the others are bound onto its range.

    Attributes:
        cogram_scale: the number c if A A^* = c I is known to hold, else None.
        range_dims: number of axes of one output event.

    Raises:
        ShapeError: if there is no operator, or the ranges differ.
    """

    def __init__(self, *operators: LinearOperator) -> None:
        super().__init__()
        _require_some(operators, "BlockRow")
        shapes = {operator.range for operator in operators if operator.bound}
        dims = {operator.range_dims for operator in operators}
        if len(shapes) > 1 or len(dims) > 1:
            message = f"the operators of a BlockRow need one range, but they have {_listed(shapes) or _listed(dims) + ' axes'}"
            raise ShapeError(message)
        shape = next(iter(shapes), None)
        self.operators = nn.ModuleList(operators if shape is None else [operator.onto(shape) for operator in operators])
        self.range_dims = operators[0].range_dims
        self.cogram_scale = _sum_of_known([operator.cogram_scale for operator in self])

    def __iter__(self) -> Iterator[LinearOperator]:
        """The operators."""
        return iter(self.operators)  # type: ignore[arg-type]  # a ModuleList forgets the type of its items

    def __len__(self) -> int:
        """The number of operators."""
        return len(self.operators)

    @property
    def bound(self) -> bool:
        """Whether every operator knows its domain shape."""
        return all(operator.bound for operator in self)

    @property
    def domains(self) -> tuple[Shape, ...]:
        """The event shape of each part of the input."""
        return tuple(operator.domain for operator in self)

    @property
    def range(self) -> Shape:
        """The shape of one output event."""
        return next(iter(self)).range

    def onto(self, range_shape: int | Shape) -> "BlockRow":
        """The same operators (sharing their parameters) with the domains that give events of shape ``range_shape``."""
        return BlockRow(*(operator.onto(range_shape) for operator in self))

    def on(self, domains: Sequence[int | Shape]) -> "BlockRow":
        """The same operators (sharing their parameters) on events of the shapes ``domains``, one for each operator."""
        _require_count(len(domains), len(self), "domains")
        return BlockRow(*(operator.on(domain) for operator, domain in zip(self, domains, strict=True)))

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        r"""Sum_i A_i x_i.

        Args:
            parts: one tensor for each operator, (\*batch, \*domain_i).

        Raises:
            ShapeError: if their number or a shape does not fit.
        """
        _require_count(len(parts), len(self), "parts")
        outputs = [operator(part) for operator, part in zip(self, parts, strict=True)]
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total

    def adjoint(self, y: Tensor) -> tuple[Tensor, ...]:
        r"""(A_1^* y, A_2^* y, ...).

        Args:
            y: (\*batch, \*range).

        Raises:
            ShapeError: if the last axes of ``y`` are not ``range``.
            UnboundError: if an operator was declared for any shape and not bound.
        """
        return tuple(operator.adjoint(y) for operator in self)

    def norm(self) -> Tensor:
        """An upper bound of the spectral norm: the root of the sum of the squared norms (A A^* = sum_i A_i A_i^*)."""
        return _root_sum_square([operator.norm() for operator in self])

    @property
    def T(self) -> "BlockColumn":  # noqa: N802  (the field's name)
        """The adjoint, one tensor to a tuple."""
        return BlockColumn(*(operator.T for operator in self))


class BlockColumn(nn.Module):
    r"""[A_1; A_2; ...]: one tensor to the tuple (A_1 x, A_2 x, ...).

    The verbs are those of `LinearOperator`, with tuples where that has one tensor. Where all ranges are equal, `Stack` gives one
    tensor instead.

    Args:
        operators: with one domain; if any is bound, the others are bound on its domain.

    Attributes:
        gram_scale: the number c if A^* A = c I is known to hold, else None.
        domain_dims: number of axes of one input event.

    Raises:
        ShapeError: if there is no operator, or the domains differ.
    """

    def __init__(self, *operators: LinearOperator) -> None:
        super().__init__()
        _require_some(operators, "BlockColumn")
        self.operators = nn.ModuleList(on_one_domain(operators, "BlockColumn"))
        self.domain_dims = operators[0].domain_dims
        self.gram_scale = _sum_of_known([operator.gram_scale for operator in self])

    def __iter__(self) -> Iterator[LinearOperator]:
        """The operators."""
        return iter(self.operators)  # type: ignore[arg-type]  # a ModuleList forgets the type of its items

    def __len__(self) -> int:
        """The number of operators."""
        return len(self.operators)

    @property
    def bound(self) -> bool:
        """Whether the domain shape is known."""
        return all(operator.bound for operator in self)

    @property
    def domain(self) -> Shape:
        """The shape of one input event."""
        return next(iter(self)).domain

    @property
    def ranges(self) -> tuple[Shape, ...]:
        """The event shape of each part of the output."""
        return tuple(operator.range for operator in self)

    def on(self, domain: int | Shape) -> "BlockColumn":
        """The same operators (sharing their parameters) on events of shape ``domain``."""
        return BlockColumn(*(operator.on(domain) for operator in self))

    def onto(self, ranges: Sequence[int | Shape]) -> "BlockColumn":
        """The same operators (sharing their parameters) with the domain that gives events of the shapes ``ranges``."""
        _require_count(len(ranges), len(self), "ranges")
        return BlockColumn(*(operator.onto(shape) for operator, shape in zip(self, ranges, strict=True)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        r"""(A_1 x, A_2 x, ...).

        Args:
            x: (\*batch, \*domain).

        Raises:
            ShapeError: if the last axes of ``x`` are not ``domain``.
        """
        return tuple(operator(x) for operator in self)

    def adjoint(self, parts: Sequence[Tensor]) -> Tensor:
        r"""Sum_i A_i^* y_i.

        Args:
            parts: one tensor for each operator, (\*batch, \*range_i).

        Raises:
            ShapeError: if their number or a shape does not fit.
            UnboundError: if the operators were declared for any shape and not bound.
        """
        _require_count(len(parts), len(self), "parts")
        outputs = [operator.adjoint(part) for operator, part in zip(self, parts, strict=True)]
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total

    def norm(self) -> Tensor:
        """An upper bound of the spectral norm: the root of the sum of the squared norms (A^* A = sum_i A_i^* A_i)."""
        return _root_sum_square([operator.norm() for operator in self])

    @property
    def T(self) -> BlockRow:  # noqa: N802  (the field's name)
        """The adjoint, a tuple to one tensor."""
        return BlockRow(*(operator.T for operator in self))


def on_one_domain(operators: Sequence[LinearOperator], name: str) -> list[LinearOperator]:
    """The operators, bound on the domain of whichever of them is bound.

    Raises:
        ShapeError: if the domains differ.
    """
    shapes = {operator.domain for operator in operators if operator.bound}
    dims = {operator.domain_dims for operator in operators}
    if len(shapes) > 1 or len(dims) > 1:
        message = f"the operators of a {name} need one domain, but they have {_listed(shapes) or _listed(dims) + ' axes'}"
        raise ShapeError(message)
    shape = next(iter(shapes), None)
    return list(operators) if shape is None else [operator.on(shape) for operator in operators]


def _require_some(operators: Sequence[LinearOperator], name: str) -> None:
    if not operators:
        message = f"a {name} needs at least one operator"
        raise ShapeError(message)


def _require_count(given: int, needed: int, name: str) -> None:
    if given != needed:
        message = f"{given} {name} were given for {needed} operators; give one for each"
        raise ShapeError(message)


def _listed(items: set[Shape] | set[int]) -> str:
    return " and ".join(str(item) for item in sorted(items)) if len(items) > 1 else ""


def _sum_of_known(scales: list[float | None]) -> float | None:
    known = [scale for scale in scales if scale is not None]
    return sum(known) if len(known) == len(scales) else None


def _root_sum_square(norms: list[Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for norm in norms:
        total = total + norm.square()
    return total.sqrt()
