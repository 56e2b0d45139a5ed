"""The contract of what protects the knowledge that a network has, while it learns from new data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from foreknow.learn.emission import Emit


class Guard(ABC):
    """Protects what a network knows when training begins."""

    @abstractmethod
    def protect(self, network: nn.Module) -> None:
        """Take note of the network as it is; called once, before its parameters are given to an optimiser."""

    def release(self) -> None:  # noqa: B027  (most guards leave nothing behind)
        """Undo what `protect` changed of the network, other than values; called when the run has ended, well or not."""

    def penalty(self, emit: Emit, key: tuple[int | str, ...]) -> Tensor | None:  # noqa: ARG002
        """A term to be added to the loss of a step, (), or None.

        Args:
            emit: the network.
            key: of the randomness of this step.
        """
        return None

    def before_step(self) -> None:  # noqa: B027
        """Gradients are there, the optimiser has not moved yet."""

    def after_step(self, learning_rate: float) -> None:  # noqa: B027
        """The optimiser has moved, at this learning rate."""

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold so that a run can be continued by a process that has not seen its beginning."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Take over what `state` gave."""
