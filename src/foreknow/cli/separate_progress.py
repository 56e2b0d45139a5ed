"""How far a batch of recordings has come, in seconds of sound."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import Progress, TaskID

from foreknow.cli.show import progress_bar
from foreknow.errors import InputFileError
from foreknow.files import InputFile, inspect_audio
from foreknow.lung.task import Outcome

_WORTH_A_PROCESS = 120.0  # seconds of sound; starting a process takes about as long as separating that much


def lengths_of(files: Sequence[InputFile]) -> dict[str, float]:
    """Seconds of each recording by its name; 0 for what cannot be read, which will be said in its turn."""
    lengths = {}
    for file in files:
        try:
            lengths[file.name] = inspect_audio(file.path).seconds
        except InputFileError:
            lengths[file.name] = 0.0
    return lengths


def jobs_that_pay(lengths: Mapping[str, float], device: str) -> int:
    """How many processes are worth starting: at most one a recording and one a core; one on an accelerator."""
    if device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, len(lengths), int(sum(lengths.values()) / _WORTH_A_PROCESS)))


class Watch:
    """Feeds a progress bar from what `separate_many` tells."""

    def __init__(self, bar: Progress, task: TaskID, lengths: Mapping[str, float]) -> None:
        self._bar = bar
        self._task = task
        self._lengths = lengths
        self._seconds: dict[str, float] = {}
        self._done = 0

    def advance(self, name: str, seconds: float) -> None:
        """So many seconds of a recording are done."""
        self._seconds[name] = seconds
        self._show()

    def finish(self, outcome: Outcome) -> None:
        """A recording is done, well or not."""
        self._seconds[outcome.name] = self._lengths.get(outcome.name, 0.0)
        self._done += 1
        self._show()

    def _show(self) -> None:
        text = f"{self._done} of {len(self._lengths)} recordings"
        self._bar.update(self._task, completed=sum(self._seconds.values()), description=text)


@contextmanager
def show_progress(lengths: Mapping[str, float]) -> Iterator[Watch]:
    """A progress bar with the time left, on stderr if that is a terminal."""
    with progress_bar() as bar:
        yield Watch(bar, bar.add_task("starting", total=sum(lengths.values())), lengths)
