"""The page that shows one separated recording: numbers, sound, pictures, every crackle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from foreknow.files import display_name, open_audio, write_text_atomic
from foreknow.lung.breath_table import count_by_breath
from foreknow.lung.crackle_model import settings_as_json
from foreknow.lung.events import Crackle
from foreknow.lung.respiration import RELIABLE
from foreknow.lung.results import BREATH, CRACKLES, EVENTS, FUNDAMENTALS, NUISANCE, REPORT, WHEEZES, RecordingResult
from foreknow.lung.wheeze_table import count_wheezes
from foreknow.report import Audio, Block, Facts, Figure, Listen, Notice, Report, Section, Table, Text
from foreknow.report.sound import Mark, Track, close_figure, sound_figure

_WHOLE = 120.0  # recordings up to this many seconds are shown whole
_EXCERPT = 60.0
_CLOSE = 8
_PHASES = ("inspiration", "expiration")
_LISTENING_RMS = 0.1


@dataclass(frozen=True)
class Truth:
    """What is known of a simulated recording.

    Attributes:
        events: the true crackles.
        crackles: the true crackle part, (n,).
    """

    events: tuple[Crackle, ...]
    crackles: Tensor = field(repr=False)


@dataclass(frozen=True)
class _Excerpt:
    start: float
    end: float
    recording: Tensor
    crackles: Tensor
    breath: Tensor
    wheezes: Tensor | None
    nuisance: Tensor | None

    def holds(self, crackle: Crackle) -> bool:
        return self.start <= crackle.onset < self.end


def write_recording_report(result: RecordingResult, folder: Path) -> None:
    """Write ``report.html`` into ``folder``, which holds the parts of the recording."""
    write_text_atomic(folder / REPORT, recording_report(result, folder).render())


def recording_report(result: RecordingResult, folder: Path, truth: Truth | None = None, first: Sequence[Section] = ()) -> Report:
    """The report of a separated recording.

    Args:
        result: what is known of it.
        folder: where its parts are.
        truth: shown beside what was found, if it is known.
        first: sections to put before all others.
    """
    excerpt = _read_excerpt(result, folder)
    report = Report("Crackles in a lung sound", display_name(result.source.name), f"foreknow {result.version}")
    report.add(*first, _numbers(result), _breathing(result), _sounds(result, excerpt, truth), _pictures(result, excerpt, truth))
    close = _close_look(result, excerpt)
    if close is not None:
        report.add(close)
    report.add(_table(result))
    if result.wheezes is not None:
        report.add(_wheezes(result))
    return report.add(_making(result))


def _numbers(result: RecordingResult) -> Section:
    section = Section("Result")
    if result.notices:
        section.add(Notice(result.notices))
    section.add(
        Facts(
            {
                "crackles": len(result.crackles),
                "per minute": round(result.per_minute, 1),
                "fine": result.count("fine"),
                "coarse": result.count("coarse"),
                "median 2CD, ms": result.median_milliseconds("two_cycle_duration"),
                "median IDW, ms": result.median_milliseconds("initial_deflection_width"),
            },
            tiles=True,
        )
    )
    if result.seconds > _WHOLE:
        section.add(_course(result))
    return section


def _breathing(result: RecordingResult) -> Section:
    """Crackles by breath and phase, or why they cannot be told."""
    found = count_by_breath(result.crackles, result.respiration)
    share = f"Breaths explain {100 * result.respiration.reliability:.0f} % of the variance of loudness"
    if not result.respiration.is_reliable:
        why = f"{share}; at least {100 * RELIABLE:.0f} % are needed, so crackles are not counted by breath or phase."
        return Section("Breathing", Text(why))
    facts = Facts(
        {
            "breaths": found["breaths"],
            "breaths per minute": found["breaths_per_minute"],
            "crackles per breath": found["crackles_per_breath"],
            **{f"{phase}, {third}": found[f"{phase}_{third}_crackles"] for phase in _PHASES for third in ("early", "mid", "late")},
        }
    )
    told = "Inspiration is taken to be the louder or brighter half of a breath; listen before relying on it."
    return Section("Breathing", facts, Text(f"{share}. {told}"))


def _course(result: RecordingResult) -> Table:
    """Crackles over the time of a long recording."""
    step = 60.0 * max(1, round(result.seconds / 60.0 / 30.0))
    rows: list[list[str | float | int]] = []
    start = 0.0
    while start < result.seconds:
        end = min(start + step, result.seconds)
        count = sum(start <= crackle.onset < end for crackle in result.crackles)
        rows.append([f"{start / 60:.0f} to {end / 60:.1f}", count, round(60 * count / (end - start), 1)])
        start = end
    return Table(["minutes", "crackles", "per minute"], rows, caption="Over the time of the recording")


def _sounds(result: RecordingResult, excerpt: _Excerpt, truth: Truth | None) -> Section:
    rms = float(excerpt.breath.square().mean().sqrt())
    gain = min(100.0, max(1.0, _LISTENING_RMS / rms)) if rms else 1.0
    section = Section("Listen")
    if excerpt.end - excerpt.start < result.seconds - 1e-6:
        section.add(Text(f"Sound and pictures show the minute with the most crackles: {_span(excerpt)} of {result.seconds:.0f} s."))
    sounds = [("recording", excerpt.recording, ""), ("crackles", excerpt.crackles, CRACKLES), ("breath", excerpt.breath, BREATH)]
    if excerpt.wheezes is not None:
        sounds.insert(2, ("wheezes", excerpt.wheezes, WHEEZES))
    if excerpt.nuisance is not None:
        sounds.append(("nuisance", excerpt.nuisance, NUISANCE))
    if truth is not None:
        sounds.insert(2, ("crackles, truth", _cut(truth.crackles, result.rate, excerpt), ""))
    marks = [*_marks(result.crackles, excerpt, ""), *([] if excerpt.wheezes is None else _wheeze_marks(result, excerpt))]
    players = [Audio(samples, result.rate, label, gain, full) for label, samples, full in sounds]
    told = (
        "Wheel or + and - zoom, dragging moves, a click plays from there, N goes to the next mark. Triangles and shades mark what "
        "was found; time counts from the start of what is shown."
    )
    return section.add(Listen(players, sorted(marks, key=lambda mark: mark.start), result.working_rate / 2, told))


def _pictures(result: RecordingResult, excerpt: _Excerpt, truth: Truth | None) -> Section:
    found = _marks(result.crackles, excerpt, "found, " if truth else "")
    tracks = [Track("recording", excerpt.recording), Track("crackles", excerpt.crackles, found), Track("breath", excerpt.breath)]
    if excerpt.wheezes is not None:
        tracks.insert(2, Track("wheezes", excerpt.wheezes, _wheeze_marks(result, excerpt)))
    if excerpt.nuisance is not None:
        tracks.append(Track("nuisance", excerpt.nuisance))
    if truth is not None:
        marks = _marks(truth.events, excerpt, "true, ")
        tracks.insert(2, Track("crackles, truth", _cut(truth.crackles, result.rate, excerpt), marks))
    picture = Figure(
        sound_figure(tracks, result.rate, highest=result.working_rate / 2),
        alt=f"Waveform and spectrogram of the recording, its crackles and its breath sound, {_span(excerpt)}",
        caption=f"Waveform above spectrogram, {_span(excerpt)}; time counts from its start. Triangles mark crackles.",
    )
    return Section("See", picture)


def _close_look(result: RecordingResult, excerpt: _Excerpt) -> Section | None:
    shown = sorted((c for c in result.crackles if excerpt.holds(c)), key=lambda crackle: -crackle.level_db)[:_CLOSE]
    if not shown:
        return None
    centres = sorted(crackle.peak - excerpt.start for crackle in shown)
    tracks = [Track("recording", excerpt.recording), Track("crackles", excerpt.crackles)]
    picture = Figure(
        close_figure(tracks, result.rate, centres),
        alt="Single crackles in the recording and in the crackle part",
        caption=f"The {len(shown)} crackles that stand out most from the breath sound around them.",
    )
    return Section("Single crackles", picture)


def _table(result: RecordingResult) -> Section:
    rows = [
        [
            round(crackle.onset, 4),
            crackle.kind,
            1000 * crackle.initial_deflection_width,
            1000 * crackle.two_cycle_duration,
            1000 * crackle.largest_deflection_width,
            crackle.level_db,
            "up" if crackle.polarity > 0 else "down",
        ]
        for crackle in result.crackles
    ]
    columns = ["onset, s", "kind", "IDW, ms", "2CD, ms", "LDW, ms", "level, dB", "first deflection"]
    text = Text(
        "IDW: width of the initial deflection. 2CD: duration of the first two cycles. LDW: width of the largest deflection. Level: "
        "largest deflection over the RMS of the breath sound around it."
    )
    return Section("Every crackle", Table(columns, rows, limit=100, full=EVENTS), text)


def _wheezes(result: RecordingResult) -> Section:
    count = count_wheezes(result.wheezes, result.respiration, result.seconds)
    rows: list[list[str | float | int]] = [
        [round(w.onset, 3), round(w.duration, 3), w.kind, w.fundamental, w.hertz[0], w.hertz[-1], w.harmonics, w.voices, w.level_db]
        for w in result.wheezes or ()
    ]
    columns = ["onset, s", "duration, s", "kind", "fundamental, Hz", "first, Hz", "last, Hz", "harmonics", "voices", "level, dB"]
    text = Text("Level: wheeze part over breath part while it lasts. Voices: fundamentals at once; more than one is polyphonic.")
    facts = Facts({name.replace("_", " "): value for name, value in count.items()})
    return Section("Wheezes, rhonchi, stridor", facts, Table(columns, rows, limit=100, full=FUNDAMENTALS), text)


def _making(result: RecordingResult) -> Section:
    facts: dict[str, str | int | float | bool | None] = {
        "recording": f"{result.seconds:.2f} s at {result.rate} Hz, {result.encoding}",
        "crackles sought at": f"{result.working_rate} Hz, so below {result.working_rate // 2} Hz",
        "clipped samples": f"{100 * result.quality.clipped_fraction:.2g} %",
        "digital silence": f"{100 * result.quality.silent_fraction:.2g} %",
        **{
            f"setting {name}": str(value) if isinstance(value, dict) else value
            for name, value in settings_as_json(result.settings).items()
        },
        **{name: value for name, value in result.convergence.items() if isinstance(value, (int, float, str))},
    }
    others = [*([] if result.wheezes is None else [WHEEZES]), *([NUISANCE] if result.settings.nuisance else [])]
    parts = " + ".join([CRACKLES, *others, BREATH])
    blocks: list[Block] = [Facts(facts)]
    if result.formula:
        blocks.append(Text(f"Model: {result.formula}"))
    blocks.append(Text(f"The recording is the sum of its parts: {parts} give it back."))
    return Section("How it was made", *blocks)


def _read_excerpt(result: RecordingResult, folder: Path) -> _Excerpt:
    start, end = 0.0, result.seconds
    if result.seconds > _WHOLE:
        start = _densest(result.crackles, result.seconds)
        end = start + _EXCERPT
    crackles, breath = (_read(folder / name, start, end) for name in (CRACKLES, BREATH))
    wheezes = None if result.wheezes is None else _read(folder / WHEEZES, start, end)
    nuisance = _read(folder / NUISANCE, start, end) if result.settings.nuisance else None
    recording = crackles + breath
    for part in (wheezes, nuisance):
        recording = recording if part is None else recording + part
    return _Excerpt(start, end, recording, crackles, breath, wheezes, nuisance)


def _densest(crackles: Sequence[Crackle], seconds: float) -> float:
    """Start of the excerpt with the most crackles, seconds; the first if there are several."""
    onsets = [crackle.onset for crackle in crackles]
    starts = [10.0 * index for index in range(int((seconds - _EXCERPT) // 10.0) + 1)]
    counts = torch.zeros(len(starts), dtype=torch.long)
    if onsets:
        times = torch.tensor(sorted(onsets), dtype=torch.float64)
        low = torch.tensor(starts, dtype=torch.float64)
        counts = torch.searchsorted(times, low + _EXCERPT) - torch.searchsorted(times, low)
    return starts[int(counts.argmax())]


def _read(path: Path, start: float, end: float) -> Tensor:
    """The samples of a sound file from ``start`` to ``end`` (seconds), (n,), without holding the others."""
    with open_audio(path) as reader:
        first, last, place, pieces = round(start * reader.rate), round(end * reader.rate), 0, []
        for block in reader.blocks(2**16):
            piece = block[max(0, first - place) : max(0, last - place)]
            if piece.shape[0]:
                pieces.append(piece)
            place += block.shape[0]
            if place >= last:
                break
    return torch.cat(pieces)


def _cut(samples: Tensor, rate: int, excerpt: _Excerpt) -> Tensor:
    first = round(excerpt.start * rate)
    return samples[first : first + excerpt.recording.shape[0]]


def _marks(crackles: Sequence[Crackle], excerpt: _Excerpt, prefix: str) -> list[Mark]:
    return [
        Mark(c.onset - excerpt.start, c.onset - excerpt.start + c.two_cycle_duration, f"{prefix}{c.kind}")
        for c in crackles
        if excerpt.holds(c)
    ]


def _wheeze_marks(result: RecordingResult, excerpt: _Excerpt) -> list[Mark]:
    inside = (w for w in result.wheezes or () if excerpt.start <= w.onset < excerpt.end)
    return [Mark(w.onset - excerpt.start, min(w.end, excerpt.end) - excerpt.start, w.kind) for w in inside]


def _span(excerpt: _Excerpt) -> str:
    return f"{excerpt.start:.0f} to {excerpt.end:.1f} s"
