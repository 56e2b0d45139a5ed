"""The course of a run as files: a CSV table, TensorBoard."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from foreknow.errors import ForeknowError
from foreknow.learn.durable import write_text_durably
from foreknow.learn.history import Epoch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Log(ABC):
    """Is told every epoch."""

    @abstractmethod
    def start(self, epochs: Sequence[Epoch]) -> None:
        """A run begins, or goes on after these epochs; what an interrupted run may have logged beyond them is void."""

    @abstractmethod
    def record(self, epoch: Epoch) -> None:
        """An epoch is done."""

    @abstractmethod
    def close(self) -> None:
        """The run has ended, well or not."""


class CSVLog(Log):
    """A table with a row an epoch, complete whenever it is looked at.

    Args:
        path: of the file; its folder is made if it is not there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._epochs: list[Epoch] = []

    def start(self, epochs: Sequence[Epoch]) -> None:
        """Write what is known."""
        self._epochs = list(epochs)
        self._write()

    def record(self, epoch: Epoch) -> None:
        """Add a row."""
        self._epochs.append(epoch)
        self._write()

    def close(self) -> None:
        """Nothing: the table is complete."""

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(epoch.as_json() for epoch in self._epochs)
        write_text_durably(self.path, text.getvalue())


class TensorBoardLog(Log):
    """Curves of loss, validation score and learning rate over the steps.

    Args:
        folder: for `tensorboard --logdir`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._writer: SummaryWriter | None = None

    def start(self, epochs: Sequence[Epoch]) -> None:
        """Open a file of events; curves beyond the last epoch are hidden.

        Raises:
            ForeknowError: if TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  (optional)
        except ImportError as error:
            message = "this log needs the library tensorboard; install it with: pip install 'foreknow[learn]', or use CSVLog"
            raise ForeknowError(message) from error
        self._writer = SummaryWriter(str(self.folder), purge_step=epochs[-1].step + 1 if epochs else 0)

    def record(self, epoch: Epoch) -> None:
        """Add a point to every curve."""
        if self._writer is None:
            return
        points = {"loss": epoch.loss, "validation": epoch.validation, "learning rate": epoch.learning_rate}
        for name, value in points.items():
            if value is not None:
                self._writer.add_scalar(name.replace(" ", "_"), value, epoch.step)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
