"""The contract of a data set."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from foreknow.learn.data.example import Example


class Data(ABC):
    """Items by number. What is drawn is a pure function of the numbers and the epoch, so that a run can be continued exactly."""

    @abstractmethod
    def __len__(self) -> int:
        """Items in an epoch."""

    @abstractmethod
    def draw(self, indices: Sequence[int], epoch: int) -> Example:
        """A batch of these items, (len(indices), *shape), on the CPU.

        Args:
            indices: each from 0 to len(self) - 1.
            epoch: counted from 0; data that are drawn at random differ between epochs. Validation draws epoch 0.

        Raises:
            ShapeError: if the items do not make a batch.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A short text that differs for other data (a hash, or what the data are computed from)."""
