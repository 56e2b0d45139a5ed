"""Twin experiments: a truth is simulated and observed, and methods are scored by how near they come to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ForeknowError, ParameterError
from foreknow.simulate.assimilation.covariance import Covariance, Diagonal
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.scores import ranks, root_mean_square
from foreknow.simulate.assimilation.system import ObservedSystem


class DivergedError(ForeknowError, ArithmeticError):
    """Every experiment of a batch left the finite numbers."""


@dataclass(frozen=True)
class Truth:
    r"""What nobody knows, and what is seen of it.

    Attributes:
        states: (\*batch, cycles + 1, n), the first before any observation.
        observations: (\*batch, cycles, m).
    """

    states: Tensor
    observations: Tensor


@dataclass(frozen=True)
class TwinProgress:
    """What a callback is told after every cycle."""

    cycle: int
    cycles: int
    error: float


@dataclass(frozen=True)
class TwinResult:
    r"""How a method did.

    Attributes:
        method: its name.
        errors: root mean square error of the analysis mean over the numbers of a state, (\*batch, cycles); NaN once an experiment
            has left the finite numbers.
        spreads: root mean square of the posterior standard deviations, (\*batch, cycles); NaN where the method gives none.
        smoothed_errors: of the first state in the method's window, (\*batch, cycles); NaN for a filter.
        histogram: of the ranks of the truth after the burn-in, (\*batch, N + 1), fractions; None without an ensemble.
        burn_in: cycles that do not count.
        diverged: which experiments are lost, (\*batch,): not finite, or at the end no better than the climatological mean.
    """

    method: str
    errors: Tensor
    spreads: Tensor
    smoothed_errors: Tensor
    histogram: Tensor | None
    burn_in: int
    diverged: Tensor

    @property
    def rmse(self) -> Tensor:
        r"""The mean of the errors after the burn-in, (\*batch,); NaN for what left the finite numbers."""
        return self.errors[..., self.burn_in :].mean(dim=-1)

    @property
    def spread(self) -> Tensor:
        r"""The mean of the spreads after the burn-in, (\*batch,)."""
        return self.spreads[..., self.burn_in :].mean(dim=-1)

    @property
    def smoothed_rmse(self) -> Tensor:
        r"""The mean of the smoother's errors after the burn-in, (\*batch,)."""
        return self.smoothed_errors[..., self.burn_in :].mean(dim=-1)

    def median(self) -> float:
        """Of the errors of all experiments; one that is not finite counts as infinite."""
        values = self.rmse.flatten()
        return float(torch.where(torch.isfinite(values), values, torch.inf).sort().values[(values.numel() - 1) // 2])

    def __str__(self) -> str:
        lost, count = int(self.diverged.sum()), self.diverged.numel()
        return f"{self.method}: median RMSE {self.median():.3f} of {count} experiments, {lost} diverged"


@dataclass(frozen=True)
class TwinExperiment:
    """What is simulated, how long, and what the methods are told at the start: declared once, consumed by every method.

    Attributes:
        system: the truth's, and the methods' unless `run` is given another one.
        cycles: observations.
        burn_in: cycles that do not count.
        start: covariance of the first guess around the truth, and of what the methods believe of it; 1 a number if None.
        spin_up: cycles before the first guess that bring the truth to the attractor.
        dtype: of all states.
        device: of all states.
    """

    system: ObservedSystem
    cycles: int
    burn_in: int = 0
    start: Covariance | None = None
    spin_up: int = 200
    dtype: torch.dtype = torch.float64
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 <= self.burn_in < self.cycles or self.spin_up < 0:
            message = (
                f"a twin experiment needs more cycles ({self.cycles}) than burn-in ({self.burn_in}), "
                f"and a spin-up ({self.spin_up}) that is not negative"
            )
            raise ParameterError(message)

    def simulate(self, generator: torch.Generator, batch: tuple[int, ...] = ()) -> Truth:
        r"""Truths and observations of ``batch`` independent experiments.

        Args:
            generator: of the first states and all errors, on the CPU.
            batch: the batch axes.
        """
        system = self.system
        with torch.no_grad():
            first = system.simulator.initial(generator, batch).to(device=self.device, dtype=self.dtype)
            state = system.flatten(first)
            for _ in range(self.spin_up):
                state = system.disturb(system.forecast(state), generator)
            states, observations = [state], []
            for cycle in range(self.cycles):
                state = system.disturb(system.forecast(state, cycle), generator)
                seen = system.observe(state)
                states.append(state)
                observations.append(seen + system.error.sample(seen.shape, seen, generator))
        return Truth(torch.stack(states, dim=-2), torch.stack(observations, dim=-2))

    def prior(self, truth: Truth, generator: torch.Generator) -> Prior:
        """A first guess: the truth plus an error of the covariance that is given along."""
        covariance = Diagonal(1.0) if self.start is None else self.start
        first = truth.states[..., 0, :]
        return Prior(first + covariance.sample(first.shape, first, generator), covariance)

    def run(
        self,
        method: Assimilation[Any],
        truth: Truth,
        generator: torch.Generator,
        *,
        system: ObservedSystem | None = None,
        prior: Prior | None = None,
        see: Callable[[Tensor], Tensor] | None = None,
        callback: Callable[[TwinProgress], None] | None = None,
    ) -> TwinResult:
        """Let a method follow all experiments, and score it.

        An experiment that leaves the finite numbers is set back to the first guess, so that the others can go on; its errors are
        NaN from there on, and it is reported as diverged.

        Args:
            method: any.
            truth: what `simulate` gave.
            generator: of the method's randomness.
            system: what the method believes, where that is not the truth's system.
            prior: the method's first guess; made by `prior` if None.
            see: cuts out of the true states what the method's states stand for; the whole state if None.
            callback: told the progress.

        Raises:
            DivergedError: if all experiments left the finite numbers.
        """
        believed = self.system if system is None else system
        guess = self.prior(truth, generator) if prior is None else prior
        states = truth.states if see is None else see(truth.states)
        recorder = _Recorder(states, self.burn_in)
        with torch.no_grad():
            state = method.init(believed, guess, generator)
            fallback = state
            for cycle in range(self.cycles):
                state = method.step(believed, state, truth.observations[..., cycle, :], generator)
                analysis = method.analysis(believed, state)
                finite = recorder.note(cycle, analysis)
                if not bool(finite.all()):
                    if not bool(recorder.alive.any()):
                        message = f"{method.name} left the finite numbers in every experiment by cycle {cycle}"
                        raise DivergedError(message)
                    state = _mend(state, fallback, finite)
                if callback is not None:
                    callback(TwinProgress(cycle + 1, self.cycles, float(recorder.errors[..., cycle].nanmean())))
        return recorder.result(method.name)


class _Recorder:
    """Scores, cycle by cycle."""

    def __init__(self, states: Tensor, burn_in: int) -> None:
        self.states = states
        self.burn_in = burn_in
        batch, cycles = tuple(states.shape[:-2]), states.shape[-2] - 1
        self.alive = torch.ones(batch, dtype=torch.bool, device=states.device)
        empty = torch.full((*batch, cycles), torch.nan, dtype=torch.float64, device=states.device)
        self.errors, self.spreads, self.smoothed = empty, empty.clone(), empty.clone()
        self.histogram: Tensor | None = None

    def note(self, cycle: int, analysis: Analysis) -> Tensor:
        """Score an analysis; which experiments are finite now."""
        truth = self.states[..., cycle + 1, :]
        finite = torch.isfinite(analysis.mean).all(dim=-1)
        self.alive = self.alive & finite
        self.errors[..., cycle] = self._living(root_mean_square(analysis.mean - truth))
        if analysis.spread is not None:
            self.spreads[..., cycle] = self._living(root_mean_square(analysis.spread))
        if analysis.smoothed is not None:
            before = self.states[..., cycle + 1 - analysis.lag, :]
            self.smoothed[..., cycle] = self._living(root_mean_square(analysis.smoothed - before))
        if analysis.ensemble is not None and cycle >= self.burn_in:
            counts = ranks(analysis.ensemble, truth)
            self.histogram = counts if self.histogram is None else self.histogram + counts
        return finite

    def _living(self, value: Tensor) -> Tensor:
        return torch.where(self.alive, value.double(), torch.nan)

    def result(self, name: str) -> TwinResult:
        """All scores, and who is lost."""
        tail = self.errors[..., -max(1, self.errors.shape[-1] // 10) :].mean(dim=-1)
        climatology = self.states.double().std(dim=-2).square().mean(dim=-1).sqrt()
        diverged = ~self.alive | ~(tail < climatology)
        histogram = self.histogram
        if histogram is not None:
            histogram = histogram / histogram.sum(dim=-1, keepdim=True)
        return TwinResult(name, self.errors, self.spreads, self.smoothed, histogram, self.burn_in, diverged)


def _mend(state: Any, fallback: Any, finite: Tensor) -> Any:  # noqa: ANN401  (a method's own state)
    """The state with the items that are not finite replaced, tensor by tensor."""
    fields = vars(state)
    mended = {}
    for name, value in fields.items():
        other = getattr(fallback, name)
        if isinstance(value, Tensor) and isinstance(other, Tensor) and value.shape == other.shape:
            keep = finite.reshape(finite.shape + (1,) * (value.ndim - finite.ndim))
            mended[name] = torch.where(keep, value, other)
        else:
            mended[name] = value
    return type(state)(**mended)
