"""Self-supervised learning from noisy data alone, the noise level being unknown."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.data import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective
from foreknow.learn.objectives.divergence import RiskTerms


class UNSURE(Objective):
    r"""The residual under the constraint that the mean divergence is zero, whose multiplier estimates the noise variance.

    min over f, max over v of |f(y) - y|^2 / n + 2 v div f(y) / n (Tachella, Davies and Jacques 2024). At the saddle point v is the
    variance of the noise, a little more the less of the space the signals leave empty. The network must be able to have zero
    divergence: one that only shrinks needs a learnable extrapolation such as y - a (y - f(y)) behind it.

    After every step the multiplier climbs in its logarithm, by twice the running mean of the divergence times ``rate`` times the
    learning rate: it must not outrun the network, whose values an adaptive optimiser moves by about the learning rate a step.

    Args:
        sigma: a first guess of the standard deviation.
        components: whose signals add up to the clean data f(y); all if None.
        rate: of the multiplier, as a fraction of the learning rate of the network.
        momentum: of the running mean.
        probe: size of the probe as a fraction of the root mean square of an item.

    Raises:
        ParameterError: if a number is outside its range.
    """

    def __init__(
        self,
        sigma: float,
        components: Sequence[str] | None = None,
        rate: float = 0.5,
        momentum: float = 0.9,
        probe: float = 1e-3,
    ) -> None:
        super().__init__()
        if not (sigma > 0 and rate > 0 and 0 <= momentum < 1):
            message = f"UNSURE needs sigma > 0, rate > 0 and 0 <= momentum < 1, not {sigma}, {rate} and {momentum}"
            raise ParameterError(message)
        self.rate = rate
        self.momentum = momentum
        self.terms = RiskTerms(components, probe)
        self.log_variance: Tensor
        self.mean_divergence: Tensor
        self.register_buffer("log_variance", torch.tensor(float(sigma), dtype=torch.float64).log() * 2)
        self.register_buffer("mean_divergence", torch.zeros((), dtype=torch.float64))
        self._latest: Tensor | None = None

    @property
    def sigma(self) -> float:
        """The present estimate of the standard deviation of the noise."""
        return float((self.log_variance / 2).exp())

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:
        """The Lagrangian of each item."""
        residual, divergence = self.terms(emit, example.y, generator)
        self._latest = divergence.detach().mean()
        return residual + 2 * self.log_variance.exp().to(residual) * divergence

    def advance(self, mean: Callable[[Tensor], Tensor], learning_rate: float) -> None:
        """Let the multiplier climb by the divergence of the last batch."""
        if self._latest is None:
            return
        divergence = mean(self._latest).to(self.mean_divergence)
        self.mean_divergence.lerp_(divergence, 1 - self.momentum)
        self.log_variance.add_(2 * self.rate * learning_rate * self.mean_divergence)
        self._latest = None
