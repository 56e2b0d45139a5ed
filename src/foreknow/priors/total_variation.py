"""Total variation: piecewise constant signals, images and volumes."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.operators.base import LinearOperator
from foreknow.operators.difference import FiniteDifference
from foreknow.parameters import Fixed, Parameter
from foreknow.priors.base import Prior
from foreknow.priors.group_l2 import GroupL2, norm_along
from foreknow.priors.inner_solver import Accuracy
from foreknow.priors.l1 import L1
from foreknow.priors.total_variation_dual import DualBall, DualState, differentiable_prox, solve_dual
from foreknow.shapes import sum_event


class DifferencePrior(Prior):
    r"""A norm of the forward differences of x, with Neumann ends: what the two kinds of total variation share.

    The proximal map is found to a duality gap by an inner solver (`solve_dual`, always in double precision), whose warm start is
    an explicit state (`prox_from`); its derivative follows from the implicit function theorem (once). Splitting algorithms take
    the norm and the differences apart (`split`). Real signals along one axis are for `TotalVariation1D`, which is exact.

    The subgradient of minimum norm has no closed form; the one that is returned takes 0 for every difference that is 0. There is
    no closed form of the conjugate either.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes of one event.
        axes: the axes to differentiate along, counted from the end; all of the event's if None.
        accuracy: of the inner solver.

    Raises:
        ParameterError: if an axis is not one of the event's.
    """

    homogeneity = 1.0

    def __init__(
        self,
        weight: float | Tensor | Parameter = 1.0,
        event_dims: int = 2,
        axes: Sequence[int] | None = None,
        accuracy: Accuracy | None = None,
    ) -> None:
        super().__init__(weight, event_dims)
        self.operator = FiniteDifference(domain_dims=event_dims, axes=axes)
        self.accuracy = accuracy or Accuracy()

    @abstractmethod
    def _ball(self) -> DualBall:
        """The dual ball: how differences are grouped."""

    @abstractmethod
    def _modulus(self, difference: Tensor) -> Tensor:
        """The size of each group of differences, with the gradient 0 at 0."""

    @property
    @abstractmethod
    def prior(self) -> Prior:
        """The norm of the differences: this prior is ``prior @ operator``."""

    def prox_from(self, x: Tensor, step: float | Tensor = 1.0, state: DualState | None = None) -> tuple[Tensor, DualState]:
        """The proximal map, started from the state of an earlier call on a tensor of the same shape.

        Args:
            x: (*batch, *event).
            step: positive; a number, or a tensor (*batch, 1, ..., 1).
            state: what an earlier call returned; None starts from nothing.

        Returns:
            The proximal point and the new state.
        """
        self._check(x)
        return self._solve(x, step * self.weight_like(x), state)

    def split(self) -> tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]]:
        """The norm behind the finite differences: (None, ((``prior``, ``operator``),))."""
        return None, ((self.prior, self.operator),)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        total = sum_event(self._modulus(self.operator(x)), self.operator.range_dims)
        return self._per_item(weight) * total

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self._solve(x, threshold, None)[0]

    def _solve(self, x: Tensor, threshold: Tensor, state: DualState | None) -> tuple[Tensor, DualState]:
        levels = self._per_item(threshold).expand(x.shape[: x.ndim - self.event_dims])
        operator, ball = self._bound(x), self._ball()
        wide, levels = x.to(torch.promote_types(x.dtype, torch.float64)), levels.to(torch.float64)
        with torch.no_grad():
            state = solve_dual(wide, levels, operator, ball, self.accuracy, state)
        return differentiable_prox(wide, levels, state, operator, ball).to(x.dtype), state

    def _bound(self, x: Tensor) -> FiniteDifference:
        return FiniteDifference(tuple(x.shape[x.ndim - self.event_dims :]), axes=self.operator.axes)

    def _difference_weight(self) -> Parameter:
        """The weight with one axis more, as the differences have."""
        if self.weight.ndim == 0:
            return self.weight_parameter
        return Fixed(self.weight.unsqueeze(-1)) if isinstance(self.weight_parameter, Fixed) else _OneAxisMore(self.weight_parameter)

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"event_dims={self.event_dims}, axes={self.operator.axes}"


class TotalVariation(DifferencePrior):
    r"""w sum_i |(D x)_i|_2, isotropic total variation: piecewise constant, with edges of any direction (Rudin et al. 1992).

    |(D x)_i| is the Euclidean length of the forward differences at sample i along all ``axes``; their parts beyond the last
    sample are 0. x may be complex. Arguments and properties: `DifferencePrior`.
    """

    def _ball(self) -> DualBall:
        return DualBall((-self.operator.range_dims,))

    def _modulus(self, difference: Tensor) -> Tensor:
        return norm_along(difference, (-self.operator.range_dims,))

    @property
    def prior(self) -> Prior:
        """The norm of the differences."""
        dims = self.operator.range_dims
        return GroupL2(self._difference_weight(), axes=-dims, event_dims=dims)

    def _symbol(self) -> str:
        return "TV({x})"


class AnisotropicTotalVariation(DifferencePrior):
    r"""w sum_i |(D x)_i|_1, anisotropic total variation: edges along the axes (Esedoglu and Osher 2004).

    The sum of the moduli of all forward differences. x may be complex. Arguments and
    properties: `DifferencePrior`.
    """

    def _ball(self) -> DualBall:
        return DualBall(())

    def _modulus(self, difference: Tensor) -> Tensor:
        return difference.abs()

    @property
    def prior(self) -> Prior:
        """The norm of the differences."""
        return L1(self._difference_weight(), event_dims=self.operator.range_dims)

    def _symbol(self) -> str:
        return "|D {x}|_1"


class _OneAxisMore(Parameter):
    """A learnable weight of shape (*batch, 1, ..., 1) with another axis of size 1."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.parameter = parameter

    def forward(self) -> Tensor:
        """The present value."""
        return self.parameter().unsqueeze(-1)
