"""What is put around a network: its unit, what it predicts, and the name of what it emits."""

import torch
from torch import Tensor, nn

from foreknow.shapes import expand_event


class Standardised(nn.Module):
    r"""Items are shifted to mean 0 and scaled to mean square 1 before the network, and its output back: no unit is learned.

    Args:
        network: (\*batch, \*item) -> (\*batch, \*item).
        dims: number of axes of an item.
        smallest: standard deviation below which an item counts as constant and is not scaled up.
    """

    def __init__(self, network: nn.Module, dims: int, smallest: float = 1e-6) -> None:
        super().__init__()
        self.network = network
        self.dims = dims
        self.smallest = smallest

    def forward(self, y: Tensor) -> Tensor:
        """The network's output in the unit of y."""
        flat = y.flatten(y.ndim - self.dims)
        mean = expand_event(flat.mean(dim=-1), self.dims)
        scale = expand_event(flat.std(dim=-1, correction=0).clamp_min(self.smallest), self.dims)
        return self.network((y - mean) / scale) * scale + mean


class Residual(nn.Module):
    """The data minus what the network says: it learns what is to be taken away.

    Args:
        network: of the same shape out as in.
        known: what is taken away before it is trained, such as `MedianDifference`; nothing if None.
    """

    def __init__(self, network: nn.Module, known: nn.Module | None = None) -> None:
        super().__init__()
        self.network = network
        self.known = known

    def forward(self, y: Tensor) -> Tensor:
        """Y - known(y) - network(y)."""
        rest = y - self.network(y)
        return rest if self.known is None else rest - self.known(y)


class Gate(nn.Module):
    r"""What is to be taken away as m (x - b): the network gives the gate m, between 0 and 1, and the background b behind it.

    Where the gate is closed nothing is taken away and the details of x stay, whatever the resolution at which the network computes;
    where it is open b takes the place of x. A network with large blocks (`UNet`) so loses no detail.

    Args:
        network: (batch, channels, \*space) -> (batch, 2, \*space): the gate before its sigmoid, and b.
        closed: added before the sigmoid, negative: the gate begins nearly closed.
    """

    def __init__(self, network: nn.Module, closed: float = -2.0) -> None:
        super().__init__()
        self.network = network
        self.closed = closed

    def forward(self, x: Tensor) -> Tensor:
        r"""(batch, channels, \*space) -> (batch, 1, \*space); the first channel of x is what is taken away from."""
        out = self.network(x)
        return torch.sigmoid(out[:, :1] + self.closed) * (x[:, :1] - out[:, 1:])


class Emits(nn.Module):
    """Gives the output of a network the name of the component that it is.

    Args:
        component: name in the declared model.
        network: from data to the coefficients of that component.
    """

    def __init__(self, component: str, network: nn.Module) -> None:
        super().__init__()
        self.component = component
        self.network = network

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """The coefficients by name."""
        return {self.component: self.network(y)}
