"""A prior of moduli on the non-negative (or non-positive) numbers."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.priors.base import Prior
from foreknow.priors.non_negative import NonNegative, NonPositive


class OnOrthant(Prior):
    r"""R(x) where x >= 0 (or x <= 0), else infinite: made by ``prior & NonNegative()``.

    For a prior that depends on moduli and does not fall with any (``absolute``), an element with the wrong sign is best 0, so that
    the proximal map is that of R at max(x, 0), and the conjugate that of R at max(z, 0): for `L1` it is the indicator of z <= w.

    Args:
        prior: R, ``absolute`` and with a proximal map.
        cone: `NonNegative` or `NonPositive`, of the same event_dims.

    Raises:
        ParameterError: if R is not a function of the moduli, or the event axes differ.
    """

    weighted = False

    def __init__(self, prior: Prior, cone: NonNegative | NonPositive) -> None:
        if not prior.absolute or prior.event_dims != cone.event_dims:
            message = f"{type(prior).__name__} must be a function of moduli, over the event axes of {type(cone).__name__}"
            raise ParameterError(message)
        super().__init__(1.0, prior.event_dims)
        self.prior = prior
        self.cone = cone
        self.sign = 1.0 if isinstance(cone, NonNegative) else -1.0
        self.convex = prior.convex
        self.homogeneity = prior.homogeneity
        self.elementwise = prior.elementwise
        self.has_prox = prior.has_prox
        self.has_value = prior.has_value

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.value(x) + self.cone.value(x)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return self.prior.prox(self.cone.prox(x), threshold)

    def _subgradient(self, x: Tensor) -> Tensor:
        return self.prior.subgradient(x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.conjugate(torch.relu(self.sign * z))

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        return self.prior.dual_scale(torch.relu(self.sign * z))

    def _over(self, event_dims: int) -> Prior:
        return OnOrthant(self.prior.over(event_dims), type(self.cone)(event_dims))

    def _scaled(self, factor: float) -> Prior:
        return OnOrthant(factor * self.prior, self.cone)

    @property
    def formula(self) -> str:
        """The prior as `print(model)` writes it."""
        return f"{self.prior.formula} + {self.cone.formula}"
