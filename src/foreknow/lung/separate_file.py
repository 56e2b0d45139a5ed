"""One recording from its file to its results, block by block."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from foreknow.files import (
    AudioReader,
    AudioWriter,
    ChannelChoice,
    SignalMeter,
    SignalQuality,
    collect_audio,
    display_name,
    open_audio,
)
from foreknow.files.staging import staged_folder
from foreknow.files.summary import require_no_results
from foreknow.lung.exact_parts import encoding_of_parts, store_parts
from foreknow.lung.part_stream import Parts, PartStream
from foreknow.lung.quality import LungMeter, LungQuality
from foreknow.lung.recording import MINIMUM_SECONDS
from foreknow.lung.respiration import Respiration
from foreknow.lung.results import BREATH, NUISANCE, OPTIONAL_FILES, REPORT, WHEEZE_FILES, RecordingResult, existing_results
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_table import with_phase
from foreknow.threads import one_thread

_BLOCK = 2**16

Progress = Callable[[float], None]


def separate_file(
    path: str | Path,
    out_dir: str | Path,
    settings: SeparationSettings | None = None,
    *,
    name: str | None = None,
    channel: ChannelChoice | None = None,
    device: str = "cpu",
    seed: int = 0,
    overwrite: bool = False,
    report: bool = True,
    progress: Progress | None = None,
) -> RecordingResult:
    """Separate a sound file of any length into crackles and breath sound, in memory that does not grow with its length.

    Writes ``out_dir/name/``: crackles.wav and breath.wav (same rate and bit depth as the recording; they sum to it exactly where it
    is stored as integers), events.csv, breaths.csv, labels.txt (Audacity), raven.txt, summary.json and report.html. They appear
    together when all is done. Where ``settings.wheezes`` is set, wheezes.wav is a part too, and fundamentals.csv holds their
    course; where ``settings.nuisance`` is set, nuisance.wav is.

    Args:
        path: the recording.
        out_dir: folder of the results; made if it is not there.
        settings: how to separate; the defaults work.
        name: of the folder of this recording; by default the file's name without its ending.
        channel: which channel to use; by default the one, or the mean of two.
        device: where to compute, such as ``"cpu"`` or ``"cuda"``.
        seed: of random numbers (the separation draws none at present; it is written into the summary).
        overwrite: whether results of an earlier run are replaced.
        report: whether report.html is written; its pictures take a second or two.
        progress: told how many seconds of the recording are done, now and then; may raise to stop.

    Raises:
        InputFileError: if the recording cannot be used.
        ParameterError: if there are results already and ``overwrite`` is not set.
        OSError: if the results cannot be written.
    """
    source, settings = Path(path), settings or SeparationSettings()
    folder = Path(out_dir) / (name or collect_audio([source])[0].name)
    if not overwrite:
        require_no_results([folder], existing_results)
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with (
        open_audio(source, channel=channel, minimum_seconds=MINIMUM_SECONDS) as reader,
        staged_folder(folder) as staging,
        one_thread(),
        torch.no_grad(),
        torch.random.fork_rng(devices=cuda),
    ):
        torch.manual_seed(seed)
        stream = PartStream(settings, reader.rate, device)
        quality, verdict = _write_parts(reader, stream, staging, progress)
        crackles = () if quality.is_silent else stream.crackles.events
        respiration = Respiration() if quality.is_silent else stream.respiration
        wheezes = None
        if settings.wheezes is not None and stream.wheezes is not None:
            wheezes = () if quality.is_silent else with_phase(stream.wheezes.events, respiration, settings.wheezes)
        result = RecordingResult(
            name=folder.name,
            source=source,
            folder=folder,
            seconds=reader.frames_read / reader.rate,
            rate=reader.rate,
            working_rate=stream.crackles.working_rate,
            encoding=reader.info.encoding,
            crackles=crackles,
            quality=quality,
            notices=_notices(reader, quality, verdict, source),
            convergence=_convergence(stream),
            formula=_formula(stream),
            settings=settings,
            version=version("foreknow"),
            seed=seed,
            respiration=respiration,
            wheezes=wheezes,
            lung_quality=verdict,
        )
        if report:
            from foreknow.lung.report_page import write_recording_report  # noqa: PLC0415  (libraries for pictures load slowly)

            write_recording_report(result, staging)
        result.write_tables(staging)
    if not report:
        (folder / REPORT).unlink(missing_ok=True)  # that of an earlier run shows other results
    unwanted = {*(WHEEZE_FILES if wheezes is None else ()), *(() if settings.nuisance else (NUISANCE,))}
    for stale in OPTIONAL_FILES:
        if stale in unwanted:
            (folder / stale).unlink(missing_ok=True)
    return result


def _write_parts(
    reader: AudioReader, stream: PartStream, folder: Path, progress: Progress | None
) -> tuple[SignalQuality, LungQuality]:
    encoding, rate = encoding_of_parts(reader.info.encoding), reader.rate
    meter, lung_meter = SignalMeter(rate), LungMeter(rate)
    with ExitStack() as stack:
        names = [f"{name}.wav" for name in stream.names] + [BREATH]
        files = [stack.enter_context(AudioWriter(folder / name, rate, encoding=encoding)) for name in names]

        def write(piece: Parts) -> None:
            left = piece.recording
            for file, part in zip(files, piece.parts.values(), strict=False):
                stored, left = store_parts(left, part, encoding)
                file.write(stored)
            files[-1].write(left)
            if progress is not None:
                progress(files[-1].frames / rate)

        for block in reader.blocks(_BLOCK):
            meter.update(block)
            lung_meter.update(block)
            write(stream.push(block))
        write(stream.finish())
    quality = meter.result()
    return quality, lung_meter.result(quality)


def _notices(reader: AudioReader, quality: SignalQuality, verdict: LungQuality, source: Path) -> tuple[str, ...]:
    """What was odd, for a user; without the folders that lead to the recording, whose names may identify a person."""
    path, name = display_name(source), display_name(source.name)
    notices = [sentence.replace(path, name) for sentence in reader.warnings]
    if quality.is_silent:
        notices.append("the recording is silent, so no crackles were counted; check the sensor and the chosen channel")
    elif verdict.is_poor:
        notices.append(
            f"the recording is too poor to rely on what was found: {' and '.join(verdict.reasons)}; listen, or record again"
        )
    return (*notices, *quality.warnings())


def _convergence(stream: PartStream) -> dict[str, Any]:
    """What the solvers report, that of wheezes with its name before."""
    found = _plain(getattr(stream.crackles.separator, "report", None))
    tones = {} if stream.wheezes is None else _plain(stream.wheezes.separator.report)
    return {**found, **{f"wheeze_{name}": value for name, value in tones.items()}}


def _formula(stream: PartStream) -> str:
    found = str(stream.crackles.separator.model)
    return found if stream.wheezes is None else f"{found}; then, of what is left: {stream.wheezes.separator.model}"


def _plain(report: object) -> dict[str, Any]:
    """What a separator reports about its solves, as a dictionary."""
    if is_dataclass(report) and not isinstance(report, type):
        return asdict(report)
    return dict(report) if isinstance(report, dict) else {}
