"""Weights and noise level of largest marginal likelihood p(y | w, sigma), from the data alone."""

import time
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.hyperparameters.gamma import Gamma
from foreknow.learn.hyperparameters.information import Judgement, Look, judge
from foreknow.learn.hyperparameters.joint import Joint
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.normaliser import Homogeneous, LogNormaliser, Normaliser
from foreknow.learn.hyperparameters.outcome import Outcome, Status, learned_numbers
from foreknow.learn.hyperparameters.sampler import Chain, ProximalHMC, Sampler
from foreknow.learn.hyperparameters.target import Target
from foreknow.model import Model
from foreknow.solve import choose_algorithm, minimize
from foreknow.unroll import Learnable, NoiseLevel, Weights


class MarginalLikelihood:
    r"""Stochastic approximation with proximal Markov chains (SAPG; Vidal, De Bortoli, Pereyra and Durmus 2020).

    By Fisher's identity the gradient of log p(y | w, sigma) is the posterior mean of that of log p(y, x | w, sigma): for a weight
    d/(k w) - R(x), for the noise |y - A x|^2 / sigma^3 - N / sigma. One chain a data item draws x, and the logarithms of all
    numbers follow the gradient at their present draws, divided by the information of the complete data, with steps that fall
    as n^-0.6; the second half of the path is averaged. Then come rounds at fixed numbers. Each gives the mean gradient and, by
    Louis' identity (1982), the observed information: a Newton step, whose length says whether the numbers have converged, and
    standard errors.

    All data items share the numbers that are learned (unless a weight has batch axes): more data, smaller standard errors. A
    weight is known about as well as the signal is visible above the noise; where it is not, the standard error says so. Standard
    errors are estimates themselves, the rougher the fewer items there are and the less the data say; more ``updates`` help.

    Args:
        sampler: draws x; `ProximalHMC` if None, which has no bias. See `MYULA` for the original.
        normaliser: `Homogeneous` if None; `PriorChain` for other priors.
        updates: of the numbers on the path, and looks a round.
        steps: of the chains between two updates.
        burn_in: of the chains at the numbers that the model starts with.
        rounds: at most.
        tolerance: longest Newton step, relative to the numbers, that counts as converged. What the finite number of draws adds to
            it may be so long as well, or a quarter of the standard error.
        chains: a data item.
        within: the numbers stay within this factor of where they start.
        hyper_prior: density of every weight; flat if None.

    Raises:
        ParameterError: if an argument is not positive.
    """

    def __init__(
        self,
        *,
        sampler: Sampler | None = None,
        normaliser: Normaliser | None = None,
        updates: int = 200,
        steps: int = 1,
        burn_in: int = 50,
        rounds: int = 5,
        tolerance: float = 0.01,
        chains: int = 1,
        within: float = 1e3,
        hyper_prior: Gamma | None = None,
    ) -> None:
        if min(updates, steps, burn_in, rounds, tolerance, chains) <= 0 or not within > 1:
            message = "updates, steps, burn_in, rounds, tolerance and chains must be positive, and `within` above 1"
            raise ParameterError(message)
        self.sampler = ProximalHMC() if sampler is None else sampler
        self.normaliser = Homogeneous() if normaliser is None else normaliser
        self.updates = updates
        self.steps = steps
        self.burn_in = burn_in
        self.rounds = rounds
        self.tolerance = tolerance
        self.chains = chains
        self.within = within
        self.hyper_prior = Gamma() if hyper_prior is None else hyper_prior

    def learn(
        self, model: Model, y: Tensor, learn: Sequence[Learnable] | None = None, *, generator: torch.Generator | None = None
    ) -> Outcome:
        r"""Learn the numbers of a model without truth.

        Args:
            model: start values are taken from it; it is left alone.
            y: the data, (\*batch, \*shape), real.
            learn: what; weights and noise level if None.
            generator: of random numbers, on the device of y.

        Raises:
            DataError, ShapeError: if y does not fit.
            ParameterError: if there is nothing to learn.
            UnsupportedError: if the priors have no normaliser or the posterior cannot be drawn from.
        """
        began = time.perf_counter()
        knobs = Knobs(model, [Weights(), NoiseLevel()] if learn is None else learn)
        path = _Path(self, knobs, y, generator)
        path.warm_up()
        history = path.approximate()
        error: Tensor | None = None
        status = Status.ITERATION_LIMIT
        for _ in range(self.rounds):
            verdict = path.round()
            error = verdict.relative_error
            history.append(knobs.logarithms())
            if (
                verdict.known
                and path.chain.acceptance >= _ALIVE
                and bool((verdict.step.abs() <= self.tolerance + 2 * verdict.noise).all())
            ):
                exact = verdict.noise <= torch.clamp_min(verdict.relative_error / 4, self.tolerance)
                status = Status.CONVERGED if bool(exact.all()) else Status.ITERATION_LIMIT
                break
        if path.at_limit():
            status = Status.COLLAPSED
        return Outcome(
            knobs.model(),
            learned_numbers(knobs, error),
            status,
            torch.stack(history),
            (),
            time.perf_counter() - began,
            type(self).__name__,
        )


