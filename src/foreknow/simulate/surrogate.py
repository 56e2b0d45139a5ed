"""A network in the place of a simulator's step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.simulate.simulator import Simulator


class Surrogate(Simulator):
    """A simulator whose step is a network: x + scale * network(x), or the step of a cheap base plus that.

    It is trained by `foreknow.learn.simulators.train_surrogate` on runs of a costly simulator; where that has more in its state
    than the surrogate is to know (fast variables), on runs of the part.

    Args:
        simulator: whose shape of states, interval, first states and observations are taken over; it is never stepped.
        network: from states, (*batch, *shape), to increments of that shape.
        scale: of the increments.
        base: a cheap simulator of the same states and interval; None for the state itself.

    Raises:
        ShapeError: if base and simulator have different states.
    """

    def __init__(self, simulator: Simulator, network: nn.Module, scale: float = 1.0, base: Simulator | None = None) -> None:
        super().__init__(simulator.shape, simulator.interval)
        if base is not None and base.shape != simulator.shape:
            message = f"the base has states of shape {base.shape}, the simulator of {simulator.shape}"
            raise ShapeError(message)
        self.network = network
        self.scale = scale
        self.base = base
        self.names = () if base is None else base.names
        self._simulator = (simulator,)  # not a submodule: it is neither moved, saved nor trained with the network

    def initial(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """That of the simulator."""
        return self._simulator[0].initial(generator, batch)

    def step(self, state: Tensor, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:
        """One evaluation of the network (and one step of the base)."""
        before = state if self.base is None else self.base.step(state, time, numbers)
        return before + self.scale * self.network(state)

    def observe(self, state: Tensor) -> Tensor:
        """That of the simulator."""
        return self._simulator[0].observe(state)

    def values(self, like: Tensor) -> Tensor:
        """Those of the base."""
        return super().values(like) if self.base is None else self.base.values(like)
