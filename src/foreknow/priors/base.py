"""The contract of a prior: value, proximal map, Moreau envelope, minimum-norm subgradient, conjugate, weight."""

import copy
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError, UnsupportedError
from foreknow.operators.base import LinearOperator
from foreknow.parameters import Fixed, Parameter, as_parameter
from foreknow.priors.multiple import Multiple
from foreknow.shapes import squared_norm


class Prior(nn.Module, ABC):
    r"""A regulariser w R(x): what is known of x before the data are seen, p(x) ~ exp(-w R(x)).

    One value is computed over the last ``event_dims`` axes; the axes before them are batch axes.

    A subclass writes ``_value(x, weight)`` and ``_prox(x, threshold)``; weight and threshold are tensors of the dtype and
    device of x (real where x is complex) that broadcast against x: shape (), or (\*batch, 1, ..., 1) for one weight a batch
    item. Only element-wise priors accept one weight an element; the others check with `_per_item`.

    Args:
        weight: w, non-negative; a number, a tensor as above, or a `Parameter`.
        event_dims: number of trailing axes that one value is computed over, at least 1.

    Raises:
        ParameterError: if ``event_dims`` is below 1.

    Attributes:
        convex: whether R is convex (else certificates are not available).
        homogeneity: the degree k with R(c x) = c^k R(x) for c > 0 (1 for norms, 2 for squares, 0 for cones), or None.
        has_value: whether R can be evaluated (a plug-in denoiser cannot).
        has_prox: whether the proximal map is closed-form, or computed to full precision.
        elementwise: whether R(x) is a sum of functions of one element each.
        absolute: whether R depends on the moduli |x_i| only, and never falls as one of them grows.
        weighted: whether ``weight`` means something; it does not for a set, and for a combinator, whose parts have their own.
    """

    convex: bool = True
    homogeneity: float | None = None
    elementwise: bool = False
    absolute: bool = False
    weighted: bool = True
    has_value: bool = True
    has_prox: bool = True

    def __init__(self, weight: float | Tensor | Parameter = 1.0, event_dims: int = 1) -> None:
        super().__init__()
        if event_dims < 1:
            message = f"event_dims counts the trailing axes of one event and is at least 1, not {event_dims}"
            raise ParameterError(message)
        self.weight_parameter = as_parameter(weight)
        self.event_dims = event_dims

    # ------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        """Weight * R(x), (*batch,)."""

    @abstractmethod
    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        """argmin_z 1/2 |z - x|^2 + threshold * R(z), where threshold = step * weight."""

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        message = f"{type(self).__name__} has no closed-form conjugate, so it gives no duality gap; the residual is the certificate"
        raise UnsupportedError(message)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        """The largest t in [0, 1] for which the conjugate of t z is finite; 1 where it is finite everywhere."""
        if type(self)._conjugate is Prior._conjugate:  # noqa: SLF001
            self._conjugate(z, weight)  # raises
        return torch.ones(z.shape[: z.ndim - self.event_dims], dtype=_real_dtype(z), device=z.device)

    def _flat_part(self, z: Tensor) -> Tensor:
        """The projection of z onto the directions that R never grows along; only 0, unless a subclass knows better."""
        return torch.zeros_like(z)

    def _subgradient(self, x: Tensor) -> Tensor:
        """The subgradient that automatic differentiation gives; a subclass whose value needs more care overrides `_value`."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.value(leaf).sum(), leaf)
        return gradient

    def _scaled(self, factor: float) -> "Prior":
        """The prior with its weight multiplied; a combinator scales its parts instead."""
        clone = self._clone()
        clone.weight_parameter = Multiple.of(self.weight_parameter, factor)
        return clone

    def _over(self, event_dims: int) -> "Prior":
        """The sum of this prior over further axes: slice by slice, unless a subclass can do better."""
        from foreknow.priors.separable import Separable  # noqa: PLC0415  (the combinators build on this class)

        return Separable(self, event_dims)

    def _symbol(self) -> str:
        """R(x) as `print(model)` writes it, with ``{x}`` where the variable goes."""
        return type(self).__name__ + "({x})"

    # ------------------------------------------------------------------ what a user calls
    @property
    def weight(self) -> Tensor:
        """The weight w, non-negative; learnable where it was given as a `Positive` or `Bounded` parameter."""
        return self.weight_parameter()

    def forward(self, x: Tensor) -> Tensor:
        """The same as `value`."""
        return self.value(x)

    def value(self, x: Tensor) -> Tensor:
        """W R(x).

        Args:
            x: (*batch, *event), with ``event_dims`` event axes.

        Returns:
            (*batch,), real; infinite outside the set of an indicator. Its autograd gradient is the minimum-norm subgradient.
        """
        self._check(x)
        return self._value(x, self.weight_like(x))

    def prox(self, x: Tensor, step: float | Tensor = 1.0) -> Tensor:
        """The proximal map argmin_z 1/2 |z - x|^2 + step w R(z) (Moreau 1965).

        Args:
            x: (*batch, *event).
            step: positive; a number, or a tensor that broadcasts against x.
        """
        self._check(x)
        return self._prox(x, step * self.weight_like(x))

    def envelope(self, x: Tensor, step: float | Tensor = 1.0) -> Tensor:
        """The Moreau envelope min_z w R(z) + |z - x|^2 / (2 step): a smooth lower bound of the value.

        The gradient with respect to x is (x - prox(x)) / step, that with respect to the weight is R(prox(x)): value and gradient
        are of one function, as line searches and gradient checks need (the minimiser is constant to first order).

        Args:
            x: (*batch, *event).
            step: positive; a number, or a tensor of shape (*batch, 1, ..., 1).
        """
        minimiser = self.prox(x, step).detach()
        distance = squared_norm(x - minimiser, self.event_dims)
        if isinstance(step, Tensor) and step.ndim:
            step = step.reshape(step.shape[: step.ndim - self.event_dims])
        return self.value(minimiser) + distance / (2 * step)

    def subgradient(self, x: Tensor) -> Tensor:
        """The element of smallest norm in the subdifferential of w R at x, of the shape of x."""
        self._check(x)
        return self._subgradient(x)

    def conjugate(self, z: Tensor) -> Tensor:
        """The convex conjugate sup_x <x, z> - w R(x), (*batch,); infinite outside the dual ball of a norm.

        Raises:
            UnsupportedError: where there is no closed form.
        """
        self._check(z)
        return self._conjugate(z, self.weight_like(z))

    def dual_scale(self, z: Tensor) -> Tensor:
        """The largest t in [0, 1] such that the conjugate of t z is finite, (*batch,): what makes a dual point feasible."""
        self._check(z)
        return self._dual_scale(z, self.weight_like(z))

    def flat_part(self, z: Tensor) -> Tensor:
        """The projection of z onto the cone of all d along which R never grows, R(x + s d) <= R(x) for all s > 0.

        The conjugate is infinite at every multiple of z unless this is 0 (the closure of the cone of its domain is the polar cone
        of those d; Rockafellar 1970, theorem 13.3): what rounding leaves here no `dual_scale` can mend.

        Args:
            z: (*batch, *event).

        Returns:
            Of the shape of z: 0 for a norm, z itself projected for a convex cone, the mean for what ignores constants.
        """
        self._check(z)
        return self._flat_part(z)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it, with ``{x}`` where the variable goes."""
        weight = self.weight.detach()
        if isinstance(self.weight_parameter, Fixed) and weight.ndim == 0 and float(weight) == 1.0:
            return self._symbol()
        return f"{float(weight):.4g} {self._symbol()}" if weight.ndim == 0 else f"w {self._symbol()}"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"event_dims={self.event_dims}"

    # ------------------------------------------------------------------ algebra
    def __and__(self, other: "Prior") -> "Prior":
        """The sum of two priors (all that is known, together), with a closed-form proximal map where there is one."""
        from foreknow.priors.addition import add  # noqa: PLC0415

        return add(self, other) if isinstance(other, Prior) else NotImplemented

    def __matmul__(self, operator: LinearOperator) -> "Prior":
        """The prior of A x: x -> w R(A x)."""
        from foreknow.priors.composed import Composed  # noqa: PLC0415

        return Composed(self, operator) if isinstance(operator, LinearOperator) else NotImplemented

    def __mul__(self, factor: float) -> "Prior":
        """The prior with its weight multiplied by a non-negative number."""
        if not isinstance(factor, (int, float)):
            return NotImplemented
        if not 0 <= factor < math.inf:
            message = f"a prior can be multiplied by a finite, non-negative number, not by {factor}"
            raise ParameterError(message)
        return self._scaled(float(factor))

    __rmul__ = __mul__

    def at(self, center: Tensor) -> "Prior":
        """The prior around another center: x -> w R(x - center)."""
        from foreknow.priors.translated import Translated  # noqa: PLC0415

        return Translated(self, center)

    def split(self) -> "tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]":
        """What a splitting algorithm needs: R(x) = g(x) + sum_j h_j(K_j x) with proximal maps for g and all h_j.

        Returns:
            g, or None where it is zero; and the pairs (h_j, K_j), the operators perhaps declared for any shape. The default is
            (self, ()).

        Raises:
            UnsupportedError: where a part has neither a proximal map nor a splitting.
        """
        if not self.has_prox:
            message = (
                f"{type(self).__name__} has no proximal map and cannot be split into parts that have; use its envelope or value"
            )
            raise UnsupportedError(message)
        return self, ()

    def over(self, event_dims: int) -> "Prior":
        """The sum of this prior over further axes, so that one value is computed over ``event_dims`` axes.

        Tensors that the prior was given (weights, bounds, centers) broadcast against x as ever: ``NuclearNorm(w).over(3)`` may have
        one weight a slice.

        Raises:
            ShapeError: if that is fewer axes than the prior has.
        """
        if event_dims == self.event_dims:
            return self
        if event_dims < self.event_dims:
            message = f"{type(self).__name__} works on events of {self.event_dims} axes and cannot be used over {event_dims}"
            raise ShapeError(message)
        return self._over(event_dims)

    # ------------------------------------------------------------------ helpers for subclasses
    def fitted(self, event_dims: int) -> "Prior":
        """What a combinator takes of a part of fewer axes: `over`, if the tensors in it cannot be meant for other axes.

        Raises:
            ShapeError: if a weight has batch axes and it is not known where the further axes go.
        """
        if event_dims != self.event_dims:
            for part in self.modules():
                if isinstance(part, Prior) and part.weight.ndim > part.event_dims:
                    message = (
                        f"{type(part).__name__} has weights {tuple(part.weight.shape)} for events of {part.event_dims} axes, "
                        f"but is used on {event_dims}; declare it with event_dims={event_dims}"
                    )
                    raise ShapeError(message)
        return self.over(event_dims)

    def _widened(self, event_dims: int) -> "Prior":
        """A copy that counts more axes into the event: what `_over` is for a leaf that treats all elements alike."""
        clone = self._clone()
        clone.event_dims = event_dims
        return clone

    def _clone(self) -> "Prior":
        """A shallow copy: the parameters, buffers and submodules are the same objects, but can be replaced in the copy."""
        clone = copy.copy(self)
        for name in ("_parameters", "_buffers", "_modules"):
            clone.__dict__[name] = dict(self.__dict__[name])
        return clone

    def _check(self, x: Tensor) -> None:
        if x.ndim < self.event_dims:
            message = f"{type(self).__name__} works on events of {self.event_dims} axes, not on a tensor of shape {tuple(x.shape)}"
            raise ShapeError(message)

    def weight_like(self, x: Tensor) -> Tensor:
        """The weight in the real dtype and on the device of ``x``."""
        return self.weight.to(device=x.device, dtype=_real_dtype(x))

    def _per_item(self, weight: Tensor) -> Tensor:
        """The weight as one number a batch item, (*batch,), for priors that cannot weight elements.

        Raises:
            ShapeError: if the weight varies inside an event.
        """
        if weight.ndim == 0:
            return weight
        if weight.ndim < self.event_dims or any(size != 1 for size in weight.shape[weight.ndim - self.event_dims :]):
            message = (
                f"the weight of {type(self).__name__} must have shape (*batch{', 1' * self.event_dims}), not {tuple(weight.shape)}"
            )
            raise ShapeError(message)
        return weight.reshape(weight.shape[: weight.ndim - self.event_dims])


def _real_dtype(x: Tensor) -> torch.dtype:
    return x.dtype.to_real() if x.is_complex() else x.dtype
