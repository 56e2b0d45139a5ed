"""The page that shows one separated run: numbers, film, pictures, branches."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foreknow.angiography.pictures import encode_jpeg, encode_png, film_of, overlay
from foreknow.angiography.results import BRANCHES, CONTRAST, REPORT, RunResult
from foreknow.files import write_text_atomic
from foreknow.report import Facts, Figure, Notice, Picture, Report, Section, Slides, Table, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

_LARGEST_FILM = 12_000_000  # bytes that go into the page
_SHOWN = 8  # frames in the strip
_SLIDES = 60  # at most, evenly spaced
_SLIDE_SIDE = 512
_CURVES = 6


def write_run_report(result: RunResult, folder: Path) -> None:
    """Write ``report.html`` into ``folder``, which holds the other results."""
    write_text_atomic(folder / REPORT, run_report(result, folder).render())


def run_report(result: RunResult, folder: Path) -> Report:
    """The report of a separated run; it shows no name but that of the results."""
    summary = result.summary()
    report = Report("Vessels in an X-ray run", result.name, f"foreknow {summary['version']}")
    first = Section("Result")
    if result.notices:
        first.add(Notice(result.notices))
    first.add(
        Facts(
            {
                "frames": result.run.frames,
                "vessel share, %": 100 * result.vessel_share,
                "contrast to noise": summary["contrast_to_noise"],
                "branches": len(result.tree.branches),
                "tree length, px": round(result.tree.length),
            },
            tiles=True,
        ),
        Text("Contrast to noise is of the vessel layer on its own mask; it says nothing of vessels that were missed."),
    )
    return report.add(first, _slides(result), _film(folder), _frames(result), _tree(result), _making(result))


def _film(folder: Path) -> Section:
    section = Section("Film")
    film = film_of(folder)
    if film is None:
        return section.add(Text("There is no film."))
    path, kind = film
    content = path.read_bytes()
    if len(content) <= _LARGEST_FILM:
        alt = "The run, and beside it the run with its vessels in colour"
        return section.add(Picture(content, alt, "Left the run, right with the vessel layer in colour.", kind))
    return section.add(Text(f"The film of {len(content) / 1e6:.0f} MB is too large for this page; it is in {path.name}."))


def _slides(result: RunResult) -> Section:
    """Frame, frame with vessels, vessel layer, side by side; one window for all frames."""
    found, count = result.separation, result.run.frames
    chosen = np.unique(np.linspace(0, count - 1, min(_SLIDES, count)).round().astype(int)).tolist()
    step = max(1, -(-max(found.vessels.shape[1:]) // _SLIDE_SIDE))
    layer_window = result.layer_window()
    slides = []
    for frame in chosen:
        vessels, background = (layer[frame, ::step, ::step] for layer in (found.vessels, found.background))
        plain, layer = result.window.grey(vessels + background), layer_window.grey(vessels)
        marked = overlay(vessels + background, result.mask.shown_frame(frame)[::step, ::step], result.window)
        grey = [np.repeat(picture[..., None], 3, axis=-1) for picture in (plain, layer)]
        time = "" if result.run.seconds is None else f", {result.run.seconds[frame]:.2f} s"
        caption = f"frame {frame + 1} of {count}{time}"
        picture = encode_jpeg(np.concatenate((grey[0], marked, grey[1]), axis=1))
        slides.append(
            Picture(picture, f"Frame {frame + 1}, with its vessels in colour, and its vessel layer", caption, "image/jpeg")
        )
    text = "Slide or use the arrow keys. Left the frame, in the middle with vessels in colour, right the vessel layer."
    return Section("Frame by frame", Slides(slides, "Frames of the run, one after the other", text))


def _frames(result: RunResult) -> Section:
    found, count = result.separation, result.run.frames
    chosen = np.unique(np.linspace(0, count - 1, min(_SHOWN, count)).round().astype(int))
    step = max(1, round(max(found.vessels.shape[1:]) / 320))
    pictures = [
        overlay(result.attenuation(frame)[::step, ::step], result.mask.shown_frame(frame)[::step, ::step], result.window)
        for frame in chosen.tolist()
    ]
    half = -(-len(pictures) // 2)
    rows = [np.concatenate(pictures[start : start + half], axis=1) for start in (0, half) if pictures[start:]]
    width = max(row.shape[1] for row in rows)
    strip = np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
    numbers = ", ".join(str(frame + 1) for frame in chosen)
    return Section(
        "Frames",
        Picture(encode_png(strip), "Frames with their vessels in colour", f"Frames {numbers}; one window for all."),
        Picture(encode_png(result.opacity_picture()), "Maximum opacity", "Maximum opacity: the darkest that each pixel ever was."),
    )


def _tree(result: RunResult) -> Section:
    tree, seconds = result.tree, result.run.seconds
    rows = [
        [
            branch.number,
            branch.length,
            branch.width,
            float(branch.contrast.max()),
            branch.peak_frame + 1,
            None if seconds is None else float(seconds[branch.peak_frame]),
        ]
        for branch in tree.branches
    ]
    columns = ["branch", "length, px", "width, px", "peak attenuation", "peak frame", "peak, s"]
    section = Section(f"Tree of frame {tree.frame + 1}", Table(columns, rows, limit=30, full=BRANCHES))
    if rows:
        section.add(
            Figure(
                _curves(result),
                "Contrast of the longest branches over time",
                f"Contrast of the longest branches over time; all of them are in {CONTRAST}. Branches are found anew in each run.",
            )
        )
    return section


def _curves(result: RunResult) -> MatplotlibFigure:
    from matplotlib.figure import Figure as MatplotlibFigure  # noqa: PLC0415

    seconds = result.run.seconds
    time = np.arange(1, result.run.frames + 1) if seconds is None else seconds
    figure = MatplotlibFigure(figsize=(7.5, 2.8), layout="constrained")
    axes = figure.add_subplot()
    for branch in result.tree.branches[:_CURVES]:
        axes.plot(time, branch.contrast, linewidth=1, label=f"branch {branch.number}")
    axes.set(xlabel="frame" if seconds is None else "seconds", ylabel="attenuation", ylim=(0, None))
    axes.legend(fontsize=7, frameon=False, ncols=2)
    return figure


def _making(result: RunResult) -> Section:
    run, found = result.run, result.separation
    facts: dict[str, str | int | float | bool | None] = {
        "frames": f"{run.frames} of {run.width} x {run.height}, {run.kind}, {run.table.relationship.value}",
        "frames a second": run.rate,
        "noise of a pixel, attenuation": found.noise,
        "mask threshold, attenuation" if found.gate is None else "mask threshold, gate": result.mask.threshold,
        "movement of the whole picture, px": found.pan.reach,
        "directions of the background": found.directions,
        "mode": result.mode.value,
        "relative duality gap": found.certificate,
        "iterations": found.iterations,
        "seconds": result.seconds,
        **{f"setting {name}": value for name, value in asdict(result.settings).items()},
    }
    sum_text = "Attenuation is the sum of the two layers: vessels.tif + background.tif give the run back."
    return Section("How it was made", Facts(facts), Text(f"Model: {found.formula}"), Text(sum_text))
