"""One run from its file to its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from foreknow.angiography.exports import require_formats, write_formats
from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.modes import Enhancer
from foreknow.angiography.pictures import window_of
from foreknow.angiography.results import REPORT, RunResult, fingerprint, is_done, read_summary
from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate.detector import Relationship
from foreknow.angiography.tree import vessel_tree
from foreknow.files.staging import staged_folder
from foreknow.files.summary import require_no_results


@dataclass(frozen=True)
class RunSkipped:
    """A run whose results are there already.

    Attributes:
        name: of its results.
    """

    name: str


def enhance_file(
    path: str | Path,
    folder: str | Path,
    enhancer: Enhancer | None = None,
    *,
    name: str = "run-001",
    relationship: Relationship | None = None,
    overwrite: bool = False,
    resume: bool = False,
    report: bool = True,
    formats: Sequence[str] = (),
    progress: Callable[[float], None] | None = None,
) -> RunResult | RunSkipped:
    """Separate one run and write its results; they appear together when all is done.

    Args:
        path: a DICOM file, TIFF, PNG or folder of pictures.
        folder: of the results; made if it is not there.
        enhancer: how to separate; by the network that comes with foreknow if None.
        name: what sentences and results call the run; neither the file's name nor any field of it is written anywhere.
        relationship: how values follow from exposure, if the file does not say.
        overwrite: whether results of an earlier run are replaced.
        resume: whether a run whose results are there already, of the same frames and settings, is left as it is.
        report: whether report.html is written.
        formats: further files to write: names in `foreknow.angiography.exports.FORMATS`.
        progress: told the share that is done, 0 to 1; may raise to stop.

    Raises:
        DataError: if the run cannot be read or separated (`InputFileError` for its file).
        ParameterError: if there are results already and ``overwrite`` is not set.
        OSError: if the results cannot be written.
    """
    final, enhancer = Path(folder), enhancer or Enhancer()
    require_formats(formats)
    if not (overwrite or resume):
        require_no_results([final], holds_results)
    start = time.perf_counter()
    run = open_run(path, name, relationship)
    attenuation = run.attenuation()
    mode, content = enhancer.mode_for(run.frames), fingerprint(attenuation)
    if resume and is_done(final, content, mode, enhancer):
        return RunSkipped(name)
    with staged_folder(final) as staging, torch.no_grad():
        separation = enhancer.separate(attenuation, run.opened, run.table.darkest, name, progress)
        window = window_of(attenuation, separation.area)
        del attenuation
        mask = vessel_mask(separation, enhancer.settings)
        tree = vessel_tree(mask.binary.numpy(), separation.vessels.numpy())
        seconds = time.perf_counter() - start
        result = RunResult(name, final, run, separation, mask, tree, window, mode, enhancer.settings, content, seconds)
        write_formats(result, staging, formats)
        result.write(staging)
        if report:
            from foreknow.angiography.report_page import write_run_report  # noqa: PLC0415  (libraries for pictures load slowly)

            write_run_report(result, staging)
    if not report:
        (final / REPORT).unlink(missing_ok=True)  # that of an earlier run shows other results
    return result


def holds_results(folder: Path) -> bool:
    """Whether results of an earlier run are there."""
    return read_summary(folder) is not None
