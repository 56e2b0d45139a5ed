"""One recording of a batch: what to do, done, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from foreknow.files import ChannelChoice, InputFile, display_name
from foreknow.files.batch import FileFailure, failure_of
from foreknow.lung.crackle_model import settings_as_json
from foreknow.lung.results import RecordingResult, read_summary
from foreknow.lung.separate_file import separate_file
from foreknow.lung.settings import SeparationSettings

Outcome = RecordingResult | FileFailure


@dataclass(frozen=True)
class Task:
    """One recording and how to separate it; can be sent to another process."""

    source: InputFile
    out_dir: Path
    settings: SeparationSettings
    channel: ChannelChoice | None
    device: str
    seed: int
    overwrite: bool
    report: bool

    @property
    def name(self) -> str:
        """Of the results."""
        return self.source.name

    @property
    def folder(self) -> Path:
        """Where the results will be."""
        return self.out_dir / self.source.name

    def run(self, progress: Callable[[float], None]) -> Outcome:
        """Separate; whatever goes wrong becomes a `FileFailure`, except an interrupt."""
        try:
            return separate_file(
                self.source.path,
                self.out_dir,
                self.settings,
                name=self.source.name,
                channel=self.channel,
                device=self.device,
                seed=self.seed,
                overwrite=self.overwrite,
                report=self.report,
                progress=progress,
            )
        except Exception as error:  # noqa: BLE001  (one recording must not stop the others; the traceback is kept)
            shown = display_name(self.source.path)
            return failure_of(error, self.name, shown, "cut it, or work on fewer recordings at once", quoted=True)

    def failure(self, message: str, *, is_input: bool) -> FileFailure:
        """A failure of this recording that is no error of its own."""
        return FileFailure(self.name, message, is_input)

    def is_done(self) -> bool:
        """Whether complete results of the same recording, version and settings are there."""
        summary = read_summary(self.folder)
        return summary is not None and (summary.get("recording"), summary.get("version"), summary.get("settings")) == (
            display_name(self.source.path.name),
            version("foreknow"),
            settings_as_json(self.settings),
        )
