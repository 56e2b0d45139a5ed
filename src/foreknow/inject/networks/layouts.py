"""How data items become the inputs of a network: (batch, channels, *space)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from foreknow.errors import ShapeError
from foreknow.inject.networks.context import Context

_Map = Callable[[Tensor], Tensor]


class Whole(nn.Module):
    r"""An item of ``dims`` axes is one input of one channel: signals (n), images (H, W), volumes or films (T, H, W).

    Args:
        network: (batch, 1, \*space) -> (batch, 1, \*space).
        dims: number of axes of an item.
    """

    def __init__(self, network: nn.Module, dims: int) -> None:
        super().__init__()
        self.network = network
        self.dims = dims

    def forward(self, y: Tensor) -> Tensor:
        r"""(\*batch, \*space) -> (\*batch, \*space)."""
        return _batched(self.network, y, self.dims, lambda items: items.unsqueeze(1), lambda out: out.squeeze(1))


class Channels(nn.Module):
    r"""The first axis of an item is the channels: colours (C, H, W), real and imaginary parts, or the frames of short films.

    Args:
        network: (batch, C, \*space) -> (batch, C, \*space).
        dims: number of axes of an item, with that of the channels.
    """

    def __init__(self, network: nn.Module, dims: int) -> None:
        super().__init__()
        self.network = network
        self.dims = dims

    def forward(self, y: Tensor) -> Tensor:
        r"""(\*batch, C, \*space) -> (\*batch, C, \*space)."""
        return _batched(self.network, y, self.dims, lambda items: items, lambda out: out)


class PerFrame(nn.Module):
    r"""Every frame of a film (T, \*frame) is an input of its own: films of any length, also of one frame, can be treated.

    Args:
        network: (batch, 1 + number of contexts, \*frame) -> (batch, 1, \*frame).
        context: further channels that are computed from the film.
        frame_dims: number of axes of a frame.
    """

    def __init__(self, network: nn.Module, context: Sequence[Context] = (), frame_dims: int = 2) -> None:
        super().__init__()
        self.network = network
        self.context = nn.ModuleList(context)
        self.frame_dims = frame_dims

    def forward(self, y: Tensor) -> Tensor:
        r"""(\*batch, T, \*frame) -> (\*batch, T, \*frame)."""

        def split(films: Tensor) -> Tensor:
            channels = [films, *(context(films) for context in self.context)]
            return torch.stack(channels, dim=2).flatten(0, 1)

        frames = y.shape[-1 - self.frame_dims]
        return _batched(self.network, y, 1 + self.frame_dims, split, lambda out: out.squeeze(1).unflatten(0, (-1, frames)))


def _batched(network: nn.Module, y: Tensor, dims: int, before: _Map, after: _Map) -> Tensor:
    """Apply a network with any number of leading axes."""
    if y.ndim < dims:
        message = f"this network takes items of {dims} axes, not data of shape {tuple(y.shape)}"
        raise ShapeError(message)
    items = y.reshape(-1, *y.shape[y.ndim - dims :])
    out: Tensor = after(network(before(items)))
    return out.reshape(*y.shape[: y.ndim - dims], *out.shape[1:])
