"""The contract of a linear operator (forward, adjoint, norm, shapes) and the algebra of its signs: ``A.T, A @ B, A + B, 2 * A``."""

import itertools
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError, UnboundError
from foreknow.shapes import Shape, as_shape, require_event


class LinearOperator(nn.Module, ABC):
    r"""A linear map A from events of shape ``domain`` to events of shape ``range``, applied to (\*batch, \*domain).

    A subclass says three things, all else follows:

    - ``_forward(x)``: the map, in differentiable torch code, for any leading batch axes, dtype and device;
    - ``_range_shape(domain)``: the event shape that it makes of an event of shape ``domain``;
    - optionally what is cheaper or sharper than the default: ``_adjoint(y)`` (default: the autograd backward of ``_forward``),
      ``_norm()`` (default: power iteration), ``_domain_shape(range)`` (default: only for shape-preserving operators), and the
      attributes ``gram_scale`` / ``cogram_scale``.

    An operator may be declared for any shape (``domain=None``): it then maps whatever comes, and is bound to a shape by `on` or
    `onto` (which share its parameters) where the shape matters: for the adjoint, the norm and the algebra.

    Adjoints are with respect to the real inner product Re<x, y>, which is the one that autograd uses, so that the adjoint of an
    operator from real to complex tensors is real.

    A tensor that an operator is made of (a kernel, a matrix) is learnable, and shared, if it is given as an ``nn.Parameter``, and
    fixed if it is a plain tensor. Both are cast to the precision of the input.

    Attributes:
        domain_dims: number of trailing axes of one input event.
        gram_scale: the number c if A^* A = c I is known to hold (an isometry up to scale), else None.
        cogram_scale: the number c if A A^* = c I is known to hold (a Parseval synthesis up to scale), else None.
        range_dims: number of trailing axes of one output event; equal to ``domain_dims`` unless the subclass sets it.
        complex_domain: whether input events are complex even where everything else is real (the adjoint of an STFT).
        complex_range: whether real input gives complex output (an STFT). An operator with neither maps real to real and complex
            to complex; one with both (a complex matrix) maps complex to complex.
        kept: the names of the tensors that this operator is made of.
    """

    domain_dims: int
    range_dims: int
    gram_scale: float | None = None
    cogram_scale: float | None = None
    complex_domain: bool = False
    complex_range: bool = False
    kept: tuple[str, ...] = ()

    def __init__(self, domain: int | Shape | None, domain_dims: int | None = None) -> None:
        super().__init__()
        self._domain: Shape | None = None
        if domain is None and domain_dims is None:
            message = "an operator without a domain shape needs domain_dims, the number of axes of one event"
            raise ShapeError(message)
        shape = None if domain is None else as_shape(domain)
        self.domain_dims = len(shape) if shape is not None else int(domain_dims or 0)
        if domain_dims is not None and shape is not None and len(shape) != domain_dims:
            message = f"{type(self).__name__} works on events of {domain_dims} axes, not on the shape {shape}"
            raise ShapeError(message)
        self.range_dims = self.domain_dims
        self._domain = shape

    # ------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """A x for x of shape (*batch, *domain)."""

    @abstractmethod
    def _range_shape(self, domain: Shape) -> Shape:
        """The event shape of A x; raises ShapeError where the operator cannot take ``domain``."""

    def _domain_shape(self, range_shape: Shape) -> Shape:
        """The event shape that gives ``range_shape``; a subclass that changes shapes overrides it where there is one answer."""
        if self._domain is not None and self.range == range_shape:
            return self._domain
        if len(range_shape) == self.domain_dims and self._range_shape(range_shape) == range_shape:
            return range_shape
        message = f"{type(self).__name__} cannot tell which domain gives the range {range_shape}; bind it with .on(domain)"
        raise ShapeError(message)

    def _adjoint(self, y: Tensor) -> Tensor:
        """A^* y by automatic differentiation of the forward map."""
        real = y.real.dtype if y.is_complex() else y.dtype
        dtype = y.dtype if y.is_complex() and not self.complex_range else real
        dtype = dtype.to_complex() if self.complex_domain else dtype
        batch = y.shape[: y.ndim - len(self.range)]
        tracked = torch.is_grad_enabled()
        with torch.enable_grad():
            x = torch.zeros(batch + self.domain, dtype=dtype, device=y.device, requires_grad=True)
            output = self._forward(x)
            (gradient,) = torch.autograd.grad(output, x, y.to(output.dtype), create_graph=tracked)
        return gradient

    def _norm(self) -> Tensor:
        """The norm from a known Gram scale; else an estimate by power iteration on A^* A, raised by 1 % to act as a bound."""
        scale = self.gram_scale if self.gram_scale is not None else self.cogram_scale
        if scale is not None:
            return torch.tensor(math.sqrt(scale), dtype=torch.float64)
        reference = next(itertools.chain(self.parameters(), self.buffers()), torch.zeros(()))
        real = reference.dtype.to_real()
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            dtype = torch.complex128 if self.complex_domain else torch.float64
            x = torch.randn(self.domain, generator=generator, dtype=dtype).to(
                reference.device, real.to_complex() if self.complex_domain else real
            )
            value = 0.0
            for _ in range(200):
                x = self._adjoint(self._forward(x / torch.linalg.vector_norm(x).clamp_min(torch.finfo(real).tiny)))
                previous, value = value, math.sqrt(float(torch.linalg.vector_norm(x)))
                if abs(value - previous) <= 1e-4 * value:
                    break
        return torch.as_tensor(1.01 * value, dtype=real, device=reference.device)

    def _keep(self, name: str, value: Tensor) -> None:
        """Make ``value`` an attribute that is moved and saved with the operator: learnable if it is an ``nn.Parameter``."""
        if isinstance(value, nn.Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value.detach())
        self.kept = (*self.kept, name)

    # ------------------------------------------------------------------ what a user calls
    def release(self) -> int:
        """Make the tensors that this operator is made of (a kernel, a matrix) learnable, in place.

        Returns:
            The number of tensors; those of operators inside this one are not counted, and not released.
        """
        for name in self.kept:
            if name in self._buffers:
                value = self._buffers.pop(name)
                assert value is not None  # noqa: S101  (`_keep` was given a tensor)
                self.register_parameter(name, nn.Parameter(value))
            self.get_parameter(name).requires_grad_(True)
        return len(self.kept)

    @property
    def bound(self) -> bool:
        """Whether the operator knows its domain shape."""
        return self._domain is not None

    @property
    def domain(self) -> Shape:
        """The shape of one input event."""
        if self._domain is None:
            message = f"this {type(self).__name__} was declared for any shape; bind it first: operator.on(domain_shape)"
            raise UnboundError(message)
        return self._domain

    @property
    def range(self) -> Shape:
        """The shape of one output event."""
        return self._range_shape(self.domain)

    def on(self, domain: int | Shape) -> "LinearOperator":
        """The same operator (sharing its parameters) on events of shape ``domain``."""
        shape = as_shape(domain)
        if shape == self._domain:
            return self
        if len(shape) != self.domain_dims:
            message = f"{type(self).__name__} works on events of {self.domain_dims} axes, not on the shape {shape}"
            raise ShapeError(message)
        bound = self._rebound(shape)
        _ = bound.range  # raises where the shape does not fit
        return bound

    def onto(self, range_shape: int | Shape) -> "LinearOperator":
        """The same operator (sharing its parameters) with the domain that gives events of shape ``range_shape``."""
        shape = as_shape(range_shape)
        if self.bound and self.range == shape:
            return self
        if len(shape) != self.range_dims:
            message = f"{type(self).__name__} gives events of {self.range_dims} axes, not of the shape {shape}"
            raise ShapeError(message)
        return self._rebound_onto(shape)

    def _rebound(self, domain: Shape) -> "LinearOperator":
        """A shallow copy with another domain: parameters, buffers and submodules are the same objects."""
        clone = type(self).__new__(type(self))  # what copy.copy does, but for the ban of it on parametrized modules
        clone.__dict__.update(self.__dict__)
        clone._domain = domain  # noqa: SLF001  (its own kind)
        return clone

    def _rebound_onto(self, range_shape: Shape) -> "LinearOperator":
        """The operator bound to the domain that gives ``range_shape``."""
        return self.on(self._domain_shape(range_shape))

    def forward(self, x: Tensor) -> Tensor:
        """A x.

        Args:
            x: (*batch, *domain), real or complex.

        Raises:
            ShapeError: if the last axes of ``x`` are not ``domain``.
        """
        if self._domain is not None:
            require_event(x, self._domain, f"the input of {type(self).__name__}")
        elif x.ndim < self.domain_dims:
            message = f"{type(self).__name__} works on events of {self.domain_dims} axes, not on a tensor of shape {tuple(x.shape)}"
            raise ShapeError(message)
        else:
            self._range_shape(tuple(x.shape[x.ndim - self.domain_dims :]))
        return self._forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A^* y.

        Args:
            y: (*batch, *range), real or complex.

        Raises:
            ShapeError: if the last axes of ``y`` are not ``range``.
            UnboundError: if the operator was declared for any shape and not bound.
        """
        require_event(y, self.range, f"the input of the adjoint of {type(self).__name__}")
        return self._adjoint(y)

    def norm(self) -> Tensor:
        """An upper bound of the spectral norm (exact where cheap), as a 0-dimensional tensor."""
        return self._norm()

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{self._domain if self._domain is not None else 'any'}"

    # ------------------------------------------------------------------ algebra
    @property
    def T(self) -> "LinearOperator":  # noqa: N802  (the field's name)
        """The adjoint as an operator."""
        return Adjoint(self)

    def __matmul__(self, other: "LinearOperator") -> "LinearOperator":
        return Composition(self, other) if isinstance(other, LinearOperator) else NotImplemented

    def __add__(self, other: "LinearOperator") -> "LinearOperator":
        return Sum(self, other) if isinstance(other, LinearOperator) else NotImplemented

    def __sub__(self, other: "LinearOperator") -> "LinearOperator":
        return self + (-1.0) * other

    def __mul__(self, scalar: float) -> "LinearOperator":
        return Scaled(self, float(scalar)) if isinstance(scalar, (int, float)) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> "LinearOperator":
        return (-1.0) * self


class Adjoint(LinearOperator):
    """A^*: made by ``operator.T``."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.range if operator.bound else None, operator.range_dims)
        self.operator = operator
        self.range_dims = operator.domain_dims
        self.gram_scale, self.cogram_scale = operator.cogram_scale, operator.gram_scale
        self.complex_domain, self.complex_range = operator.complex_range, operator.complex_domain

    def _forward(self, x: Tensor) -> Tensor:
        if not self.operator.bound:
            return self.operator.onto(tuple(x.shape[x.ndim - self.domain_dims :])).adjoint(x)
        return self.operator.adjoint(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.forward(y)

    def _norm(self) -> Tensor:
        return self.operator.norm()

    def _range_shape(self, domain: Shape) -> Shape:
        return self.operator.domain if domain == self._domain else self.operator.onto(domain).domain

    def _rebound(self, domain: Shape) -> "Adjoint":
        return Adjoint(self.operator.onto(domain))

    def _rebound_onto(self, range_shape: Shape) -> "Adjoint":
        return Adjoint(self.operator.on(range_shape))

    @property
    def T(self) -> LinearOperator:  # noqa: N802
        """The operator itself."""
        return self.operator


class Composition(LinearOperator):
    """A B, the map x -> A (B x): made by ``A @ B``."""

    def __init__(self, left: LinearOperator, right: LinearOperator) -> None:
        if right.bound:
            left = left.on(right.range)
        elif left.bound:
            right = right.onto(left.domain)
        elif left.domain_dims != right.range_dims:
            message = (
                f"cannot compose: the right factor gives events of {right.range_dims} axes, the left one takes {left.domain_dims}"
            )
            raise ShapeError(message)
        super().__init__(right.domain if right.bound else None, right.domain_dims)
        self.left = left
        self.right = right
        self.range_dims = left.range_dims
        # A factor that maps real to real and complex to complex passes on what its neighbour asks for or gives.
        self.complex_domain = right.complex_domain or (left.complex_domain and not right.complex_range)
        self.complex_range = left.complex_range or (right.complex_range and not left.complex_domain)
        self.gram_scale = _product(left.gram_scale, right.gram_scale)
        self.cogram_scale = _product(left.cogram_scale, right.cogram_scale)

    def _forward(self, x: Tensor) -> Tensor:
        return self.left.forward(self.right.forward(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.right.adjoint(self.left.adjoint(y))

    def _norm(self) -> Tensor:
        return self.left.norm() * self.right.norm()

    def _range_shape(self, domain: Shape) -> Shape:
        right = self.right.on(domain)
        return self.left.on(right.range).range

    def _rebound(self, domain: Shape) -> "Composition":
        right = self.right.on(domain)
        return Composition(self.left.on(right.range), right)

    def _rebound_onto(self, range_shape: Shape) -> "Composition":
        left = self.left.onto(range_shape)
        return Composition(left, self.right.onto(left.domain))


class Sum(LinearOperator):
    """A + B: made by ``A + B``."""

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        if first.bound:
            second = second.on(first.domain)
        elif second.bound:
            first = first.on(second.domain)
        super().__init__(first.domain if first.bound else None, first.domain_dims)
        if first.bound and first.range != second.range:
            message = f"cannot add operators with the ranges {first.range} and {second.range}"
            raise ShapeError(message)
        self.first = first
        self.second = second
        self.range_dims = first.range_dims
        self.complex_domain = first.complex_domain or second.complex_domain
        self.complex_range = first.complex_range or second.complex_range

    def _forward(self, x: Tensor) -> Tensor:
        return self.first.forward(x) + self.second.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.first.adjoint(y) + self.second.adjoint(y)

    def _norm(self) -> Tensor:
        return self.first.norm() + self.second.norm()

    def _range_shape(self, domain: Shape) -> Shape:
        return self.first.on(domain).range

    def _rebound(self, domain: Shape) -> "Sum":
        return Sum(self.first.on(domain), self.second.on(domain))

    def _rebound_onto(self, range_shape: Shape) -> "Sum":
        return Sum(self.first.onto(range_shape), self.second.onto(range_shape))


class Scaled(LinearOperator):
    """c A for a real number c: made by ``c * A``."""

    def __init__(self, operator: LinearOperator, scalar: float) -> None:
        super().__init__(operator.domain if operator.bound else None, operator.domain_dims)
        self.operator = operator
        self.scalar = scalar
        self.range_dims = operator.range_dims
        self.complex_domain, self.complex_range = operator.complex_domain, operator.complex_range
        square = scalar**2
        self.gram_scale = _product(square, operator.gram_scale)
        self.cogram_scale = _product(square, operator.cogram_scale)

    def _forward(self, x: Tensor) -> Tensor:
        return self.scalar * self.operator.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.scalar * self.operator.adjoint(y)

    def _norm(self) -> Tensor:
        return abs(self.scalar) * self.operator.norm()

    def _range_shape(self, domain: Shape) -> Shape:
        return self.operator.on(domain).range

    def _rebound(self, domain: Shape) -> "Scaled":
        return Scaled(self.operator.on(domain), self.scalar)

    def _rebound_onto(self, range_shape: Shape) -> "Scaled":
        return Scaled(self.operator.onto(range_shape), self.scalar)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{self.scalar}"


def cast_like(value: Tensor, x: Tensor) -> Tensor:
    """A parameter in the precision of ``x``; complex stays complex and real stays real."""
    real = x.dtype.to_real()
    return value.to(real.to_complex() if value.is_complex() else real)


def _product(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first * second
