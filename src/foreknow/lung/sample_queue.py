"""Samples that wait: appended at one end in blocks, taken at the other in any number."""

from collections import deque

import torch
from torch import Tensor

from foreknow.errors import ParameterError


class SampleQueue:
    """First in, first out, for one-dimensional float64 signals."""

    def __init__(self) -> None:
        self._blocks: deque[Tensor] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, block: Tensor) -> None:
        """Add samples, (n,), at the end; they are not copied."""
        if block.shape[0]:
            self._blocks.append(block)
            self._count += block.shape[0]

    def peek(self, count: int) -> Tensor:
        """The first ``count`` samples, which stay in the queue, (count,).

        Raises:
            ParameterError: if fewer are there.
        """
        if count > self._count:
            message = f"{count} samples were asked of a queue that holds {self._count}"
            raise ParameterError(message)
        pieces, missing = [], count
        for block in self._blocks:
            if not missing:
                break
            pieces.append(block[:missing])
            missing -= pieces[-1].shape[0]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.float64)

    def take(self, count: int) -> Tensor:
        """The first ``count`` samples, which leave the queue, (count,).

        Raises:
            ParameterError: if fewer are there.
        """
        taken = self.peek(count)
        self._count -= count
        while count:
            block = self._blocks.popleft()
            if block.shape[0] > count:
                self._blocks.appendleft(block[count:])
                break
            count -= block.shape[0]
        return taken
