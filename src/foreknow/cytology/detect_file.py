"""One image from its file to its results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foreknow.cytology.detect import detect
from foreknow.cytology.finder import BackgroundFinder
from foreknow.cytology.image_file import read_field
from foreknow.cytology.measure import measure_cells
from foreknow.cytology.pictures import as_bytes
from foreknow.cytology.results import REPORT, FieldResult, holds_results
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.slide import detect_slide
from foreknow.cytology.slide_file import is_slide
from foreknow.files import display_name
from foreknow.files.staging import staged_folder
from foreknow.files.summary import require_no_results
from foreknow.threads import one_thread


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
        jobs: fields, or tiles of a slide, that are worked on at once, each by one thread.
    """

    settings: DetectSettings = field(default_factory=DetectSettings)
    finder: BackgroundFinder | None = None
    pixel_um: float | None = None
    overwrite: bool = False
    report: bool = True
    resume: bool = False
    jobs: int = 1


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
        require_no_results([final], holds_results)
    if is_slide(source):
        return detect_slide(source, final, options, name or source.stem, progress)
    start = time.perf_counter()
    image = read_field(source)
    with one_thread():
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
