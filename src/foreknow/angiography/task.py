"""One run of a batch: what to do, and what came of it; both can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from foreknow.angiography.enhance_file import RunSkipped, enhance_file
from foreknow.angiography.inputs import RunInput
from foreknow.angiography.modes import Enhancer
from foreknow.angiography.simulate.detector import Relationship
from foreknow.files.batch import FileDone, FileFailure, failure_of
from foreknow.threads import one_thread

RunOutcome = FileDone | RunSkipped | FileFailure


@dataclass(frozen=True)
class RunTask:
    """One run and how to separate it; see `foreknow.angiography.enhance_file`."""

    source: RunInput
    out_dir: Path
    enhancer: Enhancer
    relationship: Relationship | None
    overwrite: bool
    resume: bool
    report: bool
    formats: tuple[str, ...]
    alone: bool

    @property
    def name(self) -> str:
        """Of the results."""
        return self.source.name

    def run(self, progress: Callable[[float], None]) -> RunOutcome:
        """Separate; whatever goes wrong becomes a `FileFailure`, except an interrupt."""
        try:
            with nullcontext() if self.alone else one_thread():
                found = enhance_file(
                    self.source.path,
                    self.out_dir / self.name,
                    self.enhancer,
                    name=self.name,
                    relationship=self.relationship,
                    overwrite=self.overwrite,
                    resume=self.resume,
                    report=self.report,
                    formats=self.formats,
                    progress=progress,
                )
        except Exception as error:  # noqa: BLE001  (one run must not stop the others)
            return failure_of(error, self.name, self.name, "give fewer frames, or work on fewer runs at once")
        return found if isinstance(found, RunSkipped) else FileDone(self.name, found.summary())

    def failure(self, message: str, *, is_input: bool) -> FileFailure:
        """Of a run that was not done."""
        return FileFailure(self.name, message, is_input)
