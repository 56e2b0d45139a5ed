"""One instance of a prior, with what the contract test must know to run all its checks on it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from foreknow.parameters import Parameter
from foreknow.priors.base import Prior

Weight = float | Tensor | Parameter


@dataclass(frozen=True)
class PriorExample:
    """An example; the attributes of the prior itself (convex, homogeneity, has_value ...) are read from the instance.

    Attributes:
        name: unique; the test's id.
        factory: makes the prior from a weight: a number, a tensor of shape (batch, 1, ..., 1), a tensor of the event's shape if
            ``element_weights``, or a `Parameter`. It is called often, and with the same weight must make the same prior.
        event_shape: a small event (2 to about 30 numbers).
        complex: whether complex input has a meaning; the checks then run on complex64 and complex128 as well.
        element_weights: whether a weight an element is allowed.
        weighted: False for what takes no weight (indicators, whose factory ignores its argument).
        tolerance: relative accuracy of the proximal map in float64 (inner solvers are not accurate to rounding).
        minimum_norm: whether ``subgradient`` is of minimum norm at kinks as well (sums of two non-smooth priors do not know it).
        differentiable_prox: whether the Jacobian of the proximal map at generic points is right (gradcheck).
        conjugate: whether there is a conjugate (checked both ways: it must work, or raise UnsupportedError).
        kinks: further points, of the event's shape, at which the subgradient and the finiteness of gradients are checked; the zero
            tensor, a half-zero and a constant tensor are always among them.
        scale: the typical size of the random points (against a weight near 0.5 and a step near 1).
        real_points: makes the random points from normal ones (for priors on positive numbers, say); default: no change.
    """

    name: str
    factory: Callable[[Weight], Prior]
    event_shape: tuple[int, ...]
    complex: bool = False
    element_weights: bool = False
    weighted: bool = True
    tolerance: float = 1e-10
    minimum_norm: bool = True
    differentiable_prox: bool = True
    conjugate: bool = True
    kinks: tuple[Tensor, ...] = ()
    scale: float = 1.5
    real_points: Callable[[Tensor], Tensor] | None = None
