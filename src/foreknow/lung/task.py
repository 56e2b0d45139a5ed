"""One recording of a batch: what to do, done, and what came of it."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from foreknow.errors import ForeknowError
from foreknow.files import ChannelChoice, InputFile, display_name
from foreknow.lung.crackle_model import settings_as_json
from foreknow.lung.results import RecordingResult, read_summary
from foreknow.lung.separate_file import separate_file
from foreknow.lung.settings import SeparationSettings


@dataclass(frozen=True)
class Failure:
    """A recording that could not be separated.

    Attributes:
        name: name that its results would have had.
        source: the recording.
        message: one sentence that says why.
        is_input: whether the recording itself (or what was asked of it) is to blame.
        details: the traceback, for a developer.
    """

    name: str
    source: Path
    message: str
    is_input: bool
    details: str


Outcome = RecordingResult | Failure


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
        """Separate; whatever goes wrong becomes a `Failure`, except an interrupt."""
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
        except ForeknowError as error:
            return self.failure(str(error), is_input=True)
        except OSError as error:
            return self.failure(
                f"{display_name(self.source.path)} could not be finished: {error.strerror or error}", is_input=False
            )
        except Exception as error:  # noqa: BLE001  (one recording must not stop the others; the traceback is kept)
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            return self.failure(f"{display_name(self.source.path)} failed by a fault of foreknow ({what})", is_input=False)

    def failure(self, message: str, *, is_input: bool) -> Failure:
        """A failure of this recording with the traceback of the exception that is being handled, if there is one."""
        return Failure(self.source.name, self.source.path, message, is_input, traceback.format_exc())

    def is_done(self) -> bool:
        """Whether complete results of the same recording, version and settings are there."""
        summary = read_summary(self.folder)
        return summary is not None and (summary.get("recording"), summary.get("version"), summary.get("settings")) == (
            display_name(self.source.path.name),
            version("foreknow"),
            settings_as_json(self.settings),
        )
