"""Fields and slides from their files to their results, several at once if wished; one that fails leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreknow.cytology.detect_file import DetectOptions, detect_file
from foreknow.cytology.inputs import find_images
from foreknow.cytology.results import TOOL, holds_results
from foreknow.cytology.slide_file import is_slide
from foreknow.cytology.task import ImageTask
from foreknow.files.batch import FileDone, FileFailure, write_summary_table
from foreknow.files.summary import read_summary, require_no_results
from foreknow.files.workers import run_tasks

__all__ = ["DetectOptions", "FieldBatch", "detect_file", "detect_many"]

_COLUMNS = (
    "name", "status", "message", "width", "height", "pixel_um", "cells", "cells_with_nucleus", "nuclei", "clumps", "debris",
    "covered", "median_cell_area", "area_unit", "median_nucleus_cytoplasm_ratio", "background", "relative_duality_gap", "version",
)  # fmt: skip


@dataclass(frozen=True)
class FieldBatch:
    """What became of many fields.

    Attributes:
        summaries: as in ``summary.json``, in the order given.
        failures: of those that were not done.
    """

    summaries: tuple[dict[str, Any], ...]
    failures: tuple[FileFailure, ...]


def detect_many(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    options: DetectOptions | None = None,
    finished: Callable[[str], None] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> FieldBatch:
    """Find the cells of images and folders of images, each into a folder of its own; of several also ``summary.csv``.

    With more than one job fields are worked on side by side in processes of their own (then the calling script needs
    ``if __name__ == "__main__":``), and after them slides one by one, several tiles at once. Each field is solved by itself and by
    one thread, so that its results do not depend on the jobs or on the other fields.

    Args:
        paths: files and folders.
        out_dir: folder of the results.
        options: how.
        finished: told the name of each image when it is done, well or not.
        progress: told the name of an image and the share of it that is done.

    Raises:
        InputFileError: if a path does not exist or there are no images.
        ParameterError: if there are results already, or no job is allowed; before any work.
    """
    out, options = Path(out_dir), options or DetectOptions()
    inputs = find_images(paths, out)
    if not (options.overwrite or options.resume):
        require_no_results([out / source.name for source in inputs], holds_results)
    place = {source.name: index for index, source in enumerate(inputs)}
    outcomes: list[FileDone | FileFailure] = []

    def collect(outcome: FileDone | FileFailure) -> None:
        outcomes.append(outcome)
        if finished is not None:
            finished(outcome.name)

    fields: list[ImageTask] = []
    slides: list[ImageTask] = []
    for source in inputs:
        done = read_summary(out / source.name, TOOL) if options.resume else None
        if done is None:
            (slides if is_slide(source.path) else fields).append(ImageTask(source, out, options))
        else:
            collect(FileDone(source.name, done))
    tell = progress or (lambda name, share: None)  # noqa: ARG005
    try:
        run_tasks(fields, min(options.jobs, len(fields)), tell, collect)
        run_tasks(slides, 1, tell, collect)
    finally:
        outcomes.sort(key=lambda outcome: place[outcome.name])
        summaries = tuple(outcome.summary for outcome in outcomes if isinstance(outcome, FileDone))
        failures = tuple(outcome for outcome in outcomes if isinstance(outcome, FileFailure))
        if len(inputs) > 1:
            write_summary_table(out, _COLUMNS, summaries, failures)
    return FieldBatch(summaries, failures)
