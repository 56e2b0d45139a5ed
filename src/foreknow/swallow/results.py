"""What was counted, as files: events, waveform, summary, report, one page to print."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from foreknow.files import write_json_atomic
from foreknow.files.depth import DepthVideo, write_depth
from foreknow.files.summary import SUMMARY
from foreknow.files.table import csv_text
from foreknow.swallow.counting import CountResult
from foreknow.swallow.model import CountingModel
from foreknow.swallow.pictures import waveform_figure
from foreknow.swallow.verdict import DISCLAIMER

EVENTS, WAVEFORM, PICTURE, REPORT, PAGE, DEPTH = (
    "events.csv",
    "waveform.csv",
    "waveform.png",
    "report.html",
    "report.pdf",
    "neck.npz",
)
TOOL = "foreknow swallow count"
_EVENT_COLUMNS = ("onset_s", "peak_s", "end_s", "kind", "counted", "in_test", "double", "weak", "lift_mm", "confidence")
_DOTS = 130


@dataclass(frozen=True)
class RecordingResult:
    """One recording that was counted.

    Attributes:
        name: of the results; nothing of the file's name.
        count: what was found.
        notices: sentences that the user should read.
        frames_per_second: of the recording.
        model: that looked at it.
        seconds: of computing.
        neck: depth of the neck's region, where it was asked for.
    """

    name: str
    count: CountResult
    notices: tuple[str, ...]
    frames_per_second: float | None
    model: CountingModel = field(repr=False)
    seconds: float
    neck: DepthVideo | None = field(default=None, repr=False)

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``: numbers, strings and None only."""
        count, quality = self.count, self.count.quality
        inside = [one for one in count.swallows if in_test(one.peak, count)]
        gaps = [later.peak - earlier.peak for earlier, later in pairwise(inside)]
        return {
            "tool": TOOL,
            "version": version("foreknow"),
            "disclaimer": DISCLAIMER,
            "name": self.name,
            "result": count.verdict.sentence(),
            "valid": count.verdict.valid,
            "problems": list(count.verdict.problems),
            "swallows_in_test": count.verdict.count,
            "swallows_in_recording": len(count.swallows),
            "unsure": count.verdict.unsure,
            "cutoff": count.verdict.cutoff,
            "suspect": count.verdict.suspect,
            "first_peak_s": _rounded(inside[0].peak if inside else None),
            "mean_gap_s": _rounded(sum(gaps) / len(gaps) if gaps else None),
            "mean_lift_mm": _rounded(sum(one.amplitude for one in inside) / len(inside) if inside else None),
            "others": {
                kind: sum(one.kind.value == kind for one in count.others) for kind in sorted({o.kind for o in count.others})
            },
            "quality": {name: _rounded(value) for name, value in asdict(quality).items()},
            "delivery": asdict(count.delivery),
            "frames_per_second": _rounded(self.frames_per_second),
            "distance_mm": _rounded(count.region.larynx[2] if count.region else None),
            "notices": list(self.notices),
            "computing_seconds": _rounded(self.seconds),
            "model": {"trained_with": self.model.description.foreknow, "data": self.model.description.data},
            "settings": asdict(count.settings),
        }

    def write(self, folder: Path) -> None:
        """Write all files but the report into ``folder``, the summary last."""
        (folder / EVENTS).write_text(events_csv(self.count), encoding="utf-8", newline="")
        (folder / WAVEFORM).write_text(waveform_csv(self.count), encoding="utf-8", newline="")
        waveform_figure(self.count).savefig(folder / PICTURE, dpi=_DOTS, metadata={"Software": None})
        if self.neck is not None:
            write_depth(folder / DEPTH, self.neck)
        write_json_atomic(folder / SUMMARY, self.summary())


def in_test(peak: float, count: CountResult) -> bool:
    """Whether a moment lies in the test."""
    return count.settings.start <= peak <= count.settings.start + count.settings.seconds


def events_csv(count: CountResult) -> str:
    """Swallows and what was told from them, in order of onset."""
    rows: list[tuple[float, list[object]]] = []
    for one in count.swallows:
        cells = (one.onset, one.peak, one.end)
        inside = in_test(one.peak, count)
        marks = [int(inside), int(one.second), int(one.weak)]
        values: list[object] = ["swallow", 1, *marks, f"{one.amplitude:.2f}", f"{one.confidence:.3f}"]
        rows.append((one.onset, [*(f"{cell:.3f}" for cell in cells), *values]))
    for other in count.others:
        values = [other.kind.value, 0, int(in_test(other.onset, count)), 0, 0, None, f"{other.confidence:.3f}"]
        rows.append((other.onset, [f"{other.onset:.3f}", None, f"{other.end:.3f}", *values]))
    return csv_text(_EVENT_COLUMNS, [row for _, row in sorted(rows, key=lambda row: row[0])])


def waveform_csv(count: CountResult) -> str:
    """The waveform at even times."""
    rows = zip(count.seconds.tolist(), count.lift.tolist(), count.chance.tolist(), strict=True)
    return csv_text(
        ("seconds", "lift_mm", "chance"), ([f"{time:.4f}", f"{lift:.3f}", f"{chance:.4f}"] for time, lift, chance in rows)
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None or not abs(value) < float("inf") else float(f"{value:.5g}")
