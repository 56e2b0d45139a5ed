"""How likely observations are under a simulator with errors: what its parameters and residual are learned from."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from foreknow.simulate.assimilation.filter import EnsembleFilter, FilterState, log_evidence
from foreknow.simulate.assimilation.four_d_var import FourDVar
from foreknow.simulate.assimilation.method import Prior
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.variational import Background, GuessFirst, Window

COST = "negative log likelihood"
"""The name under which `FilterLikelihood` and `VariationalLikelihood` give their number."""


class FilterLikelihood(nn.Module):
    r"""- log p(y_1 ... y_K) by an ensemble filter, differentiable in the parameters of the system (Chen et al. 2022).

    The gradient is that of the whole run of the filter, or cut every ``truncate`` cycles, as chaos asks for. The ensembles are
    drawn from one seed, so that the number is a smooth function of the parameters.

    Args:
        system: whose simulator (and observation error, if it is a parameter) is learned.
        method: the filter.
        prior: of the first state of every window; its mean has n numbers.
        guess: makes that mean from the observations of the window instead; None for one mean for all.
        truncate: cycles after which the graph is cut; None for never.
        seed: of the ensembles.
    """

    def __init__(
        self,
        system: ObservedSystem,
        method: EnsembleFilter,
        prior: Prior,
        guess: GuessFirst | None = None,
        truncate: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.system = system
        self.method = method
        self.prior = prior
        self.guess = guess
        self.truncate = truncate
        self.seed = seed

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        r"""The number a window, divided by the number of observations, (\*batch,).

        Args:
            y: (\*batch, K, m).
        """
        generator = torch.Generator().manual_seed(self.seed)
        first = self.prior.mean.to(y) if self.guess is None else self.guess(y)
        mean = first.expand(*y.shape[:-2], self.system.size)
        state = self.method.init(self.system, Prior(mean, self.prior.covariance), generator)
        determinant = self.system.error.log_determinant(y.shape[-1], y)
        total: Tensor | None = None
        for cycle in range(y.shape[-2]):
            if self.truncate is not None and cycle and cycle % self.truncate == 0:
                state = FilterState(state.ensemble.detach(), state.memory.detach(), state.cycle)
            forecast = self.method.forecast(self.system, state, generator)
            term = -log_evidence(self.method.compare(self.system, forecast, y[..., cycle, :]), determinant)
            total = term if total is None else total + term
            state = self.method.analyse(self.system, forecast, y[..., cycle, :], generator)
        assert total is not None  # noqa: S101  (there is an observation)
        return {COST: total / (y.shape[-2] * y.shape[-1])}


class VariationalLikelihood(nn.Module):
    r"""min_v |v|^2 / 2 + |r(v; parameters)|^2 / 2 of 4D-Var, as a function of the parameters of the system.

    The minimum's gradient is the partial derivative at the minimiser (envelope theorem): the minimisation needs no graph. It is the
    negative logarithm of the posterior's height; give the observation error as known.

    Args:
        system: whose simulator is learned.
        method: of the minimisation.
        background: of the first state; its mean (n,) is that of every window.
        guess: makes that mean from the observations of the window instead; None for one mean for all.
    """

    def __init__(self, system: ObservedSystem, method: FourDVar, background: Background, guess: GuessFirst | None = None) -> None:
        super().__init__()
        self.system = system
        self.method = method
        self.background = background
        self.guess = guess

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        r"""The minimum a window, divided by the number of observations, (\*batch,).

        Args:
            y: (\*batch, K, m).
        """
        known = self.background if self.guess is None else replace(self.background, mean=self.guess(y))
        window = Window(self.system, known, y)
        with torch.no_grad():
            point = self.method.solve(window).minimum.point
        return {COST: window.cost(point) / (y.shape[-2] * y.shape[-1])}
