"""A simulator as an operator: from what is unknown to all that is observed."""

import math

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators import NonlinearOperator
from foreknow.simulate.controls import Control
from foreknow.simulate.simulator import Simulator


class SimulatedOperator(NonlinearOperator):
    r"""The observations after every ``every`` steps, (steps // every, \*observation), as a function of a control.

    Used in a `foreknow.Model`, so that what drives a simulation can have any prior:

    Example:
        >>> import torch
        >>> from foreknow import L1, Component, Gaussian, Model
        >>> from foreknow.simulate import Integrated, Kicks, Lorenz96, SimulatedOperator
        >>> simulator = Integrated(Lorenz96(size=8), interval=0.05)
        >>> first = simulator.initial(torch.Generator().manual_seed(0))
        >>> kicked = SimulatedOperator(simulator, steps=10, control=Kicks(first))
        >>> model = Model(noise=Gaussian(0.1), kicks=Component(L1(5.0, event_dims=2), kicked))
        >>> print(model)
        minimise over x_kicks:  50 |y - SimulatedOperator(x_kicks)|^2  +  5 |x_kicks|_1

    Args:
        simulator: that runs.
        steps: their number.
        control: what is unknown.
        every: steps between two observations.

    Raises:
        ParameterError: if there is no observation.
        ShapeError: if the control does not fit the simulator.
    """

    def __init__(self, simulator: Simulator, steps: int, control: Control, every: int = 1) -> None:
        if every < 1 or steps < every:
            message = f"{steps} steps with an observation after every {every} give none"
            raise ParameterError(message)
        with torch.no_grad():
            seen = simulator.observe(torch.zeros(simulator.shape, dtype=torch.float64))
        super().__init__(control.domain(simulator, steps), (steps // every, *seen.shape))
        self.simulator = simulator
        self.steps = steps
        self.control = control
        self.every = every

    def states(self, x: Tensor) -> Tensor:
        r"""The whole trajectory, (\*batch, steps + 1, \*shape)."""
        initial, kicks, numbers = self.control.drive(self.simulator, x, self.steps)
        return self.simulator.trajectory(initial, self.steps, 0.0, numbers, kicks)

    def _forward(self, x: Tensor) -> Tensor:
        states = self.states(x)
        axis = states.ndim - self.simulator.state_dims - 1
        moments = torch.arange(self.every, self.steps + 1, self.every, device=x.device)
        return self.simulator.observe(states.index_select(axis, moments))

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{self.steps} steps, {math.prod(self.domain)} unknowns, {math.prod(self.range)} observations"
