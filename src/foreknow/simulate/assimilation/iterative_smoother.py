"""The iterative ensemble Kalman smoother."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.simulate.assimilation import ensemble as members_of
from foreknow.simulate.assimilation.inflation import Inflation, as_inflation
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.transforms import inverse_square_root, random_rotation


@dataclass(frozen=True)
class SmootherState:
    r"""The members at the beginning of the window and now, both (\*batch, N, n), and where the window lies.

    Attributes:
        first: at the beginning of the next window.
        smoothed: mean at the beginning of the last window, (\*batch, n).
        latest: at the latest observation.
        memory: of the inflation, (\*batch,).
        start: cycle of ``first``.
        cycle: of ``latest``.
        lag: cycles from ``smoothed`` to ``latest``.
    """

    first: Tensor
    smoothed: Tensor
    latest: Tensor
    memory: Tensor
    start: int
    cycle: int
    lag: int


class IEnKS(Assimilation[SmootherState], nn.Module):
    """Gauss-Newton over a window in the space of an ensemble, which stands for the tangent model (Bocquet and Sakov 2014).

    In each cycle the newest observation is told to the members ``lag`` cycles before (single data assimilation, transform version).
    ``lag`` 1 is the iterative ensemble Kalman filter.

    Args:
        members: N, at least 2.
        lag: cycles in a window, at least 1.
        inflation: an object of `foreknow.simulate.assimilation`, or a number for a constant factor; None for none.
        rotate: whether the anomalies are rotated at random in every cycle.
        max_iterations: of Gauss-Newton in a cycle.
        tolerance: of the change of the weights, at which it stops.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(
        self,
        members: int,
        lag: int = 1,
        inflation: "float | Parameter | Inflation | None" = None,
        *,
        rotate: bool = True,
        max_iterations: int = 10,
        tolerance: float = 1e-3,
    ) -> None:
        super().__init__()
        if lag < 1 or max_iterations < 1 or not tolerance > 0:
            message = f"lag, iterations and tolerance of a smoother are positive, not {lag}, {max_iterations} and {tolerance}"
            raise ParameterError(message)
        self.members = members_of.require_members(members)
        self.lag = lag
        self.inflation = as_inflation(inflation)
        self.rotate = rotate
        self.max_iterations = max_iterations
        self.tolerance = tolerance

    def init(self, system: ObservedSystem, prior: Prior, generator: torch.Generator) -> SmootherState:  # noqa: ARG002
        """Members drawn from the prior."""
        ensemble = members_of.draw(prior, self.members, generator)
        return SmootherState(ensemble, ensemble.mean(dim=-2), ensemble, self.inflation.begin(ensemble), 0, 0, 0)

    def step(self, system: ObservedSystem, state: SmootherState, y: Tensor, generator: torch.Generator) -> SmootherState:
        """Iterate over the window that ends with y; slide it if it is full."""
        length = state.cycle + 1 - state.start

        def through(ensemble: Tensor) -> Tensor:
            for index in range(length):
                ensemble = system.forecast(ensemble, state.start + index)
            return ensemble

        mean, anomalies = members_of.split(state.first)
        finite = torch.isfinite(state.first).flatten(-2).all(dim=-1)
        mean = torch.where(finite.unsqueeze(-1).unsqueeze(-1), mean, 0.0)
        anomalies = torch.where(finite.unsqueeze(-1).unsqueeze(-1), anomalies, 0.0)
        weights = torch.zeros_like(anomalies[..., :1]).mT  # (*batch, 1, N)
        identity = torch.eye(self.members, dtype=anomalies.dtype, device=anomalies.device)
        transform, back = identity, identity
        memory = state.memory
        for _ in range(self.max_iterations):
            members = mean + (weights + transform) @ anomalies
            seen_mean, seen = members_of.split(system.observe(through(members)))
            predicted = back @ system.error.whiten(seen)
            innovation = system.error.whiten(y - seen_mean.squeeze(-2))
            finite = finite & torch.isfinite(predicted.square().sum(dim=(-2, -1)) + innovation.square().sum(dim=-1))
            predicted = torch.where(finite.unsqueeze(-1).unsqueeze(-1), predicted, 0.0)
            innovation = torch.where(finite.unsqueeze(-1), innovation, 0.0)
            factor, memory = self.inflation.before(predicted, innovation, state.memory)
            precision = ((self.members - 1) / factor.square()).unsqueeze(-1).unsqueeze(-1)
            matrix = precision * identity + predicted @ predicted.mT
            root = inverse_square_root(matrix)
            slope = (predicted @ innovation.unsqueeze(-1)).mT - precision * weights
            change = slope @ root @ root
            weights = weights + change
            transform = (self.members - 1) ** 0.5 * root
            back = matrix @ root / (self.members - 1) ** 0.5
            if bool((change.detach().square().sum(dim=-1) < self.tolerance**2).all()):
                break
        mean = mean + weights @ anomalies
        if self.rotate:
            transform = random_rotation(tuple(anomalies.shape[:-2]), self.members, anomalies, generator) @ transform
        smoothed = mean + self.inflation.after(anomalies) * (transform @ anomalies)
        smoothed = torch.where(finite.unsqueeze(-1).unsqueeze(-1), smoothed, torch.nan)
        latest = through(smoothed)
        if length < self.lag:
            return SmootherState(smoothed, smoothed.mean(dim=-2), latest, memory, state.start, state.cycle + 1, length)
        first = latest if self.lag == 1 else system.forecast(smoothed, state.start)
        return SmootherState(first, smoothed.mean(dim=-2), latest, memory, state.start + 1, state.cycle + 1, length)

    def analysis(self, system: ObservedSystem, state: SmootherState) -> Analysis:  # noqa: ARG002
        """Of the members now, and the mean ``lag`` cycles before."""
        now = members_of.describe(state.latest)
        return Analysis(now.mean, now.spread, now.ensemble, state.smoothed, state.lag)
