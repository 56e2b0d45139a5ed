"""One image of a batch, its results and what went wrong: what a process of its own can be asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foreknow.cytology.detect_file import DetectOptions, detect_file
from foreknow.cytology.inputs import ImageInput
from foreknow.errors import ForeknowError, InputFileError
from foreknow.files import display_name
from foreknow.files.batch import FileDone, FileFailure, failure_of


@dataclass(frozen=True)
class ImageTask:
    """An image of a batch and what to do with it.

    Attributes:
        source: the file and the name of its results.
        out: folder of the results of all.
        options: how.
    """

    source: ImageInput
    out: Path
    options: DetectOptions

    @property
    def name(self) -> str:
        """Of its results."""
        return self.source.name

    def run(self, progress: Callable[[float], None], /) -> FileDone | FileFailure:
        """Find the cells and write the results."""
        shown = display_name(self.source.path)
        try:
            return FileDone(self.name, detect_file(self.source.path, self.out / self.name, self.options, self.name, progress))
        except ForeknowError as error:
            says_which = isinstance(error, InputFileError) or shown in str(error)
            return FileFailure(self.name, str(error) if says_which else f"{shown}: {error}", is_input=True)
        except Exception as error:  # noqa: BLE001  (one image must not stop the others)
            return failure_of(error, self.name, shown, "make it smaller", quoted=True)

    def failure(self, message: str, /, *, is_input: bool) -> FileFailure:
        """What a process that died leaves behind."""
        return FileFailure(self.name, message, is_input=is_input)
