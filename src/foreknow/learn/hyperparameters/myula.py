"""The chain without a Metropolis test that SAPG was published with."""

import math
from dataclasses import replace

import torch

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.sampler import Chain, Sampler, require_density, white
from foreknow.learn.hyperparameters.target import Target
from foreknow.problem import Coefficients
from foreknow.solve.blocks import add, scale_items


class MYULA(Sampler):
    """The Moreau-Yosida unadjusted Langevin algorithm (Durmus, Moulines and Pereyra 2018), as in Vidal et al. (2020).

    Its steps do not shorten as items grow, but its draws are those of another density: along what the data fix, with the curvature
    L, their variance is too large by the factor 1 / (1 - t L / 2) for steps t, a third by default, and a learned noise level comes
    out wrong accordingly. `ProximalHMC` has no such bias and is the default of `MarginalLikelihood`.

    Args:
        smoothing: the step of the envelopes in units of 1 / (norm of A / sigma)^2.
        step: of the chain, as a fraction of the inverse Lipschitz constant of the drift, in (0, 2).

    Raises:
        ParameterError: if an argument is outside its range.
    """

    def __init__(self, smoothing: float = 1.0, step: float = 0.98) -> None:
        if not smoothing > 0 or not 0 < step < 2:
            message = f"smoothing must be positive and the step in (0, 2), not {smoothing} and {step}"
            raise ParameterError(message)
        self.smoothing = smoothing
        self.step = step

    def begin(self, target: Target, x: Coefficients) -> Chain:
        """The chain at x.

        Raises:
            UnsupportedError: if a prior is infinite outside a set.
        """
        require_density(target, x)
        return Chain(x, math.log(self.step / (1 + target.overlap / self.smoothing)))

    def run(self, target: Target, chain: Chain, steps: int, generator: torch.Generator | None) -> Chain:
        """The chain some steps later."""
        problem, x = target.problem, chain.x
        with torch.no_grad():
            unit = target.unit()
            step = unit * math.exp(chain.log_scale)
            for _ in range(steps):
                drift = target.drift(x, self.smoothing * unit)
                noise = scale_items(problem, (2 * step).sqrt(), white(x, generator))
                x = add(add(x, scale_items(problem, step, drift), -1), noise)
        return replace(chain, x=x, steps=chain.steps + steps)
