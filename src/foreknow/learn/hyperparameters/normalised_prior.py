"""Weights by maximum a posteriori together with the coefficients, the normaliser included."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters.gamma import Gamma
from foreknow.learn.hyperparameters.joint import Joint
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.normaliser import Homogeneous
from foreknow.learn.hyperparameters.outcome import Outcome, Status, learned_numbers
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.problem import Coefficients, Problem
from foreknow.solve import Algorithm, choose_algorithm, minimize
from foreknow.unroll import Learnable, Weights


class NormalisedPrior:
    r"""Minimise D(A x; y) + w R(x) - (d/k) log w - log Gamma(w) over x and w in turn (hierarchical Bayes; Pereyra et al. 2015).

    Given w, x is the solution of the model; given x, w = (d/k + a - 1) / (R(x) + b) for a homogeneous prior of degree k on d
    dimensions and a Gamma density of shape a and rate b. Both lower the objective, and no weight ever goes to 0: the term
    -(d/k) log w forbids what minimising w R(x) over w would do.

    Cheap (a few solutions), and biased: R(x) of the solution is smaller than that of the truth, by the shrinkage and by all that
    the noise hides, so that w comes out too large, the more so the weaker the signal. Without a rate b the objective has no lower
    bound: it falls for ever as x goes to 0 and w to infinity. Where the signal is weak the iteration goes that way, and the outcome
    says `Status.COLLAPSED`, as it does with a rate b where x vanishes and w is what the Gamma density says. The same happens to a
    noise level learned in this way wherever a model can explain the data without residual. Use `MarginalLikelihood` for numbers to
    be believed, and this one to start from.

    Args:
        hyper_prior: Gamma density of every weight; flat if None.
        normaliser: counts the dimensions; `Homogeneous` if None.
        algorithm: solves for x; `choose_algorithm` if None.
        tolerance: relative change of all numbers at which to stop.
        max_iterations: pairs of updates.
        accuracy: relative certificate of every solution.

    Raises:
        ParameterError: if an argument is not positive.
    """

    def __init__(
        self,
        hyper_prior: Gamma | None = None,
        *,
        normaliser: Homogeneous | None = None,
        algorithm: Algorithm[Any] | None = None,
        tolerance: float = 1e-3,
        max_iterations: int = 100,
        accuracy: float = 1e-6,
    ) -> None:
        if min(tolerance, max_iterations, accuracy) <= 0:
            message = "tolerance, max_iterations and accuracy must be positive"
            raise ParameterError(message)
        self.hyper_prior = Gamma() if hyper_prior is None else hyper_prior
        self.normaliser = Homogeneous() if normaliser is None else normaliser
        self.algorithm = algorithm
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.accuracy = accuracy

    def learn(self, model: Model, y: Tensor, learn: Sequence[Learnable] | None = None) -> Outcome:
        r"""Learn the numbers of a model without truth.

        Args:
            model: start values are taken from it; it is left alone.
            y: the data, (\*batch, \*shape), real.
            learn: what; the weights if None.

        Raises:
            DataError, ShapeError: if y does not fit.
            ParameterError: if there is nothing to learn.
            UnsupportedError: if a prior is not homogeneous, or the noise level of other than Gaussian noise is to be learned.
        """
        began = time.perf_counter()
        knobs = Knobs(model, [Weights()] if learn is None else learn)
        problem = knobs.problem.for_data(y)
        joint = Joint(problem, y)
        if not isinstance(problem.noise, Gaussian) and any(row.owner == "noise" for row in knobs.rows):
            message = f"the level of {type(problem.noise).__name__} noise has no closed form; use MarginalLikelihood()"
            raise UnsupportedError(message)
        x = problem.zeros(y)
        log_normaliser = self.normaliser.begin(problem, x, None)
        history, objective = [], []
        status = Status.ITERATION_LIMIT
        for _ in range(self.max_iterations):
            x = self._solve(problem, y, x)
            empty = not bool(knobs.gradient(joint.energies(x).sum()).all())
            energy = joint.energies(x).sum() + self.hyper_prior.rate * _sum_of_weights(knobs)
            pull = joint.noise_term() - log_normaliser() + self.hyper_prior.penalty(knobs)
            pull = pull - self.hyper_prior.rate * _sum_of_weights(knobs)
            moved = _balance(knobs, knobs.gradient(energy), knobs.gradient(pull))
            before = knobs.logarithms()
            if not bool(torch.isfinite(moved).all()):
                status = Status.COLLAPSED
                break
            knobs.assign(moved)
            history.append(moved)
            objective.append(self._objective(joint, knobs, x, log_normaliser()))
            if float((moved - before).abs().max()) <= self.tolerance:
                status = Status.COLLAPSED if empty else Status.CONVERGED
                break
        return Outcome(
            knobs.model(),
            learned_numbers(knobs),
            status,
            torch.stack(history) if history else knobs.start[None][:0],
            tuple(objective),
            time.perf_counter() - began,
            type(self).__name__,
        )

    def _solve(self, problem: Problem, y: Tensor, start: Coefficients) -> Coefficients:
        chosen = choose_algorithm(problem) if self.algorithm is None else self.algorithm
        solution = minimize(problem, y, chosen, tolerance=self.accuracy, start=start)
        return tuple(solution.coefficients[name] for name in problem.names)

    def _objective(self, joint: Joint, knobs: Knobs, x: Coefficients, log_normaliser: Tensor) -> float:
        with torch.no_grad():
            total = joint.energies(x).sum() + joint.noise_term() - log_normaliser + self.hyper_prior.penalty(knobs)
        return float(total)


def _sum_of_weights(knobs: Knobs) -> Tensor:
    parts = [row.parameter().double().sum() for row in knobs.rows if row.owner != "noise"]
    return torch.stack(parts).sum() if parts else torch.zeros((), dtype=torch.float64)


def _balance(knobs: Knobs, energy: Tensor, pull: Tensor) -> Tensor:
    """The logarithms at which the energy, which goes as w or sigma^-2, balances the pull of the logarithmic terms; (p,).

    With e and c their slopes at the present logarithm t, e exp(power (t' - t)) + c = 0 there; infinite where there is no energy.
    """
    powers = torch.cat([torch.full_like(part, -2.0 if row.owner == "noise" else 1.0) for row, part in _rows(knobs, energy)])
    return knobs.logarithms() + (-pull / energy).log() / powers


def _rows(knobs: Knobs, vector: Tensor) -> list[tuple[Any, Tensor]]:
    return [(row, part.flatten()) for row, part in zip(knobs.rows, knobs.split(vector), strict=True)]
