"""The page and the printed sheet that show one test."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from foreknow.files import write_text_atomic
from foreknow.report import Facts, Figure, Notice, Report, Section, Severity, Table, Text
from foreknow.swallow.pictures import INK, draw_others, draw_waveform, kind_name, new_figure, waveform_figure
from foreknow.swallow.results import EVENTS, PAGE, REPORT, RecordingResult, in_test
from foreknow.swallow.verdict import DISCLAIMER

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

_A4 = (8.27, 11.69)
_PRINTED = 16  # swallows in the table of the sheet


def write_reports(result: RecordingResult, folder: Path) -> None:
    """Write ``report.html`` and ``report.pdf`` into ``folder``."""
    write_text_atomic(folder / REPORT, count_report(result).render())
    metadata = {"CreationDate": None, "Title": "Repetitive saliva swallowing test", "Creator": f"foreknow {version('foreknow')}"}
    count_sheet(result).savefig(folder / PAGE, format="pdf", metadata=metadata)


def count_report(result: RecordingResult) -> Report:
    """The report of a test."""
    count, verdict = result.count, result.count.verdict
    report = Report("Repetitive saliva swallowing test", result.name, f"foreknow {version('foreknow')}")
    first = Section("Result")
    if not verdict.valid:
        first.add(Notice([f"{problem}." for problem in verdict.problems], Severity.ERROR, "Invalid test: do not use the count"))
    if result.notices:
        first.add(Notice(result.notices))
    tiles: dict[str, str | int | float | bool | None] = {
        f"swallows in {count.settings.seconds:g} s": verdict.count,
        f"cut-off {verdict.cutoff}": verdict.words(),
        "unsure": verdict.unsure,
    }
    first.add(Facts(tiles, tiles=True), Text(verdict.sentence(), strong=True), Text(DISCLAIMER))
    wave = Section(
        "Waveform",
        Figure(
            waveform_figure(count),
            "The larynx over time with a number at every swallow",
            "How far the larynx is up, as the network estimates it from the surface of the neck; numbers: swallows that count, "
            "with ? where the chance is below 0.8 or the larynx rose less than two thirds of its median (perhaps an aborted one); "
            "below: what was told from swallows.",
        ),
    )
    return report.add(first, wave, _swallows(result), _others(result), _making(result))


def _swallows(result: RecordingResult) -> Section:
    rows: list[list[str | int | float | bool | None]] = [
        [
            number,
            one.onset,
            one.peak,
            one.end,
            one.end - one.onset,
            one.amplitude,
            one.confidence,
            one.second,
            one.weak,
            in_test(one.peak, result.count),
        ]
        for number, one in enumerate(result.count.swallows, start=1)
    ]
    columns = [
        "number",
        "onset, s",
        "peak, s",
        "end, s",
        "duration, s",
        "lift, mm",
        "confidence",
        "second of a double",
        "weak",
        "in the test",
    ]
    formats = ["", ".2f", ".2f", ".2f", ".2f", ".1f", ".2f", "", "", ""]
    return Section("Swallows", Table(columns, rows, full=EVENTS, formats=formats))


def _others(result: RecordingResult) -> Section:
    rows: list[list[str | int | float | bool | None]] = [
        [kind_name(one.kind), one.onset, one.end, one.confidence] for one in result.count.others
    ]
    section = Section("Told from swallows, not counted")
    if not rows:
        return section.add(Text("Nothing else was found."))
    return section.add(Table(["what", "onset, s", "end, s", "confidence"], rows, full=EVENTS, formats=["", ".2f", ".2f", ".2f"]))


def _making(result: RecordingResult) -> Section:
    count, quality = result.count, result.count.quality
    facts: dict[str, str | int | float | bool | None] = {
        "seconds of the test that were recorded": quality.seconds,
        "share of the neck's front that was seen, %": 100 * quality.fill,
        "time without the neck, %": 100 * quality.lost,
        "largest movement of the neck, mm": quality.shift,
        "largest turn of the head, degrees": quality.turn,
        "noise of a pixel, mm": quality.noise,
        "distance of the camera, mm": count.region.larynx[2] if count.region else None,
        "frames a second": result.frames_per_second,
        "frames": count.delivery.frames,
        "frames that repeat the one before": count.delivery.repeated,
        "frames without the neck": count.delivery.empty,
        "moments without a frame": count.delivery.missed,
        "mouth floor seen": bool(count.region and count.region.chin_found),
        "seconds of computing": result.seconds,
        "network trained with": f"foreknow {result.model.description.foreknow}",
        **{f"setting {name}": value for name, value in asdict(count.settings).items()},
    }
    return Section(
        "How it was made",
        Facts(facts),
        Text("Model: deformation of the neck = swallow courses x sparse activations + others x sparse activations + smooth part."),
        Text("The network learned from simulated necks alone; how it does on real patients has not been measured."),
    )


def count_sheet(result: RecordingResult) -> MatplotlibFigure:
    """One page to print."""
    count, verdict, quality = result.count, result.count.verdict, result.count.quality
    figure = new_figure(*_A4)
    figure.set_layout_engine("none")
    figure.text(0.08, 0.955, "Repetitive saliva swallowing test", fontsize=18, color=INK, weight="bold")
    figure.text(0.08, 0.932, f"{result.name} · foreknow {version('foreknow')} · from depth video", fontsize=9, color="#5b6875")
    figure.text(0.08, 0.86, str(verdict.count), fontsize=44, color=INK, weight="bold")
    figure.text(0.20, 0.888, f"swallows in {count.settings.seconds:g} s", fontsize=13, color=INK)
    figure.text(0.20, 0.864, verdict.words(), fontsize=13, color="#b42318" if verdict.suspect is not False else INK, weight="bold")
    lines = [*(f"{problem}." for problem in verdict.problems), *result.notices][:4]
    for place, line in enumerate(lines):
        figure.text(0.08, 0.835 - 0.016 * place, line[:125], fontsize=8, color="#b42318")
    height = 0.255 - 0.016 * len(lines)
    draw_waveform(axes := figure.add_axes((0.10, 0.565, 0.84, height)), count)
    axes.tick_params(labelbottom=False)
    draw_others(figure.add_axes((0.10, 0.515, 0.84, 0.025), sharex=axes), count)
    _sheet_table(figure, result)
    facts = (
        f"neck seen {100 * quality.fill:.0f} %, lost {100 * quality.lost:.0f} % of the time; neck moved {quality.shift:.0f} mm and "
        f"turned {quality.turn:.0f} degrees; noise {quality.noise:.1f} mm a pixel; {count.delivery.frames} frames, "
        f"{count.delivery.repeated} repeated, {count.delivery.missed} missing"
    )
    figure.text(0.08, 0.085, facts, fontsize=7.5, color="#5b6875")
    figure.text(
        0.08,
        0.065,
        "Numbers with ?: chance below 0.8, or far less lift than the others. The waveform is a network's estimate.",
        fontsize=7.5,
        color="#5b6875",
    )
    figure.text(0.08, 0.045, DISCLAIMER, fontsize=8, color=INK)
    return figure


def _sheet_table(figure: MatplotlibFigure, result: RecordingResult) -> None:
    inside = [one for one in result.count.swallows if in_test(one.peak, result.count)]
    if not inside:
        figure.text(0.08, 0.40, "No swallow was counted.", fontsize=10, color=INK)
        return
    axes = figure.add_axes((0.08, 0.11, 0.86, 0.34))
    axes.axis("off")
    rows = [
        [
            str(place),
            f"{one.onset:.2f}",
            f"{one.peak:.2f}",
            f"{one.end - one.onset:.2f}",
            f"{one.amplitude:.0f}",
            f"{one.confidence:.2f}",
        ]
        for place, one in enumerate(inside[:_PRINTED], start=1)
    ]
    columns = ["swallow", "onset, s", "peak, s", "duration, s", "lift, mm", "confidence"]
    table = axes.table(cellText=rows, colLabels=columns, loc="upper left", cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.25)
    for cell in (table[0, place] for place in range(len(columns))):
        cell.get_text().set_horizontalalignment("right")
        cell.get_text().set_fontweight("bold")
