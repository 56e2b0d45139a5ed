"""A differential equation, an integrator and an observation make a simulator."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from foreknow.errors import ParameterError
from foreknow.simulate.integrators import Integrator, RungeKutta4
from foreknow.simulate.rates import Dynamics
from foreknow.simulate.simulator import Simulator


class Integrated(Simulator):
    """A simulator whose step integrates a differential equation.

    Example:
        >>> import torch
        >>> from foreknow.simulate import Integrated, Lorenz96
        >>> simulator = Integrated(Lorenz96(size=40), interval=0.05)
        >>> state = simulator.initial(torch.Generator().manual_seed(0), (8,))
        >>> simulator.trajectory(state, steps=10).shape
        torch.Size([8, 11, 40])

    Args:
        dynamics: the equation.
        interval: the time of one step.
        integrator: `RungeKutta4` if None.
        substeps: integration steps in one step.
        observation: any module from states to observations, such as a `foreknow.operators.LinearOperator`; the identity if None.
        checkpointed: whether only the state before each step is kept for the backward pass, which integrates again: the memory then
            does not grow with the sub-steps.

    Raises:
        ParameterError: if interval or sub-steps are not positive.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        interval: float,
        integrator: Integrator | None = None,
        substeps: int = 1,
        observation: nn.Module | None = None,
        *,
        checkpointed: bool = False,
    ) -> None:
        shape = tuple(dynamics.start(torch.Generator().manual_seed(0)).shape)
        super().__init__(shape, interval)
        if substeps < 1:
            message = f"a step has at least one sub-step, not {substeps}"
            raise ParameterError(message)
        self.dynamics = dynamics
        self.integrator = RungeKutta4() if integrator is None else integrator
        self.substeps = substeps
        self.observation = observation
        self.checkpointed = checkpointed
        self.names = dynamics.names

    def initial(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """That of the equation."""
        return self.dynamics.start(generator, batch)

    def step(self, state: Tensor, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:
        """All sub-steps."""
        known = self.values(state) if numbers is None else numbers
        if self.checkpointed and torch.is_grad_enabled():
            moved: Tensor = checkpoint(self._integrate, state, time, known, use_reentrant=False, preserve_rng_state=False)
            return moved
        return self._integrate(state, time, known)

    def _integrate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:
        def rate(x: Tensor, t: float) -> Tensor:
            return self.dynamics.rate(x, t, numbers)

        small = self.interval / self.substeps
        for index in range(self.substeps):
            state = self.integrator.step(rate, state, time + index * small, small)
        return state

    def observe(self, state: Tensor) -> Tensor:
        """The observation of the state."""
        return state if self.observation is None else self.observation(state)

    def values(self, like: Tensor) -> Tensor:
        """Those of the equation."""
        return self.dynamics.values(like)
