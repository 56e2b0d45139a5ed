"""``foreknow swallow live``: the test before a camera, in a terminal."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foreknow.cli.exits import say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Overwrite, check_output
from foreknow.cli.swallow_count import Cutoff, Model, Seconds

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from foreknow.swallow.live import LiveState

_BARS = " ▁▂▃▄▅▆▇█"
_ROWS, _TOP_MM = 6, 26.0
_VIEWS = 10  # a second
_WIDTH = 82  # characters
_INK = str.maketrans({"#": "██", ".": "  "})
_DIGITS = (
    "### #.# #.# #.# ###", ".#. ##. .#. .#. ###", "### ..# ### #.. ###", "### ..# ### ..# ###", "#.# #.# ### ..# ..#",
    "### #.. ### ..# ###", "### #.. ### #.# ###", "### ..# ..# ..# ..#", "### #.# ### #.# ###", "### #.# ### ..# ###",
)  # fmt: skip


def live(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results; none are kept without it.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="REC", help="Play a recording at its own pace in place of the camera.")
    ] = None,
    countdown: Annotated[float, typer.Option("--countdown", metavar="S", min=0.0, help="From the neck's being found.")] = 3.0,
    seconds: Seconds = 30.0,
    cutoff: Cutoff = 3,
    focal: Annotated[
        float | None, typer.Option("--focal", metavar="PX", help="Focal length of the replayed recording, where it does not say.")
    ] = None,
    beep: Annotated[bool, typer.Option("--beep/--no-beep", help="Ring the terminal's bell at every swallow.")] = True,
    model: Model = None,
    overwrite: Overwrite = False,
) -> None:
    """Run the repetitive saliva swallowing test before a RealSense depth camera: countdown, waveform, count.

    The neck is found by itself; it should be seen from 0.35 to 0.7 m, the chin a little up. Each swallow is announced within half a
    second of its peak, and settled when its whole course was seen: the count may be put right then. Nothing is kept without -o, and
    no picture with it. A screening aid, not a diagnosis.
    """
    from rich.live import Live  # noqa: PLC0415

    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.files.summary import read_summary, require_no_results  # noqa: PLC0415

    require_extra("swallow")
    from foreknow.files.depth.realsense_camera import RealSensePipeline  # noqa: PLC0415
    from foreknow.swallow.batch import ReadingSettings, open_recording  # noqa: PLC0415
    from foreknow.swallow.live import Frames, LiveTest, Paced, frames_of  # noqa: PLC0415
    from foreknow.swallow.live_results import write_live_results  # noqa: PLC0415
    from foreknow.swallow.model import load_model  # noqa: PLC0415
    from foreknow.swallow.results import TOOL  # noqa: PLC0415
    from foreknow.swallow.settings import CountSettings  # noqa: PLC0415

    settings = CountSettings(seconds=seconds, cutoff=cutoff)
    chosen = load_model(model)
    if output is not None:
        check_output(output)
        if not overwrite:
            require_no_results([output / "test-001"], lambda place: read_summary(place, TOOL))
    screen = console()
    with ExitStack() as stack:
        source: Frames
        if replay is not None:
            video = open_recording(replay, ReadingSettings(focal=focal), "the recording")
            assert video.intrinsics is not None  # noqa: S101  (or it would not have been opened)
            camera, source = video.intrinsics, frames_of(video)
        else:
            pipeline = stack.enter_context(RealSensePipeline())
            camera, source = pipeline.intrinsics, pipeline
        test, frames = LiveTest(camera, chosen, settings, countdown), Paced(source, wait=replay is not None)
        view = stack.enter_context(Live(console=screen, refresh_per_second=_VIEWS, transient=True))
        for state in test.run(frames, lambda: frames.dropped):
            view.update(_view(state))
            if beep and state.found and screen.is_terminal:
                screen.bell()
        if beep and screen.is_terminal:
            screen.bell()
        result = test.result()
    screen.print(result.verdict.sentence(), markup=False)
    screen.print("A screening aid, not a diagnosis.", markup=False)
    if frames.dropped:
        say_error(f"{frames.dropped} frames were lost because this computer was too slow")
    if output is not None:
        write_live_results(result, chosen, output / "test-001")
        _say_where(screen, output)


def _say_where(screen: Console, output: Path) -> None:
    from foreknow.files import display_name  # noqa: PLC0415

    screen.print(f"Results: {display_name(output)} (open report.html there)", markup=False)


def _view(state: LiveState) -> RenderableType:
    """The screen while a test runs."""
    from rich.console import Group  # noqa: PLC0415
    from rich.panel import Panel  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    left = "" if state.left is None else f"{state.left:4.0f} s"
    head = Text(f"{state.phase.value}   {left}", style="bold")
    count = Text("\n".join(big_number(state.count)), style="bold")
    count.append("  swallows")
    wave = Text("\n".join(waveform_rows(state.lift)), style="cyan")
    axis = Text("-10 s" + "now".rjust(_WIDTH - 5), style="dim")
    distance = "–" if state.distance is None else f"{state.distance / 10:.0f} cm"
    quality = (
        f"distance {distance}   neck seen {100 * state.share:.0f} %   moved {state.shift:.0f} mm   {state.computing:.0f} ms a frame"
    )
    style = "red" if state.share < 0.5 or state.shift > 30 else "green"
    return Panel(Group(head, count, wave, axis, Text(quality, style=style)), title="saliva swallowing test", width=88)


def big_number(value: int) -> list[str]:
    """A number of 0 or more as five rows of block characters, to be read from some steps away."""
    return ["  ".join(_DIGITS[int(digit)].split()[row] for digit in str(value)).translate(_INK) for row in range(5)]


def waveform_rows(lift: tuple[float, ...], width: int = _WIDTH) -> list[str]:
    """The last ten seconds of the waveform as rows of block characters, the highest first."""
    values = list(lift[-300:])
    group = max(1, 300 // width)
    columns = [max(values[place : place + group]) for place in range(len(values) % group, len(values), group)][-width:]
    heights = [max(0.0, min(1.0, value / _TOP_MM)) * _ROWS * (len(_BARS) - 1) for value in columns]
    rows = []
    for row in range(_ROWS - 1, -1, -1):
        low = row * (len(_BARS) - 1)
        rows.append("".join(_BARS[max(0, min(len(_BARS) - 1, round(height - low)))] for height in heights).rjust(width))
    return rows
