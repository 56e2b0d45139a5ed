"""A guard that compares parameters with what they were."""

from collections.abc import Mapping

from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.learn.guards.anchor import Anchor
from foreknow.learn.guards.base import Guard


class AnchoredGuard(Guard):
    """Knows every learnable parameter and its value when training began.

    Args:
        strength: of the pull back to these values.

    Raises:
        ParameterError: if it is negative.
    """

    def __init__(self, strength: float) -> None:
        if not strength >= 0:
            message = f"the strength of {type(self).__name__} must be non-negative, not {strength}"
            raise ParameterError(message)
        self.strength = strength
        self._anchor: Anchor | None = None

    @property
    def anchor(self) -> Anchor:
        """The parameters and their initial values."""
        if self._anchor is None:
            message = f"{type(self).__name__} has no network to protect yet; pass it to fit, which calls its protect"
            raise ParameterError(message)
        return self._anchor

    def protect(self, network: nn.Module) -> None:
        """Note the present values."""
        self._anchor = Anchor(network)

    def state(self) -> dict[str, Tensor]:
        """The initial values."""
        return self.anchor.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over initial values."""
        self.anchor.load_state(state)
