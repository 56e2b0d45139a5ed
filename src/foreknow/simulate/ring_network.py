"""A small convolutional network on a ring, for residuals and surrogates of models such as Lorenz 1996."""

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError


class RingNetwork(nn.Module):
    r"""Circular convolutions with a quadratic layer: from (\*batch, n) to (\*batch, n), in the precision of its weights.

    The product of two linear layers lets it express advection x_i x_j exactly (Bocquet et al. 2020, section 4.1). The last layer
    starts at zero, so that a residual begins as none.

    Args:
        width: channels of each kind: linear, quadratic, hidden.
        reach: places to each side that are seen.
        scale: what the input is divided by, about its size.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, width: int = 16, reach: int = 2, scale: float = 5.0) -> None:
        super().__init__()
        if width < 1 or reach < 1 or not scale > 0:
            message = f"a ring network needs a positive width, reach and scale, not {width}, {reach} and {scale}"
            raise ParameterError(message)
        self.scale = scale
        self.reach = reach
        self.width = width
        self.first = nn.Conv1d(1, 3 * width, 2 * reach + 1)
        self.hidden = nn.Conv1d(2 * width, width, 1)
        self.last = nn.Conv1d(3 * width, 1, 1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, state: Tensor) -> Tensor:
        """The output, of the shape and dtype of the state."""
        flat = state.reshape(-1, 1, state.shape[-1]).to(self.first.weight.dtype) / self.scale
        ring = torch.cat((flat[..., -self.reach :], flat, flat[..., : self.reach]), dim=-1)
        linear, one, other = self.first(ring).split(self.width, dim=1)
        features = torch.cat((linear, one * other), dim=1)
        out = self.last(torch.cat((features, torch.tanh(self.hidden(features))), dim=1))
        return out.reshape(state.shape).to(state.dtype)
