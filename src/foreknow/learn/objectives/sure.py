"""Self-supervised learning from noisy data alone, the noise level being known."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective
from foreknow.learn.objectives.divergence import RiskTerms


class SURE(Objective):
    r"""Stein's unbiased risk estimate: in the mean over the noise it is the error against the truth, which nobody knows.

    |f(y) - y|^2 / n - sigma^2 + 2 sigma^2 div f(y) / n for y = x + white Gaussian noise (Stein 1981), the divergence by a random
    probe (Ramani, Blu and Unser 2008). The noise that a model leaves over, y - f(y), must not be one of its components: name those
    that are signal.

    Args:
        sigma: the standard deviation of the noise.
        components: whose signals add up to the clean data f(y); all if None.
        probe: size of the probe as a fraction of the root mean square of an item.

    Raises:
        ParameterError: if sigma or probe is not positive.
    """

    def __init__(self, sigma: float, components: Sequence[str] | None = None, probe: float = 1e-3) -> None:
        super().__init__()
        if not sigma > 0:
            message = f"the standard deviation of the noise must be positive, not {sigma}; use UNSURE if it is not known"
            raise ParameterError(message)
        self.sigma = float(sigma)
        self.terms = RiskTerms(components, probe)

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:
        """The estimated mean squared error of each item; it may be negative."""
        residual, divergence = self.terms(emit, example.y, generator)
        return residual + self.sigma**2 * (2 * divergence - 1)
