"""Inflation: ensembles that are too small are too sure, and are widened."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter


class Inflation(nn.Module, ABC):
    """How anomalies are multiplied before and after an analysis."""

    def begin(self, like: Tensor) -> Tensor:
        r"""What is remembered before the first cycle, (\*batch,).

        Args:
            like: an ensemble, (\*batch, N, n).
        """
        return torch.ones(like.shape[:-2], dtype=like.dtype, device=like.device)

    @abstractmethod
    def before(self, anomalies: Tensor, innovation: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        r"""The factor of the forecast anomalies, (\*batch,), and what is remembered after.

        Args:
            anomalies: of the predicted observations, whitened, (\*batch, N, m).
            innovation: y - H(mean), whitened, (\*batch, m).
            memory: of the last cycle.
        """

    def after(self, like: Tensor) -> Tensor:
        """The factor of the analysis anomalies, ()."""
        return torch.ones((), dtype=like.dtype, device=like.device)


class NoInflation(Inflation):
    """All factors are 1: right for large ensembles and linear models."""

    def before(self, anomalies: Tensor, innovation: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """One."""
        return torch.ones_like(memory), memory


class Multiplicative(Inflation):
    """A constant factor of the analysis anomalies (Anderson and Anderson 1999).

    Args:
        factor: positive, of standard deviations; a `Positive` or `Bounded` parameter to be learned.

    Raises:
        ParameterError: if it is not positive.
    """

    def __init__(self, factor: float | Parameter = 1.02) -> None:
        super().__init__()
        if not isinstance(factor, Parameter) and not factor > 0:
            message = f"an inflation factor must be positive, not {factor}"
            raise ParameterError(message)
        self.factor = factor

    def before(self, anomalies: Tensor, innovation: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """One."""
        return torch.ones_like(memory), memory

    def after(self, like: Tensor) -> Tensor:
        """The factor."""
        value = self.factor() if isinstance(self.factor, Parameter) else self.factor
        return torch.as_tensor(value).to(like)


class InnovationInflation(Inflation):
    """The variance that innovations ask for: lambda = (|d|^2 - m) / trace(H P H^T R^-1), smoothed over cycles (Li et al. 2009).

    Args:
        memory: weight of what was known in the running mean, in [0, 1).
        largest: bound of the factor of standard deviations; the smallest is 0.9.

    Raises:
        ParameterError: if a number is outside its range.
    """

    def __init__(self, memory: float = 0.97, largest: float = 2.0) -> None:
        super().__init__()
        if not (0 <= memory < 1 and largest >= 1):
            message = f"innovation inflation needs memory in [0, 1) and a largest factor of at least 1, not {memory} and {largest}"
            raise ParameterError(message)
        self.memory = memory
        self.largest = largest

    def before(self, anomalies: Tensor, innovation: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The root of the running mean, which is what is remembered."""
        variance = anomalies.square().sum(dim=(-2, -1)) / (anomalies.shape[-2] - 1)
        ratio = (innovation.square().sum(dim=-1) - innovation.shape[-1]) / variance.clamp_min(torch.finfo(variance.dtype).tiny)
        asked = ratio.clamp(0.9**2, self.largest**2)
        mean = self.memory * memory + (1 - self.memory) * asked
        return mean.sqrt(), mean


class FiniteSize(Inflation):
    """EnKF-N: the spread that an ensemble of N members leaves unknown is integrated out (Bocquet, Raanes and Hannart 2015).

    The factor l minimises the dual cost (their eq. 25, in terms of l as in Raanes, Bocquet and Carrassi 2019, section 2)
    D(l) = d^T (I + l^2 Y^T Y / (N - 1))^-1 d + (N - 1) (e / l^2 + k log l^2) with e = c (N + 1) / (N m), k = c m N / (N - 1).
    m moves the mode of the prior of l to 1 in proportion to the share of the analysis that is prior (their mode correction): where
    nothing is observed there is no inflation. Nothing has to be tuned as long as the model is perfect.

    Args:
        certainty: c, of the prior of the factor, positive; above 1 for ensembles of weakly non-linear models, which have less
            sampling error than random ones.
        grid: values of the factor that are compared before the best is refined.

    Raises:
        ParameterError: if the certainty is not positive, or there are fewer than 3 values.
    """

    def __init__(self, certainty: float = 1.0, grid: int = 24) -> None:
        super().__init__()
        if not certainty > 0 or grid < 3:
            message = f"EnKF-N needs a positive certainty and a search over at least 3 values, not {certainty} and {grid}"
            raise ParameterError(message)
        self.certainty = certainty
        self.grid = grid

    def before(self, anomalies: Tensor, innovation: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The factor, constant under differentiation; it is also what is remembered."""
        members = anomalies.shape[-2]
        with torch.no_grad():
            values, vectors = torch.linalg.eigh(anomalies @ anomalies.mT)
            image = (vectors.mT @ (anomalies @ innovation.unsqueeze(-1))).squeeze(-1).square()
            known = values > 1e-9 * values.amax(dim=-1, keepdim=True)
            along = torch.where(known, image / torch.where(known, values, torch.ones_like(values)), 0.0)
            factor = (self._search(values.clamp_min(0) / (members - 1), along, members) / 2).exp()
        return factor, factor

    def _search(self, ratios: Tensor, along: Tensor, members: int) -> Tensor:
        """Log l^2, given the eigenvalues of the whitened covariance and the squared innovation along them, (*batch, N)."""
        share = (1 / (1 + ratios)).mean(dim=-1, keepdim=True)
        mode = (members + 1) * (members - 1) / members**2
        shift = mode ** (share / 2)
        mean_part = self.certainty * (members + 1) / members * (members - 1) / shift
        log_part = self.certainty * members * shift

        def cost(log_square: Tensor) -> Tensor:
            widened = ratios.unsqueeze(-2) * log_square.exp().unsqueeze(-1)
            return (along.unsqueeze(-2) / (1 + widened)).sum(dim=-1) + mean_part * (-log_square).exp() + log_part * log_square

        low, high = math.log(0.25), math.log(400.0)
        step = (high - low) / (self.grid - 1)
        places = torch.linspace(low, high, self.grid, dtype=ratios.dtype, device=ratios.device)
        places = places.expand(*ratios.shape[:-1], self.grid)
        offsets = torch.linspace(-1, 1, 9, dtype=ratios.dtype, device=ratios.device)
        for _ in range(4):
            best = places.gather(-1, cost(places).argmin(dim=-1, keepdim=True))
            places = (best + step * offsets).clamp(low, high)
            step /= 4
        return places.gather(-1, cost(places).argmin(dim=-1, keepdim=True)).squeeze(-1)


def as_inflation(value: "float | Parameter | Inflation | None") -> Inflation:
    """None is no inflation, a number or parameter a `Multiplicative` one."""
    if isinstance(value, Inflation):
        return value
    if value is None:
        return NoInflation()
    if isinstance(value, (int, float)) and value == 1:
        return NoInflation()
    return Multiplicative(value)
