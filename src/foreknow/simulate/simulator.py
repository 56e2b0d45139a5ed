"""The contract of a simulator: where states begin, how they move, what is seen of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.shapes import Shape


class Simulator(nn.Module, ABC):
    r"""A state that moves in steps of time and is observed; differentiable, batched, with learnable numbers.

    A subclass writes ``initial`` and ``step``, and ``observe`` where less than the state is seen.

    Args:
        shape: of one state.
        interval: the time that one step takes, in the unit of the model.

    Attributes:
        names: of the P numbers (parameters of the model); none unless the subclass sets it.
    """

    names: tuple[str, ...] = ()

    def __init__(self, shape: Shape, interval: float) -> None:
        super().__init__()
        if not interval > 0:
            message = f"a step must take a positive time, not {interval}"
            raise ParameterError(message)
        self.shape = tuple(shape)
        self.interval = float(interval)

    # ------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def initial(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        r"""A plausible first state, (\*batch, \*shape), float64 on the CPU."""

    @abstractmethod
    def step(self, state: Tensor, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:
        r"""The state one step later.

        Args:
            state: (\*batch, \*shape).
            time: of the state.
            numbers: (\*batch, P) or (P,); the present `values` if None.
        """

    def observe(self, state: Tensor) -> Tensor:
        r"""What is seen of a state without noise, (\*batch, \*observation); the state itself unless a subclass says less."""
        return state

    def values(self, like: Tensor) -> Tensor:
        """The present numbers, (P,), in the type and on the device of ``like``."""
        return torch.zeros(0, dtype=like.dtype, device=like.device)

    # ------------------------------------------------------------------ what a user calls
    @property
    def state_dims(self) -> int:
        """Number of axes of a state."""
        return len(self.shape)

    def advance(self, state: Tensor, steps: int, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:
        """The state after a number of steps; what lies between is not kept."""
        self._check(state)
        known = self.values(state) if numbers is None else numbers
        for index in range(steps):
            state = self.step(state, time + index * self.interval, known)
        return state

    def trajectory(
        self, state: Tensor, steps: int, time: float = 0.0, numbers: Tensor | None = None, kicks: Tensor | None = None
    ) -> Tensor:
        r"""All states from the first to that after ``steps`` steps, (\*batch, steps + 1, \*shape).

        Args:
            state: (\*batch, \*shape).
            steps: their number, at least 0.
            time: of the first state.
            numbers: as for `step`.
            kicks: added to the state after each step, (\*batch, steps, \*shape); None for none.

        Raises:
            ShapeError: if a tensor does not have the shape of a state.
        """
        self._check(state)
        known = self.values(state) if numbers is None else numbers
        if kicks is not None and kicks.shape[kicks.ndim - self.state_dims - 1 :] != (steps, *self.shape):
            message = f"kicks for {steps} steps need the last axes {(steps, *self.shape)}, not those of {tuple(kicks.shape)}"
            raise ShapeError(message)
        states = [state]
        for index in range(steps):
            state = self.step(state, time + index * self.interval, known)
            if kicks is not None:
                state = state + kicks.select(kicks.ndim - self.state_dims - 1, index)
            states.append(state)
        if kicks is not None:
            states[0] = states[0].expand(states[-1].shape)
        return torch.stack(states, dim=states[-1].ndim - self.state_dims)

    def forward(self, state: Tensor) -> Tensor:
        """The same as `step` from time 0."""
        return self.step(state)

    def _check(self, state: Tensor) -> None:
        if tuple(state.shape[state.ndim - self.state_dims :]) != self.shape or state.ndim < self.state_dims:
            message = f"{type(self).__name__} has states of shape {self.shape}, not of {tuple(state.shape)} (batch axes come first)"
            raise ShapeError(message)
