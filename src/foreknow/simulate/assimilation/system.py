"""A simulator that is observed with errors every so many steps: what all methods of assimilation consume."""

import math

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.simulate.assimilation.covariance import Covariance
from foreknow.simulate.simulator import Simulator


class ObservedSystem(nn.Module):
    r"""x_(k+1) = M(x_k) + q_k, y_k = H(x_k) + r_k: one cycle k is ``every`` steps of the simulator and then an observation.

    States and observations are vectors here, (\*batch, n) and (\*batch, m), whatever axes they have in the simulator.

    Args:
        simulator: M and H.
        error: covariance of r, on vectors of m numbers.
        every: steps between two observations.
        model_error: covariance of q, on vectors of n numbers; None for a perfect model.

    Raises:
        ParameterError: if there is no step between observations.
    """

    def __init__(self, simulator: Simulator, error: Covariance, every: int = 1, model_error: Covariance | None = None) -> None:
        super().__init__()
        if every < 1:
            message = f"there is at least one step between two observations, not {every}"
            raise ParameterError(message)
        self.simulator = simulator
        self.error = error
        self.every = every
        self.model_error = model_error
        self.size = math.prod(simulator.shape)

    @property
    def interval(self) -> float:
        """The time between two observations."""
        return self.every * self.simulator.interval

    def forecast(self, states: Tensor, cycle: int = 0, numbers: Tensor | None = None) -> Tensor:
        r"""M: the states at the next observation, (\*batch, n), without model error.

        Args:
            states: (\*batch, n).
            cycle: number of observations before, which tells the time.
            numbers: of the simulator.
        """
        moved = self.simulator.advance(self.unflatten(states), self.every, cycle * self.interval, numbers)
        return self.flatten(moved)

    def disturb(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """The states plus a draw of the model error."""
        if self.model_error is None:
            return states
        return states + self.model_error.sample(states.shape, states, generator)

    def observe(self, states: Tensor) -> Tensor:
        r"""H, (\*batch, m)."""
        seen = self.simulator.observe(self.unflatten(states))
        return seen.flatten(states.ndim - 1) if seen.ndim > states.ndim else seen

    def unflatten(self, states: Tensor) -> Tensor:
        r"""Vectors (\*batch, n) as states (\*batch, \*shape)."""
        return states if self.simulator.state_dims == 1 else states.unflatten(-1, self.simulator.shape)

    def flatten(self, states: Tensor) -> Tensor:
        r"""States (\*batch, \*shape) as vectors (\*batch, n)."""
        return states if self.simulator.state_dims == 1 else states.flatten(states.ndim - self.simulator.state_dims)
