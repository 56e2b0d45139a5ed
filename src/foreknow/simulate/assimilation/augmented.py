"""State augmentation: numbers of the model become part of the state, so that any filter estimates them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.simulator import Simulator


class Augmented(Simulator):
    r"""A simulator whose states are (state, numbers) in one vector of n + P values; the numbers stay as they are in time.

    Filters see the numbers through their correlation with the state (Anderson 2001, section 4). They have no dynamics of their own:
    give the system a small model error on them, or inflate, so that an ensemble does not become sure too soon.

    Args:
        simulator: with at least one number.

    Raises:
        ParameterError: if it has none.
    """

    def __init__(self, simulator: Simulator) -> None:
        if not simulator.names:
            message = f"{type(simulator).__name__} has no numbers to estimate"
            raise ParameterError(message)
        self.plain_size = int(torch.Size(simulator.shape).numel())
        super().__init__((self.plain_size + len(simulator.names),), simulator.interval)
        self.simulator = simulator

    def initial(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """A state with the present numbers."""
        state = self.simulator.initial(generator, batch)
        return self.join(state, self.simulator.values(state))

    def step(self, state: Tensor, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The state moves with its own numbers."""
        inner, own = self.split(state)
        return self.join(self.simulator.step(inner, time, own), own)

    def observe(self, state: Tensor) -> Tensor:
        """What is seen of the state."""
        return self.simulator.observe(self.split(state)[0])

    def split(self, state: Tensor) -> tuple[Tensor, Tensor]:
        r"""State (\*batch, \*shape) and numbers (\*batch, P)."""
        return state[..., : self.plain_size].unflatten(-1, self.simulator.shape), state[..., self.plain_size :]

    def join(self, state: Tensor, numbers: Tensor) -> Tensor:
        r"""One vector of both, (\*batch, n + P)."""
        flat = state.flatten(state.ndim - self.simulator.state_dims)
        return torch.cat((flat, numbers.expand(*flat.shape[:-1], len(self.simulator.names))), dim=-1)
