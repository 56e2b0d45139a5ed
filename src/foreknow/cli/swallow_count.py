"""``foreknow swallow count``: swallows counted in recordings."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.exits import end_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, check_output

Seconds = Annotated[float, typer.Option("--seconds", metavar="S", help="Length of the test.")]
Cutoff = Annotated[int, typer.Option("--cutoff", help="Fewer swallows than this are suspect.")]
Model = Annotated[
    Path | None, typer.Option("--model", metavar="FOLDER", help="A network of your own (foreknow swallow train); the shipped one.")
]
StoreDepth = Annotated[
    bool, typer.Option("--store-depth", help="Keep the depth of the neck's region (neck.npz); by default no picture is kept.")
]


def count(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="REC...",
            help="Depth videos: .npz, .npy, .h5, RealSense .db3 or .bag, or folders of 16-bit PNG or TIFF images.",
            show_default=False,
        ),
    ],
    output: Output,
    start: Annotated[float, typer.Option("--start", metavar="S", help="When the test begins in the recording.")] = 0.0,
    seconds: Seconds = 30.0,
    cutoff: Cutoff = 3,
    unit: Annotated[
        float | None, typer.Option("--unit", metavar="M", help="Metres of a depth count, where the file does not say.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Frames a second, where the file does not say.")
    ] = None,
    focal: Annotated[
        float | None, typer.Option("--focal", metavar="PX", help="Focal length in pixels, where the file does not say.")
    ] = None,
    model: Model = None,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Move the larynx to where the model explains the recording best (no labels needed).")
    ] = False,
    store_depth: StoreDepth = False,
    overwrite: Overwrite = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html and report.pdf.")] = True,
) -> None:
    """Count the swallows of the repetitive saliva swallowing test in depth videos of the neck.

    FOLDER/test-001/ and so on, in the order given, get events.csv, waveform.csv, waveform.png, summary.json, report.html and
    report.pdf; several recordings also FOLDER/summary.csv. Nothing of a file's name is written. A test that cannot be judged is
    called invalid and says why. A screening aid, not a diagnosis.
    """
    from foreknow.cli.show import console, progress_bar, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("swallow")
    from foreknow.swallow.batch import ReadingSettings, count_many  # noqa: PLC0415
    from foreknow.swallow.model import load_model  # noqa: PLC0415
    from foreknow.swallow.settings import CountSettings  # noqa: PLC0415

    settings = CountSettings(start=start, seconds=seconds, cutoff=cutoff, adapt=adapt)
    check_output(output)
    chosen = load_model(model)
    with progress_bar() as bar:
        task = bar.add_task("counting", total=len(recordings), unit="recordings")
        batch = count_many(
            recordings,
            output,
            settings,
            reading=ReadingSettings(unit, rate, focal),
            model=chosen,
            overwrite=overwrite,
            report=report,
            store_depth=store_depth,
            progress=lambda place, share: bar.update(task, completed=place + share),
        )
    columns = {"test": "left", "swallows": "right", "unsure": "right", "result": "left", "seconds": "right"}
    rows = [
        [one["name"], one["swallows_in_test"], one["unsure"], _result(one), one["computing_seconds"]] for one in batch.summaries
    ]
    screen = console()
    if rows:
        screen.print(table(columns, rows))
        hint = " (open report.html there)" if report else ""
        screen.print(f"Results: {display_name(output)}{hint}. A screening aid, not a diagnosis.", markup=False)
    for one in batch.summaries:
        for notice in [*one["problems"], *one["notices"]]:
            say_error(f"{one['name']}: {notice}")
    end_batch(batch.failures)


def _result(summary: dict[str, object]) -> str:
    if not summary["valid"]:
        return "invalid test"
    return f"fewer than {summary['cutoff']}: suspect" if summary["suspect"] else f"{summary['cutoff']} or more"
