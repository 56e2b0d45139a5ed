"""Weights of least risk without truth: Stein's unbiased risk estimate and its gradient."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.descent import Descent
from foreknow.learn.hyperparameters.joint import measured, standard_deviation
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.outcome import Outcome
from foreknow.learn.hyperparameters.solution_map import Certified, SolutionMap
from foreknow.model import Model
from foreknow.problem import Coefficients
from foreknow.unroll import Learnable, Weights


class UnbiasedRisk:
    r"""Minimise SURE(w) = |A x(y) - y|^2 - N sigma^2 + 2 sigma^2 div A x(y) over the weights (Stein 1981; Deledalle et al. 2014).

    SURE is an unbiased estimate of the expected squared error of the signal, |A x(y) - A x_true|^2, which it never sees: the noise
    must be white and Gaussian of a known level (see `MedianNoise`). The divergence is that of random probes, by finite differences,
    <delta, A x(y + eps delta) - A x(y)> / eps (Ramani, Blu and Unser 2008), and SURE is differentiated as it is computed, through
    both solutions: the SUGAR of Deledalle et al. Any number of weights is learned at once.

    The result is the weight of least prediction error, not that of the density that the coefficients were drawn from. With an
    operator A that loses much, the error of A x says little about that of x.

    Args:
        solution: solves and differentiates; `Certified` if None. Solutions must be more exact than their response to eps.
        descent: over the logarithms.
        probes: random directions for the divergence; one is enough for thousands of samples.
        epsilon: length of the finite difference, in standard deviations of the noise; 2 / N^0.3 for items of N samples if None.

    Raises:
        ParameterError: if ``probes`` or ``epsilon`` is not positive.
    """

    def __init__(
        self,
        *,
        solution: SolutionMap | None = None,
        descent: Descent | None = None,
        probes: int = 1,
        epsilon: float | None = None,
    ) -> None:
        if probes < 1 or (epsilon is not None and not epsilon > 0):
            message = f"probes and epsilon must be positive, not {probes} and {epsilon}"
            raise ParameterError(message)
        self.solution = Certified() if solution is None else solution
        self.descent = Descent() if descent is None else descent
        self.probes = probes
        self.epsilon = epsilon

    def learn(
        self, model: Model, y: Tensor, learn: Sequence[Learnable] | None = None, *, generator: torch.Generator | None = None
    ) -> Outcome:
        r"""Learn the weights of a model without truth; the objective of the outcome is SURE over N sigma^2.

        Args:
            model: with the noise level of the data; start values are taken from it; it is left alone.
            y: the data, (\*batch, \*shape), real.
            learn: what; the weights if None. Not the noise level, which SURE must know.
            generator: of the probes, on the device of y.

        Raises:
            DataError, ShapeError: if y does not fit.
            ParameterError: if there is nothing to learn, or the noise level is to be learned.
            UnsupportedError: if the noise is not Gaussian, or the solution cannot be differentiated in this way.
        """
        began = time.perf_counter()
        knobs = Knobs(model, [Weights()] if learn is None else learn, self.solution.algorithm)
        if any(row.owner == "noise" for row in knobs.rows):
            message = "SURE must know the noise level; measure it first, with MedianNoise().learn(model, y), and learn the weights"
            raise ParameterError(message)
        risk = _Risk(self, knobs, y, generator)
        found = self.descent.minimise(risk, knobs.start)
        return found.outcome(knobs, time.perf_counter() - began, type(self).__name__)

    def risk(self, model: Model, y: Tensor, *, generator: torch.Generator | None = None) -> float:
        r"""SURE over N sigma^2 of the model as it is.

        Args:
            model: with a positive weight.
            y: the data, (\*batch, \*shape), real.
            generator: of the probes.

        Raises:
            As `learn`.
        """
        knobs = Knobs(model, [Weights()], self.solution.algorithm)
        return _Risk(self, knobs, y, generator)(knobs.start)[0]


class _Risk:
    """SURE over N sigma^2 and its gradient, at fixed probes."""

    def __init__(self, method: UnbiasedRisk, knobs: Knobs, y: Tensor, generator: torch.Generator | None) -> None:
        self.method = method
        self.knobs = knobs
        self.problem = knobs.problem.for_data(y)
        self.sigma = standard_deviation(self.problem, y)
        self.y = y
        self.count = int(measured(self.problem, y).sum())
        samples = y[(0,) * (y.ndim - self.problem.event_dims)].numel()
        self.epsilon = method.epsilon or 2 / samples**0.3
        self.probes = torch.randn((method.probes, *y.shape), generator=generator, dtype=y.dtype, device=y.device)
        moved = y + self.epsilon * self.sigma * self.probes
        self.all = torch.cat([y[None], moved])
        self.start: Coefficients | None = None

    def __call__(self, logarithms: Tensor) -> tuple[float, Tensor]:
        self.knobs.assign(logarithms)
        x = self.method.solution.solve(self.knobs.layer, self.all, self.start)
        self.start = tuple(part.detach() for part in x)
        signals = self.problem.synthesize(x) / self.sigma
        here, moved = signals[0], signals[1:]
        misfit = (here - self.y / self.sigma).double().square().sum()
        divergence = (self.probes * (moved - here)).double().sum() / (self.epsilon * self.method.probes)
        value = (misfit - self.count + 2 * divergence) / self.count
        return float(value.detach()), self.knobs.gradient(value)
