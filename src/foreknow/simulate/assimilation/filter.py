"""What all ensemble filters share: forecast the members, compare with the observation, update, inflate."""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.parameters import Parameter
from foreknow.simulate.assimilation import ensemble as members_of
from foreknow.simulate.assimilation.inflation import Inflation, as_inflation
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.system import ObservedSystem


@dataclass(frozen=True)
class FilterState:
    r"""Members (\*batch, N, n), what the inflation remembers (\*batch,), and the number of cycles."""

    ensemble: Tensor
    memory: Tensor
    cycle: int


@dataclass(frozen=True)
class Comparison:
    r"""A forecast beside the observation.

    Attributes:
        mean: (\*batch, 1, n).
        anomalies: (\*batch, N, n).
        predicted: anomalies of the predicted observations, whitened by the observation error, (\*batch, N, m).
        innovation: y - H(mean of the predictions), whitened, (\*batch, m).
    """

    mean: Tensor
    anomalies: Tensor
    predicted: Tensor
    innovation: Tensor

    @property
    def gram(self) -> Tensor:
        r"""(N - 1) I + Y Y^T, (\*batch, N, N)."""
        count = self.anomalies.shape[-2]
        identity = torch.eye(count, dtype=self.predicted.dtype, device=self.predicted.device)
        return (count - 1) * identity + self.predicted @ self.predicted.mT

    @property
    def observed_gram(self) -> Tensor:
        r"""(N - 1) I + Y^T Y, (\*batch, m, m)."""
        identity = torch.eye(self.predicted.shape[-1], dtype=self.predicted.dtype, device=self.predicted.device)
        return (self.anomalies.shape[-2] - 1) * identity + self.predicted.mT @ self.predicted

    def scaled(self, factor: Tensor) -> "Comparison":
        r"""The same with both anomalies multiplied, factor (\*batch,)."""
        shaped = factor.unsqueeze(-1).unsqueeze(-1)
        return Comparison(self.mean, shaped * self.anomalies, shaped * self.predicted, self.innovation)


class EnsembleFilter(Assimilation[FilterState], nn.Module):
    """A filter whose state is an ensemble.

    Args:
        members: N, at least 2.
        inflation: an object, or a number for a constant factor; None for none.
    """

    def __init__(self, members: int, inflation: "float | Parameter | Inflation | None" = None) -> None:
        super().__init__()
        self.members = members_of.require_members(members)
        self.inflation = as_inflation(inflation)

    @abstractmethod
    def update(self, system: ObservedSystem, comparison: Comparison, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        r"""The mean (\*batch, 1, n) and the anomalies (\*batch, N, n) after the observation."""

    def init(self, system: ObservedSystem, prior: Prior, generator: torch.Generator) -> FilterState:  # noqa: ARG002
        """Members drawn from the prior."""
        ensemble = members_of.draw(prior, self.members, generator)
        return FilterState(ensemble, self.inflation.begin(ensemble), 0)

    def forecast(self, system: ObservedSystem, state: FilterState, generator: torch.Generator) -> FilterState:
        """The members at the next observation."""
        moved = system.disturb(system.forecast(state.ensemble, state.cycle), generator)
        return FilterState(moved, state.memory, state.cycle + 1)

    def compare(self, system: ObservedSystem, state: FilterState, y: Tensor) -> Comparison:
        """The forecast beside the observation; an item that is not finite is told nothing, and stays what it is."""
        mean, anomalies = members_of.split(state.ensemble)
        seen_mean, seen = members_of.split(system.observe(state.ensemble))
        predicted, innovation = system.error.whiten(seen), system.error.whiten(y - seen_mean.squeeze(-2))
        finite = torch.isfinite(predicted.detach().square().sum(dim=(-2, -1)) + innovation.detach().square().sum(dim=-1))
        predicted = torch.where(finite.unsqueeze(-1).unsqueeze(-1), predicted, 0.0)
        return Comparison(mean, anomalies, predicted, torch.where(finite.unsqueeze(-1), innovation, 0.0))

    def analyse(self, system: ObservedSystem, state: FilterState, y: Tensor, generator: torch.Generator) -> FilterState:
        """The members of a forecast after they are told the observation."""
        comparison = self.compare(system, state, y)
        factor, memory = self.inflation.before(comparison.predicted, comparison.innovation, state.memory)
        mean, anomalies = self.update(system, comparison.scaled(factor), generator)
        return FilterState(mean + self.inflation.after(anomalies) * anomalies, memory, state.cycle)

    def step(self, system: ObservedSystem, state: FilterState, y: Tensor, generator: torch.Generator) -> FilterState:
        """Forecast and analyse."""
        return self.analyse(system, self.forecast(system, state, generator), y, generator)

    def analysis(self, system: ObservedSystem, state: FilterState) -> Analysis:  # noqa: ARG002
        """Mean, spread and members."""
        return members_of.describe(state.ensemble)


def log_evidence(comparison: Comparison, log_determinant: Tensor) -> Tensor:
    r"""Log p(y_k | y_1 ... y_(k-1)) under the Gaussian of the forecast, (\*batch,) (Carrassi et al. 2017, eq. 15).

    Args:
        comparison: of the forecast with y_k.
        log_determinant: of the observation error's covariance, ().
    """
    factor = torch.linalg.cholesky(comparison.observed_gram)
    count, size = comparison.anomalies.shape[-2], comparison.innovation.shape[-1]
    whitened = torch.linalg.solve_triangular(factor, comparison.innovation.unsqueeze(-1), upper=False).squeeze(-1)
    distance = (count - 1) * whitened.square().sum(dim=-1)
    volume = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    constant = size * (math.log(2 * math.pi) - math.log(count - 1))
    return -(distance + volume + constant + log_determinant) / 2
