"""What was learned is practised while new things are learned."""

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.learn.data import Data
from foreknow.learn.emission import Emit
from foreknow.learn.guards.base import Guard
from foreknow.learn.objectives import Objective
from foreknow.learn.seeds import generator_of, seed_of


class Replay(Guard):
    """In every step also a batch of the source, with an objective of its own.

    The source can be a simulator, of which nothing has to be kept but the function; it can have truth where the new data have none.

    Args:
        data: of the source.
        objective: that the source was learned with; one without a state of its own.
        weight: of its mean loss beside that of the new data.
        batch_size: items of the source a step, for each device.

    Raises:
        ParameterError: if weight or batch size is not positive.
    """

    def __init__(self, data: Data, objective: Objective, weight: float = 1.0, batch_size: int = 8) -> None:
        if not (weight > 0 and batch_size >= 1):
            message = f"replay needs a positive weight and batch size, not {weight} and {batch_size}"
            raise ParameterError(message)
        self.data = data
        self.objective = objective
        self.weight = weight
        self.batch_size = batch_size
        self._device = torch.device("cpu")
        self._network: nn.Module | None = None

    def protect(self, network: nn.Module) -> None:
        """Nothing is changed."""
        self._network = network

    def release(self) -> None:
        """Let go of the network."""
        self._network = None

    def penalty(self, emit: Emit, key: tuple[int | str, ...]) -> Tensor:
        """The loss of the source; simulated items are new in every step."""
        generator = generator_of("replay", *key)
        indices = torch.randint(len(self.data), (self.batch_size,), generator=generator).tolist()
        example = self.data.draw(indices, seed_of("replay", *key) % 2**31)
        parameter = None if self._network is None else next(self._network.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        self.objective.to(device)
        return self.weight * self.objective.losses(emit, example.to(device), generator).mean()
