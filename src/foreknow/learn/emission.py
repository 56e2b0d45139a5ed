"""What a network says of the data, in one form for all networks."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from foreknow.errors import DataError
from foreknow.unroll import Estimate

SIGNAL = "signal"
"""The name of the component of a network that returns one tensor."""


class Emission(NamedTuple):
    """What a network says.

    Attributes:
        coefficients: x_i by component name, (batch, *domain of A_i).
        components: the signals A_i x_i by component name, (batch, *shape).
    """

    coefficients: dict[str, Tensor]
    components: dict[str, Tensor]


Emit = Callable[[Tensor], Emission]
"""From data, (batch, *shape), to what the network says of them."""


class Emitter(nn.Module):
    """A network whose output is read as an `Emission`.

    Args:
        network: from y, (batch, *shape), to a `foreknow.unroll.Estimate`; to a dictionary of tensors by component name, which are
            taken for coefficients and signals alike; or to one tensor, the component "signal".
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor) -> Emission:
        """What the network says.

        Raises:
            DataError: if it returns something else.
        """
        return read_emission(self.network(y))


def read_emission(output: Any) -> Emission:  # noqa: ANN401  (a network returns anything)
    """What a network returned.

    Raises:
        DataError: if it is neither an `Estimate`, a dictionary of tensors nor a tensor.
    """
    if isinstance(output, Estimate):
        return Emission(dict(output.coefficients), dict(output.components))
    if isinstance(output, Tensor):
        return Emission({SIGNAL: output}, {SIGNAL: output})
    if isinstance(output, dict) and output and all(isinstance(value, Tensor) for value in output.values()):
        return Emission(output, output)
    message = f"a network to be trained must return a tensor, a dictionary of tensors or an Estimate, not {type(output).__name__}"
    raise DataError(message)
