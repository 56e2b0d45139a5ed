"""Many runs: one after the other or side by side in processes; one that fails leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foreknow.angiography.enhance_file import RunSkipped, holds_results
from foreknow.angiography.exports import require_formats
from foreknow.angiography.inputs import find_runs
from foreknow.angiography.modes import Enhancer
from foreknow.angiography.results import read_summary
from foreknow.angiography.simulate.detector import Relationship
from foreknow.angiography.task import RunOutcome, RunTask
from foreknow.files.batch import FileDone, FileFailure, write_summary_table
from foreknow.files.summary import require_no_results
from foreknow.files.workers import run_tasks

_COLUMNS = (
    "name", "status", "message", "mode", "kind", "frames", "width", "height", "frames_per_second", "pixel_intensity_relationship",
    "noise", "vessel_share", "contrast_to_noise", "branches", "tree_length_px", "pan_px", "relative_duality_gap", "version",
)  # fmt: skip


@dataclass(frozen=True)
class RunBatch:
    """What became of many runs.

    Attributes:
        summaries: of those that were separated, as in ``summary.json``, in the order given.
        failures: of those that were not.
        skipped: names of those whose results were there already.
    """

    summaries: tuple[dict[str, Any], ...]
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
    jobs: int = 1,
    progress: Callable[[str, float], None] | None = None,
    finished: Callable[[str], None] | None = None,
) -> RunBatch:
    """Separate runs and folders of runs, each into ``out_dir/run-001`` and so on.

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
        jobs: how many runs are worked on at once, in processes of their own and by one thread each if more than 1 (then the calling
            script needs ``if __name__ == "__main__":``); each takes its own memory.
        progress: told the name of a run and the share of it that is done.
        finished: told the name of each run when it is done, well or not.

    Raises:
        InputFileError: if a path does not exist or there are no runs.
        ParameterError: if there are results already and ``overwrite`` is not set, or no job is allowed; before any work.
    """
    out, enhancer = Path(out_dir), enhancer or Enhancer()
    require_formats(formats)
    enhancer.require_model()
    inputs = find_runs(paths, out)
    if not (overwrite or resume):
        require_no_results([out / source.name for source in inputs], holds_results)
    jobs = min(jobs, len(inputs))
    sent = enhancer if jobs <= 1 else replace(enhancer, _loaded={})
    tasks = [
        RunTask(source, out, sent, relationship, overwrite, resume, report, tuple(formats), alone=jobs <= 1) for source in inputs
    ]
    outcomes: list[RunOutcome] = []

    def collect(outcome: RunOutcome) -> None:
        outcomes.append(outcome)
        if finished is not None:
            finished(outcome.name)

    try:
        run_tasks(tasks, jobs, progress or (lambda name, share: None), collect)  # noqa: ARG005
    finally:
        outcomes.sort(key=lambda outcome: outcome.name)
        summaries = tuple(outcome.summary for outcome in outcomes if isinstance(outcome, FileDone))
        failures = tuple(outcome for outcome in outcomes if isinstance(outcome, FileFailure))
        skipped = tuple(outcome.name for outcome in outcomes if isinstance(outcome, RunSkipped))
        if len(inputs) > 1:
            kept = [read_summary(out / name) or {} for name in skipped]
            write_summary_table(out, _COLUMNS, [*summaries, *kept], failures)
    return RunBatch(summaries, failures, skipped)
