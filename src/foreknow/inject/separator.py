"""A trained network together with what the model adds to it."""

from torch import Tensor, nn

from foreknow.errors import DataError
from foreknow.inject.loss import ModelLoss
from foreknow.unroll import Estimate


class Separator(nn.Module):
    r"""A network trained on the loss of a model, and the proximal maps of that model after it.

    Args:
        network: from y, (\*batch, \*shape), to a dictionary of the coefficients that ``loss.emitted`` names.
        loss: that it was trained on.
        steps: proximal gradient steps after the network (`ModelLoss.emit`).
        certify: whether to compute a duality gap.
    """

    def __init__(self, network: nn.Module, loss: ModelLoss, steps: int = 1, *, certify: bool = False) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.steps = steps
        self.certify = certify

    def forward(self, y: Tensor) -> Estimate:
        """All components of the data.

        Raises:
            DataError: if the network does not give the coefficients that the loss asks for.
        """
        return self.complete(self.network(y), y)

    def complete(self, emitted: dict[str, Tensor], y: Tensor) -> Estimate:
        """All components, given what the network emits.

        Raises:
            DataError: if a component is missing.
        """
        if not isinstance(emitted, dict):
            message = f"the network must return a dictionary with {list(self.loss.emitted)}, not {type(emitted).__name__}"  # type: ignore[unreachable]
            raise DataError(message)
        return self.loss.emit(emitted, y, steps=self.steps, certify=self.certify)
