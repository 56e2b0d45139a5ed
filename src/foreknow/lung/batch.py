"""Many recordings: one after the other or side by side in processes; a recording that fails leaves the others alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreknow.errors import InputFileError
from foreknow.files import ChannelChoice, InputFile, collect_audio, display_name, write_text_atomic
from foreknow.files.batch import TABLE, FileFailure
from foreknow.files.summary import require_no_results
from foreknow.files.table import csv_of_records
from foreknow.files.workers import run_tasks
from foreknow.lung.results import BREATH, PARTS, RecordingResult, existing_results, read_summary
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.task import Outcome, Task

_COLUMNS = (
    "name", "recording", "status", "message", "duration_s", "rate_hz", "crackles", "crackles_per_minute", "fine", "coarse",
    "median_idw_ms", "median_2cd_ms", "median_ldw_ms", "breath_reliability", "breaths", "breaths_per_minute", "crackles_per_breath",
    "inspiration_crackles", "expiration_crackles", "wheeze", "rhonchus", "stridor", "polyphonic", "wheeze_share",
    "median_fundamental_hz", "clipped_share", "silent_share", "poor", "poor_because", "notices", "version",
)  # fmt: skip


@dataclass(frozen=True)
class BatchResult:
    """What became of many recordings.

    Attributes:
        results: of those that were separated, in the order given.
        failures: of those that were not.
        skipped: names of recordings whose results were there already, made with the same settings.
    """

    results: tuple[RecordingResult, ...]
    failures: tuple[FileFailure, ...]
    skipped: tuple[str, ...]


def separate_many(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    settings: SeparationSettings | None = None,
    *,
    channel: ChannelChoice | None = None,
    device: str = "cpu",
    seed: int = 0,
    overwrite: bool = False,
    resume: bool = False,
    report: bool = True,
    jobs: int = 1,
    progress: Callable[[str, float], None] | None = None,
    finished: Callable[[Outcome], None] | None = None,
) -> BatchResult:
    """Separate recordings and folders of recordings; each as `separate_file` would, whatever the number of jobs.

    If several recordings have results in ``out_dir`` in the end, also ``out_dir/summary.csv`` is written, with a line for each of
    them and for each failure of this run; after an interrupt too.

    Args:
        paths: files and folders.
        out_dir: folder of the results, one folder in it for each recording.
        settings: how to separate.
        channel: which channel to use.
        device: where to compute.
        seed: of random numbers.
        overwrite: whether results of an earlier run are replaced.
        resume: whether recordings are skipped that have complete results of this version and these settings.
        report: whether each recording gets its report.html.
        jobs: how many recordings are worked on at once, in processes of their own if more than 1 (then the calling script needs
            ``if __name__ == "__main__":``).
        progress: told the name of a recording and how many of its seconds are done.
        finished: told each outcome as it comes.

    Raises:
        InputFileError: if a path does not exist or there are no recordings.
        ParameterError: if there are results already and neither ``overwrite`` nor ``resume`` covers them; before any work.
    """
    out, chosen = Path(out_dir), settings or SeparationSettings()
    inputs = find_recordings(paths, out)
    tasks = [Task(source, out, chosen, channel, device, seed, overwrite, report) for source in inputs]
    done = [task for task in tasks if resume and task.is_done()]
    tasks = [task for task in tasks if task not in done]
    if not overwrite:
        require_no_results([task.folder for task in tasks], existing_results)
    outcomes: list[Outcome] = []

    def collect(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if finished is not None:
            finished(outcome)

    try:
        run_tasks(tasks, min(jobs, len(tasks)), progress or (lambda name, seconds: None), collect)  # noqa: ARG005
    finally:
        place = {task.source.name: index for index, task in enumerate(tasks)}
        outcomes.sort(key=lambda outcome: place[outcome.name])
        failures = tuple(outcome for outcome in outcomes if isinstance(outcome, FileFailure))
        _write_table(out, failures, {task.name: task.source.path.name for task in tasks})
    results = tuple(outcome for outcome in outcomes if isinstance(outcome, RecordingResult))
    return BatchResult(results, failures, tuple(task.source.name for task in done))


def find_recordings(paths: Sequence[str | Path], out_dir: Path) -> list[InputFile]:
    """The recordings in files and folders; parts that earlier runs left in these folders are not recordings.

    Raises:
        InputFileError: if a path does not exist or there are no recordings.
    """
    out, given = out_dir.resolve(), {Path(path).resolve() for path in paths}
    holds_input = any(path.is_relative_to(out) for path in given)
    found = collect_audio(paths, exclude=None if holds_input else out)
    parts = {file.path for file in found if file.path.resolve() not in given and _is_part(file.path)}
    if len(parts) == len(found):
        message = "there are only results of earlier runs in what was given; name the recordings themselves"
        raise InputFileError(message)
    return collect_audio([file.path for file in found if file.path not in parts]) if parts else found


def _is_part(path: Path) -> bool:
    return path.name in {BREATH, *PARTS} and read_summary(path.parent) is not None


def _write_table(out: Path, failures: tuple[FileFailure, ...], sources: Mapping[str, str]) -> None:
    summaries = [read_summary(folder) for folder in sorted(out.iterdir()) if folder.is_dir()] if out.is_dir() else []
    rows: list[dict[str, Any]] = [
        {**summary, "status": "ok", "message": "", "notices": "; ".join(summary.get("notices", []))}
        for summary in summaries
        if summary is not None
    ]
    failed = {failure.name for failure in failures}
    rows = [row for row in rows if row.get("name") not in failed]
    rows += [
        {"name": failure.name, "recording": display_name(sources[failure.name]), "status": "failed", "message": failure.message}
        for failure in failures
    ]
    if len(rows) < 2 and not (out / TABLE).exists():
        return
    write_text_atomic(out / TABLE, csv_of_records(_COLUMNS, rows))
