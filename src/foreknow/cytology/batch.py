"""Fields from their files to their results; one that fails leaves the others alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foreknow.cytology.detect import detect
from foreknow.cytology.finder import BackgroundFinder
from foreknow.cytology.image_file import read_field
from foreknow.cytology.inputs import ImageInput, find_images
from foreknow.cytology.measure import measure_cells
from foreknow.cytology.pictures import as_bytes
from foreknow.cytology.results import REPORT, TOOL, FieldResult
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide import detect_slide
from foreknow.cytology.slide_file import is_slide
from foreknow.errors import ForeknowError, InputFileError
from foreknow.files import display_name
from foreknow.files.batch import FileFailure, failure_of, write_summary_table
from foreknow.files.staging import staged_folder
from foreknow.files.summary import read_summary, require_no_results

_COLUMNS = (
    "name", "status", "message", "width", "height", "pixel_um", "cells", "cells_with_nucleus", "nuclei", "clumps", "debris",
    "covered", "median_cell_area", "area_unit", "median_nucleus_cytoplasm_ratio", "background", "relative_duality_gap", "version",
)  # fmt: skip


@dataclass(frozen=True)
class DetectOptions:
    """What holds for all fields of a batch.

    Attributes:
        settings: how cells are found.
        finder: of the background; the solver if None.
        pixel_um: side of a pixel, where files do not tell it.
        overwrite: whether results of an earlier run are replaced.
        report: whether each field gets its report.html.
        resume: whether fields that have results already are passed over.
        jobs: tiles of a slide that are worked on at once.
    """

    settings: DetectSettings = field(default_factory=DetectSettings)
    finder: BackgroundFinder | None = None
    pixel_um: float | None = None
    overwrite: bool = False
    report: bool = True
    resume: bool = False
    jobs: int = 1


@dataclass(frozen=True)
class FieldBatch:
    """What became of many fields.

    Attributes:
        summaries: as in ``summary.json``, in the order given.
        failures: of those that were not done.
    """

    summaries: tuple[dict[str, Any], ...]
    failures: tuple[FileFailure, ...]


def detect_file(
    path: str | Path,
    folder: str | Path,
    options: DetectOptions | None = None,
    name: str = "",
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Find the cells of one image or slide and write the results; they appear together when all is done.

    Args:
        path: PNG, JPEG, TIFF or OME-TIFF; large ones and those of slide scanners are worked on in tiles.
        folder: of the results; made if it is not there.
        options: how.
        name: of the results; that of the file if empty.
        progress: told the share of a slide that is done.

    Returns:
        The content of ``summary.json``.

    Raises:
        DataError: if the image cannot be read or used (`InputFileError` for its file).
        ParameterError: if there are results already and ``overwrite`` is not set.
        OSError: if the results cannot be written.
    """
    final, options, source = Path(folder), options or DetectOptions(), Path(path)
    if not options.overwrite:
        require_no_results([final], _holds_results)
    if is_slide(source):
        return detect_slide(source, final, options, name or source.stem, progress)
    start = time.perf_counter()
    image = read_field(source)
    found = detect(image.pixels, options.settings, options.finder, display_name(source))
    pixel = image.pixel_um or options.pixel_um
    result = FieldResult(
        name or source.stem,
        final,
        as_bytes(image.pixels),
        found,
        measure_cells(found.cells, found.nuclei, found.density, pixel),
        pixel,
        None if options.finder is None else options.finder.model,
        found.found_background.certificate,
        found.found_background.notices,
        time.perf_counter() - start,
    )
    with staged_folder(final) as staging:
        result.write(staging)
        if options.report:
            from foreknow.cytology.report_page import write_field_report  # noqa: PLC0415  (libraries for pictures load slowly)

            write_field_report(result, staging)
    if not options.report:
        (final / REPORT).unlink(missing_ok=True)  # that of an earlier run shows other results
    return result.summary()


def detect_many(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    options: DetectOptions | None = None,
    finished: Callable[[str], None] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> FieldBatch:
    """Find the cells of images and folders of images, each into a folder of its own; of several also ``summary.csv``.

    Args:
        paths: files and folders.
        out_dir: folder of the results.
        options: how.
        finished: told the name of each field when it is done, well or not.
        progress: told the name of a slide and the share of it that is done.

    Raises:
        InputFileError: if a path does not exist or there are no images.
        ParameterError: if there are results already, before any work.
    """
    out, options = Path(out_dir), options or DetectOptions()
    inputs = find_images(paths, out)
    if not (options.overwrite or options.resume):
        require_no_results([out / source.name for source in inputs], _holds_results)
    summaries: list[dict[str, Any]] = []
    failures: list[FileFailure] = []
    try:
        for source in inputs:
            done = read_summary(out / source.name, TOOL) if options.resume else None
            outcome = done or _one(source, out, options, progress)
            if isinstance(outcome, FileFailure):
                failures.append(outcome)
            else:
                summaries.append(outcome)
            if finished is not None:
                finished(source.name)
    finally:
        if len(inputs) > 1:
            write_summary_table(out, _COLUMNS, summaries, failures)
    return FieldBatch(tuple(summaries), tuple(failures))


def _one(
    source: ImageInput, out: Path, options: DetectOptions, progress: Callable[[str, float], None] | None
) -> dict[str, Any] | FileFailure:
    name = display_name(source.path)
    tell = None if progress is None else (lambda share: progress(source.name, share))
    try:
        return detect_file(source.path, out / source.name, options, source.name, tell)
    except ForeknowError as error:
        says_which = isinstance(error, InputFileError) or name in str(error)
        return FileFailure(source.name, str(error) if says_which else f"{name}: {error}", is_input=True)
    except Exception as error:  # noqa: BLE001  (one field must not stop the others)
        return failure_of(error, source.name, name, "make it smaller", quoted=True)


def _holds_results(folder: Path) -> bool:
    return read_summary(folder, TOOL) is not None