class _Path:
    """The state of one call of `MarginalLikelihood.learn`."""

    def __init__(self, method: MarginalLikelihood, knobs: Knobs, y: Tensor, generator: torch.Generator | None) -> None:
        self.method = method
        self.knobs = knobs
        self.generator = generator
        self.y = y.expand(method.chains, *y.shape) if method.chains > 1 else y
        self.problem = knobs.problem.for_data(self.y)
        self.joint = Joint(self.problem, self.y)
        self.target = Target(self.problem, self.y)
        self.chain = self._first(y)
        self.log_normaliser: LogNormaliser = method.normaliser.begin(self.problem, self.chain.x, generator)
        margin = torch.tensor(method.within, dtype=torch.float64).log().to(knobs.start)
        self.low, self.high = knobs.start - margin, knobs.start + margin

    def _first(self, y: Tensor) -> Chain:
        """Chains that start at the mode, or near it."""
        problem = self.knobs.problem.for_data(y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mode = minimize(problem, y, choose_algorithm(problem), tolerance=1e-3, max_iterations=200)
        x = tuple(mode.coefficients[name] for name in problem.names)
        if self.method.chains > 1:
            x = tuple(part.expand(self.method.chains, *part.shape).clone() for part in x)
        return self.method.sampler.begin(self.target, x)

    def _advance(self, steps: int) -> None:
        self.chain = self.method.sampler.run(self.target, self.chain, steps, self.generator)

    def warm_up(self) -> None:
        """From the mode to where the posterior has its mass."""
        self._advance(self.method.burn_in)

    def look(self, *, items: bool = False) -> Look:
        """Gradient of log p(y, x | numbers) at the present draw, and its information, of one chain an item."""
        self._advance(self.method.steps)
        chains = self.method.chains
        energies = self.joint.energies(self.chain.x)
        slope, curvature = self.knobs.gradient_and_curvature(energies.sum() / chains + self.method.hyper_prior.penalty(self.knobs))
        log_normaliser = self.log_normaliser()
        pull, bend = self.knobs.gradient_and_curvature((self.joint.noise_term() - log_normaliser.sum()) / chains)
        parts = self.knobs.gradients(energies) if items else slope[None]
        free = self.knobs.gradients(log_normaliser) if items and log_normaliser.ndim else None
        return Look(-slope - pull, curvature, curvature + bend, parts, free)

    def approximate(self) -> list[Tensor]:
        """The stochastic approximation; leaves the knobs at the mean of the second half of the path."""
        history: list[Tensor] = []
        scale: Tensor | None = None
        for count in range(self.method.updates):
            self.chain = self.chain.young()
            look = self.look()
            scale = look.scale if scale is None else scale + (look.scale - scale) / min(count + 1, _MEMORY)
            move = (count + 1) ** -_DECAY * look.score / scale.clamp_min(1e-12)
            moved = self.knobs.logarithms() + move.clamp(-_LONGEST / 2, _LONGEST / 2)
            self.knobs.assign(torch.minimum(torch.maximum(moved, self.low), self.high))
            history.append(self.knobs.logarithms())
        self.knobs.assign(torch.stack(history[len(history) // 2 :]).mean(0))
        return history

    def round(self) -> Judgement:
        """Looks at fixed numbers, and the Newton step that they give."""
        self._advance(self.method.burn_in)
        looks = [self.look(items=True) for _ in range(self.method.updates)]
        found = judge(looks, self.method.chains)
        moved = self.knobs.logarithms() + found.step.clamp(-_LONGEST, _LONGEST)
        self.knobs.assign(torch.minimum(torch.maximum(moved, self.low), self.high))
        return found

    def at_limit(self) -> bool:
        """Whether a number ran to the end of its range."""
        now = self.knobs.logarithms()
        return bool(((now <= self.low + 1e-6) | (now >= self.high - 1e-6)).any())


_DECAY = 0.6
_MEMORY = 20
_ALIVE = 0.1  # acceptance below which draws say nothing
_LONGEST = 0.5  # of one step, in logarithms
