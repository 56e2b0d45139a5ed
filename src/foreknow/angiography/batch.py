"""Runs from their files to their results; one that fails leaves the others alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from foreknow.angiography.exports import require_formats, write_formats
from foreknow.angiography.inputs import RunInput, find_runs
from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.modes import Enhancer
from foreknow.angiography.pictures import window_of
from foreknow.angiography.results import REPORT, RunResult, fingerprint, is_done, read_summary
from foreknow.angiography.run_file import open_run
from foreknow.angiography.simulate.detector import Relationship
from foreknow.angiography.tree import vessel_tree
from foreknow.files.batch import FileFailure, failure_of, write_summary_table
from foreknow.files.staging import staged_folder
from foreknow.files.summary import require_no_results

_COLUMNS = (
    "name", "status", "message", "mode", "kind", "frames", "width", "height", "frames_per_second", "pixel_intensity_relationship",
    "noise", "vessel_share", "contrast_to_noise", "branches", "tree_length_px", "pan_px", "relative_duality_gap", "version",
)  # fmt: skip


@dataclass(frozen=True)
class RunSkipped:
    """A run whose results are there already.

    Attributes:
        name: of its results.
    """

    name: str


RunOutcome = RunResult | FileFailure | RunSkipped


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
        require_no_results([final], _holds_results)
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


@dataclass(frozen=True)
class RunBatch:
    """What became of many runs.

    Attributes:
        summaries: of those that were separated, as in ``summary.json``, in the order given.
        failures: of those that were not.
        skipped: names of those whose results were there already.
    """

    summaries: tuple[dict[str, object], ...]
    failures: tuple[FileFailure, ...]
    skipped: tuple[str, ...] = ()


def enhance_many(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    enhancer: Enhancer | None = None,
    *,
    relationship: Relationship | None = None,
    overwrite: bool = False,
    resume: bool = False,
    report: bool = True,
    formats: Sequence[str] = (),
    progress: Callable[[str, float], None] | None = None,
    finished: Callable[[str], None] | None = None,
) -> RunBatch:
    """Separate runs and folders of runs one after the other, each into ``out_dir/run-001`` and so on.

    With several runs also ``out_dir/summary.csv`` is written.

    Args:
        paths: files and folders.
        out_dir: folder of the results.
        enhancer: how to separate, as for `enhance_file`.
        relationship: how values follow from exposure, if the files do not say.
        overwrite: whether results of an earlier run are replaced.
        resume: whether runs whose results are there already, of the same frames and settings, are left as they are.
        report: whether each run gets its report.html.
        formats: further files to write.
        progress: told the name of a run and the share of it that is done.
        finished: told the name of each run when it is done, well or not.

    Raises:
        InputFileError: if a path does not exist or there are no runs.
        ParameterError: if there are results already and ``overwrite`` is not set; before any work.
    """
    out, enhancer = Path(out_dir), enhancer or Enhancer()
    require_formats(formats)
    enhancer.require_model()
    inputs = find_runs(paths, out)
    if not (overwrite or resume):
        require_no_results([out / source.name for source in inputs], _holds_results)
    summaries: list[dict[str, object]] = []
    failures: list[FileFailure] = []
    skipped: list[str] = []
    try:
        for source in inputs:
            tell = None if progress is None else _teller(progress, source.name)
            outcome = _guarded(
                source,
                partial(
                    enhance_file,
                    source.path,
                    out / source.name,
                    enhancer,
                    name=source.name,
                    relationship=relationship,
                    overwrite=overwrite,
                    resume=resume,
                    report=report,
                    formats=formats,
                    progress=tell,
                ),
            )
            if isinstance(outcome, FileFailure):
                failures.append(outcome)
            elif isinstance(outcome, RunSkipped):
                skipped.append(outcome.name)
            else:
                summaries.append(outcome.summary())
            del outcome  # its layers are large
            if finished is not None:
                finished(source.name)
    finally:
        if len(inputs) > 1:
            kept = [read_summary(out / name) or {} for name in skipped]
            write_summary_table(out, _COLUMNS, [*summaries, *kept], failures)
    return RunBatch(tuple(summaries), tuple(failures), tuple(skipped))


def _teller(progress: Callable[[str, float], None], name: str) -> Callable[[float], None]:
    return lambda share: progress(name, share)


def _guarded(source: RunInput, enhance: Callable[[], RunResult | RunSkipped]) -> RunOutcome:
    try:
        return enhance()
    except Exception as error:  # noqa: BLE001  (one run must not stop the others)
        return failure_of(error, source.name, source.name, "give fewer frames")


def _holds_results(folder: Path) -> bool:
    return read_summary(folder) is not None
