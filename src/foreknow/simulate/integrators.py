"""Fixed-step integrators: discretise, then differentiate what was computed."""

from abc import ABC, abstractmethod

from torch import Tensor

from foreknow.simulate.rates import Rate


class Integrator(ABC):
    """Moves a state over a time interval; pure, batched, differentiable in state and rate."""

    @abstractmethod
    def step(self, rate: Rate, state: Tensor, time: float, interval: float) -> Tensor:
        """The state at ``time + interval``.

        Args:
            rate: f(state, time).
            state: (*batch, *state).
            time: now.
            interval: may be negative.
        """


class Euler(Integrator):
    """First order: x + h f(x)."""

    def step(self, rate: Rate, state: Tensor, time: float, interval: float) -> Tensor:
        """One evaluation of the rate."""
        return state + interval * rate(state, time)


class Heun(Integrator):
    """Second order, the explicit trapezoidal rule (Heun 1900)."""

    def step(self, rate: Rate, state: Tensor, time: float, interval: float) -> Tensor:
        """Two evaluations of the rate."""
        first = rate(state, time)
        second = rate(state + interval * first, time + interval)
        return state + interval / 2 * (first + second)


class RungeKutta4(Integrator):
    """Fourth order, the classical method (Kutta 1901)."""

    def step(self, rate: Rate, state: Tensor, time: float, interval: float) -> Tensor:
        """Four evaluations of the rate."""
        half, middle = interval / 2, time + interval / 2
        first = rate(state, time)
        second = rate(state.add(first, alpha=half), middle)
        third = rate(state.add(second, alpha=half), middle)
        fourth = rate(state.add(third, alpha=interval), time + interval)
        inner = second.add(third)
        return state.add(first.add(inner, alpha=2).add(fourth), alpha=interval / 6)
