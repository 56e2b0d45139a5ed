"""3D-Var: one observation, one background covariance that stays."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.simulate.assimilation.covariance import Covariance
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.solve.gauss_newton import GaussNewton
from foreknow.solve.minimum import LeastSquaresMethod


@dataclass(frozen=True)
class MeanState:
    r"""The analysis (\*batch, n) and the number of cycles."""

    mean: Tensor
    cycle: int


class ThreeDVar(Assimilation[MeanState]):
    """The forecast of the last analysis, corrected by the observation (Lorenc 1986): argmin |v|^2 + |R^-1/2 (H(x + L v) - y)|^2.

    With a linear observation that is optimal interpolation's update.

    Args:
        covariance: L L^T, of the errors of forecasts: a fraction of the climatological covariance, to be tuned.
        method: minimiser; `GaussNewton` if None, which is exact in one step for a linear observation.
    """

    def __init__(self, covariance: Covariance, method: LeastSquaresMethod | None = None) -> None:
        self.covariance = covariance
        self.method = GaussNewton() if method is None else method

    def init(self, system: ObservedSystem, prior: Prior, generator: torch.Generator) -> MeanState:  # noqa: ARG002
        """The prior mean."""
        return MeanState(prior.mean, 0)

    def step(self, system: ObservedSystem, state: MeanState, y: Tensor, generator: torch.Generator) -> MeanState:  # noqa: ARG002
        """Forecast and correct."""
        forecast = system.forecast(state.mean, state.cycle)
        finite = torch.isfinite(forecast).all(dim=-1, keepdim=True)
        guess = torch.where(finite, forecast, 0.0)

        def residuals(v: Tensor) -> Tensor:
            return system.error.whiten(system.observe(guess + self.covariance.root(v)) - y)

        found = self.method.minimise(residuals, torch.zeros_like(guess))
        return MeanState(torch.where(finite, guess + self.covariance.root(found.point), torch.nan), state.cycle + 1)

    def analysis(self, system: ObservedSystem, state: MeanState) -> Analysis:  # noqa: ARG002
        """The mean; 3D-Var knows no spread."""
        return Analysis(state.mean)
