"""Recordings from their files to their results; one that fails leaves the others alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from foreknow.errors import ForeknowError, InputFileError, ParameterError
from foreknow.files.batch import FileFailure, failure_of, write_summary_table
from foreknow.files.depth import DepthVideo, Intrinsics, inspect_depth, read_depth
from foreknow.files.staging import staged_folder
from foreknow.files.summary import read_summary, require_no_results
from foreknow.swallow.counting import CountResult, WindowReader, count_table, result_of
from foreknow.swallow.model import CountingModel, load_model
from foreknow.swallow.movement import Features, FeatureStream, FeatureTable
from foreknow.swallow.results import DEPTH, PAGE, REPORT, TOOL, RecordingResult
from foreknow.swallow.settings import CountSettings
from foreknow.threads import one_thread

_COLUMNS = (
    "name", "status", "message", "swallows_in_test", "valid", "suspect", "cutoff", "unsure", "swallows_in_recording",
    "first_peak_s", "mean_gap_s", "mean_lift_mm", "frames_per_second", "distance_mm", "version",
)  # fmt: skip


@dataclass(frozen=True)
class ReadingSettings:
    """What a file may not say of itself.

    Attributes:
        unit: metres of a count.
        rate: frames per second.
        focal: focal length in pixels; the optical axis is then taken to be in the middle.
    """

    unit: float | None = None
    rate: float | None = None
    focal: float | None = None


@dataclass(frozen=True)
class CountBatch:
    """What became of many recordings.

    Attributes:
        summaries: of those that were counted, as in ``summary.json``, in the order given.
        failures: of those that were not.
    """

    summaries: tuple[dict[str, Any], ...]
    failures: tuple[FileFailure, ...]


def open_recording(path: str | Path, reading: ReadingSettings, name: str) -> DepthVideo:
    """Read a depth video with its camera.

    Raises:
        InputFileError: if it cannot be read, or nobody says its focal length.
    """
    video = read_depth(path, unit=reading.unit, rate=reading.rate)
    if video.intrinsics is None and reading.focal is not None:
        height, width = video.frames.shape[1:]
        camera = Intrinsics(width, height, reading.focal, reading.focal, (width - 1) / 2, (height - 1) / 2)
        video = replace(video, intrinsics=camera)
    if video.intrinsics is None:
        message = f"{name} does not say its camera's focal length, so nothing can be measured in it; give it with --focal"
        raise InputFileError(message)
    return video


def count_video(
    video: DepthVideo,
    model: CountingModel | None = None,
    settings: CountSettings | None = None,
    name: str = "test-001",
    *,
    store_depth: bool = False,
    progress: Callable[[float], None] | None = None,
) -> RecordingResult:
    """Count the swallows of a recording in memory; without ``adapt`` what a camera giving these frames would have counted.

    Args:
        video: with its camera.
        model: that looks at it; the shipped one if None.
        settings: of the test.
        name: what sentences and results call it.
        store_depth: whether the neck's region is kept.
        progress: told the share that is done, 0 to 1; may raise to stop.

    Raises:
        ParameterError: if the video does not say its camera.
        DataError: if no neck is found, or the recording ends before the test begins.
    """
    if video.intrinsics is None:
        message = f"{name} does not say its camera's focal length, so nothing can be measured in it"
        raise ParameterError(message)
    model = model or load_model()
    begin = time.perf_counter()
    with one_thread():
        result = count_frames(video, model, settings or CountSettings(), name, progress)
    region = result.region
    neck = video.crop(region.top, region.left, region.height, region.width) if store_depth and region is not None else None
    notices = (*video.warnings, *inspect_depth(video).sentences(), *_remarks(video))
    return RecordingResult(name, result, notices, video.rate, model, time.perf_counter() - begin, neck)


def count_frames(
    video: DepthVideo,
    model: CountingModel,
    settings: CountSettings,
    name: str,
    progress: Callable[[float], None] | None = None,
) -> CountResult:
    """Follow the neck frame by frame, then let the network look at all windows at once.

    Raises:
        DataError: if no neck is found, or the recording ends before the test begins.
    """
    assert video.intrinsics is not None  # noqa: S101
    stream = FeatureStream(video.intrinsics, name)
    features: list[Features] = []
    times = (video.timestamps - video.timestamps[0]).tolist()
    for place, (frame, seconds) in enumerate(zip(video.frames, times, strict=True)):
        features += stream.push(frame, seconds)
        if progress is not None and place % 30 == 0:
            progress(0.9 * place / len(times))
    features += stream.finish()
    if not features:
        return result_of(WindowReader(model), features, stream, settings)
    reader = count_table(FeatureTable.of(features, stream.shape), model, settings.threshold, adapt=settings.adapt)
    return result_of(reader, features, stream, settings)


def _remarks(video: DepthVideo) -> list[str]:
    rate = video.rate
    if rate is not None and rate < 20:
        return [f"{rate:.0f} frames a second are few for swallows of half a second; record at 30"]
    return []


def count_file(
    path: str | Path,
    folder: str | Path,
    settings: CountSettings | None = None,
    *,
    reading: ReadingSettings | None = None,
    model: CountingModel | None = None,
    name: str = "test-001",
    overwrite: bool = False,
    report: bool = True,
    store_depth: bool = False,
    progress: Callable[[float], None] | None = None,
) -> RecordingResult:
    """Count one recording and write its results; they appear together when all is done.

    Args:
        path: the recording.
        folder: of the results; made if it is not there.
        settings: of the test.
        reading: what the file may not say.
        model: that looks at it; the shipped one if None.
        name: what sentences and results call it; nothing of the file's name is written anywhere.
        overwrite: whether results of an earlier run are replaced.
        report: whether report.html and report.pdf are written.
        store_depth: whether the depth of the neck's region is written.
        progress: told the share that is done, 0 to 1.

    Raises:
        DataError: if the recording cannot be read or counted (`InputFileError` for its file).
        ParameterError: if there are results already and ``overwrite`` is not set.
        OSError: if the results cannot be written.
    """
    final = Path(folder)
    if not overwrite:
        require_no_results([final], lambda place: read_summary(place, TOOL))
    video = open_recording(path, reading or ReadingSettings(), name)
    with staged_folder(final) as staging, torch.no_grad():
        result = count_video(video, model, settings, name, store_depth=store_depth, progress=progress)
        result.write(staging)
        if report:
            from foreknow.swallow.report_page import write_reports  # noqa: PLC0415  (libraries for pictures load slowly)

            write_reports(result, staging)
    stale = ([] if report else [REPORT, PAGE]) + ([] if store_depth else [DEPTH])
    for file in stale:  # of an earlier run: it shows other results
        (final / file).unlink(missing_ok=True)
    return result


def count_many(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    settings: CountSettings | None = None,
    *,
    reading: ReadingSettings | None = None,
    model: CountingModel | None = None,
    overwrite: bool = False,
    report: bool = True,
    store_depth: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> CountBatch:
    """Count recordings one after the other, each into ``out_dir/test-001`` and so on; several also get ``summary.csv``.

    Args:
        paths: files, and folders of images.
        out_dir: folder of the results.
        settings: of the test.
        reading: what files may not say.
        model: that looks at them; the shipped one if None.
        overwrite: whether results of an earlier run are replaced.
        report: whether each recording gets its report.html and report.pdf.
        store_depth: whether the depth of each neck's region is written.
        progress: told the place of a recording and the share of it that is done.

    Raises:
        InputFileError: if a path does not exist.
        ParameterError: if there are results already and ``overwrite`` is not set; before any work.
    """
    out = Path(out_dir)
    for number, path in enumerate(paths, start=1):
        if not Path(path).exists():
            message = f"input {number} of {len(paths)} does not exist; check the spelling and the folder"
            raise InputFileError(message)
    names = [f"test-{number:03d}" for number in range(1, len(paths) + 1)]
    if not overwrite:
        require_no_results([out / name for name in names], lambda place: read_summary(place, TOOL))
    model = model or load_model()
    summaries: list[dict[str, Any]] = []
    failures: list[FileFailure] = []
    try:
        for place, (path, name) in enumerate(zip(paths, names, strict=True)):
            tell = None if progress is None else _teller(progress, place)
            try:
                result = count_file(
                    path,
                    out / name,
                    settings,
                    reading=reading,
                    model=model,
                    name=name,
                    overwrite=overwrite,
                    report=report,
                    store_depth=store_depth,
                    progress=tell,
                )
                summaries.append(result.summary())
            except ForeknowError as error:
                failures.append(FileFailure(name, _named(str(error), Path(path), name), is_input=True))
            except Exception as error:  # noqa: BLE001  (one recording must not stop the others)
                failures.append(failure_of(error, name, name, "cut it"))
    finally:
        if len(paths) > 1:
            write_summary_table(out, _COLUMNS, summaries, failures)
    return CountBatch(tuple(summaries), tuple(failures))


def _teller(progress: Callable[[int, float], None], place: int) -> Callable[[float], None]:
    return lambda share: progress(place, share)


def _named(message: str, path: Path, name: str) -> str:
    """A sentence in which the file has the name of its results, as files are often named after patients."""
    return message.replace(str(path), name).replace(path.name, name)
