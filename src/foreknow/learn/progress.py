"""How far a training run has come, for a person who waits."""

from abc import ABC, abstractmethod

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class TrainingProgress(ABC):
    """Is told how far a run has come."""

    @abstractmethod
    def start(self, done: int, total: int) -> None:
        """So many of the steps were done before; called once."""

    @abstractmethod
    def advance(self, loss: float, validation: float | None) -> None:
        """One more step was done.

        Args:
            loss: of its batch.
            validation: the last score; None if there is none yet.
        """

    @abstractmethod
    def finish(self) -> None:
        """The run has ended, well or not."""


class Silent(TrainingProgress):
    """Shows nothing."""

    def start(self, done: int, total: int) -> None:
        """Nothing."""

    def advance(self, loss: float, validation: float | None) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


class Bar(TrainingProgress):
    """A bar with the time left and the loss.

    Args:
        console: where to; stderr if None. Nothing is shown where that is not a terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(stderr=True) if console is None else console
        self._bar: RichProgress | None = None
        self._task = TaskID(0)

    def start(self, done: int, total: int) -> None:
        """Show the bar."""
        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar = RichProgress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True)
        self._task = self._bar.add_task("", total=total, completed=done)
        self._bar.start()

    def advance(self, loss: float, validation: float | None) -> None:
        """Move it."""
        if self._bar is not None:
            score = "" if validation is None else f"  validation {validation:.4g}"
            self._bar.update(self._task, advance=1, description=f"loss {loss:.4g}{score}")

    def finish(self) -> None:
        """Remove it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
