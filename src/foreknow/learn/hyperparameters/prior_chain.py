"""The normaliser of priors that are not homogeneous, from draws of the prior."""

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.learn.hyperparameters.normaliser import LogNormaliser, Normaliser
from foreknow.learn.hyperparameters.sampler import ProximalHMC, Sampler
from foreknow.learn.hyperparameters.target import Target
from foreknow.problem import Coefficients, Problem


class PriorChain(Normaliser):
    """From a second chain: the gradient of log Z(w) is minus the mean of that of sum_i w_i R_i over draws of the prior.

    This is the second algorithm of Vidal et al. (2020), for sums of priors and for those that are not homogeneous. The prior must
    be a density: no component without a prior, no prior that is blind to constants. Its draws add noise, so that `Homogeneous` is
    to be preferred where it applies.

    Args:
        sampler: of the chain; `ProximalHMC` if None.
        steps: of the chain between two looks.
        burn_in: steps before the first look.
    """

    def __init__(self, sampler: Sampler | None = None, steps: int = 1, burn_in: int = 100) -> None:
        self.sampler = ProximalHMC() if sampler is None else sampler
        self.steps = steps
        self.burn_in = burn_in

    def begin(self, problem: Problem, x: Coefficients, generator: torch.Generator | None) -> LogNormaliser:
        """Starts the chain at 0; every look makes some steps."""
        for name, prior, part in zip(problem.names, problem.declared_priors(), x, strict=True):
            constant = prior.value(torch.ones_like(part)).detach()
            if not bool((constant > 0).all()):
                message = f"the prior of component {name!r} costs nothing for constants, so that it is no density to draw from"
                raise UnsupportedError(message)
        with torch.no_grad():
            target = Target(problem, problem.synthesize(x), data=False)
        chain = self.sampler.begin(target, tuple(torch.zeros_like(part) for part in x))
        chain = self.sampler.run(target, chain, self.burn_in, generator)

        def log_normaliser() -> Tensor:
            nonlocal chain
            chain = self.sampler.run(target, chain.young(), self.steps, generator)
            for _ in range(_TRIES):  # weights that grow narrow the prior, and a chain that stands still would make them grow more
                if chain.acceptance >= _MOVING:
                    break
                chain = self.sampler.run(target, chain.young(), _MORE, generator)
            return problem.prior_value(chain.x).double().flatten()

        return log_normaliser


_MOVING = 0.4  # acceptance of a chain that keeps up
_MORE = 10
_TRIES = 30
