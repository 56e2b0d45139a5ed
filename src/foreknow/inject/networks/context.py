"""What a network that looks at one frame is told of the other frames of the film."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Context(nn.Module, ABC):
    r"""Something about every frame that is computed from the whole film; zero where there is no other frame.

    Args:
        frame_dims: number of axes of a frame.
    """

    def __init__(self, frame_dims: int = 2) -> None:
        super().__init__()
        self.time = -1 - frame_dims

    @abstractmethod
    def forward(self, films: Tensor) -> Tensor:
        r"""(\*batch, T, \*frame) -> (\*batch, T, \*frame)."""


class MedianDifference(Context):
    """The frame minus the median of the film at each sample: what moves, where the background is seen in most frames."""

    def forward(self, films: Tensor) -> Tensor:
        """The difference."""
        count = films.shape[self.time]
        ordered = films.sort(dim=self.time).values  # also gives the mean of the two middle ones, and can be exported
        middle = ordered.narrow(self.time, (count - 1) // 2, 2 - count % 2)
        return films - middle.mean(dim=self.time, keepdim=True)


class PreviousDifference(Context):
    """The frame minus the one before it; zero for the first."""

    def forward(self, films: Tensor) -> Tensor:
        """The difference."""
        count = films.shape[self.time]
        first = films.narrow(self.time, 0, 1)
        steps = films.narrow(self.time, 1, count - 1) - films.narrow(self.time, 0, count - 1)
        return torch.cat((torch.zeros_like(first), steps), dim=self.time)
