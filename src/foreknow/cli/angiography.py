"""``foreknow angiography``: X-ray angiography."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from foreknow.cli.exits import exit_code_of_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed, check_output

if TYPE_CHECKING:
    from foreknow.angiography.simulate import Relationship

app = typer.Typer(
    help="X-ray angiography: separate vessels from moving backgrounds, simulate coronary runs with known truth.",
    no_args_is_help=True,
)


@app.command()
def enhance(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Runs: multi-frame DICOM, TIFF, or a folder of pictures; or folders of DICOM runs.",
            show_default=False,
        ),
    ],
    output: Output,
    pixels: Annotated[
        str, typer.Option("--pixels", help="How values follow from exposure: lin, log or disp; auto takes what the file says.")
    ] = "auto",
    overwrite: Overwrite = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html for each run.")] = True,
) -> None:
    """Separate contrast-filled vessels from the background that moves behind them.

    FOLDER/run-001/ and so on, in the order given, get the layers vessels.tif and background.tif (they sum to the run's
    attenuation), soft_mask.tif, mask.tif, maximum_opacity.tif; vessels.dcm, background.dcm and mask.dcm (multi-frame Secondary
    Capture); overlay.png and overlay.gif, branches.csv, contrast.csv, summary.json and report.html; with several runs also
    FOLDER/summary.csv. Nothing of a file's name or header is written or shown. A means of research, not a diagnosis.
    """
    from foreknow.cli.show import console, progress_bar, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("angiography")
    from foreknow.angiography.batch import enhance_many  # noqa: PLC0415
    from foreknow.angiography.inputs import find_runs  # noqa: PLC0415

    relationship = None if pixels.lower() == "auto" else _relationship(pixels)
    inputs = find_runs(runs, output)
    check_output(output)
    with progress_bar() as bar:
        task = bar.add_task("starting", total=len(inputs), unit="runs")
        place = {source.name: index for index, source in enumerate(inputs)}
        batch = enhance_many(
            runs,
            output,
            relationship=relationship,
            overwrite=overwrite,
            report=report,
            progress=lambda name, share: bar.update(task, completed=place[name] + share, description=name),
            finished=lambda name: bar.update(task, completed=place[name] + 1, description=name),
        )
    columns = {"run": "left", "frames": "right", "vessels, %": "right", "CNR": "right", "branches": "right", "seconds": "right"}
    rows = [
        [one["name"], one["frames"], _percent(one["vessel_share"]), one["contrast_to_noise"], one["branches"], one["seconds"]]
        for one in batch.summaries
    ]
    screen = console()
    if rows:
        screen.print(table(columns, rows))
        hint = " (open report.html there)" if report else ""
        screen.print(f"Results: {display_name(output)}{hint}", markup=False)
    for one in batch.summaries:
        for notice in cast("list[str]", one["notices"]):
            say_error(f"{one['name']}: {notice}")
    for failure in batch.failures:
        say_error(failure.message)
    code = exit_code_of_batch(len(batch.failures), bad_input=all(failure.is_input for failure in batch.failures))
    if code:
        raise typer.Exit(code)


def _percent(share: object) -> float | None:
    return 100 * share if isinstance(share, float) else None


def _relationship(pixels: str) -> "Relationship":
    from foreknow.angiography.simulate import Relationship  # noqa: PLC0415
    from foreknow.errors import ParameterError  # noqa: PLC0415

    if pixels.upper() not in set(Relationship):
        message = f"--pixels is lin, log or disp, not {pixels!r}"
        raise ParameterError(message)
    return Relationship(pixels.upper())


@app.command()
def simulate(
    output: Output,
    frames: Annotated[int, typer.Option("--frames", help="Frames of the run.")] = 60,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Pixels of a side; 32 to 2048.")] = 512,
    rate: Annotated[float, typer.Option("--rate", metavar="HZ", help="Frames a second.")] = 15.0,
    artery: Annotated[str, typer.Option("--artery", help="left or right.")] = "left",
    angles: Annotated[
        tuple[float, float] | None,
        typer.Option("--angles", metavar="LAO CRAN", help="Projection, degrees (RAO and caudal negative); drawn if left out."),
    ] = None,
    pixels: Annotated[str, typer.Option("--pixels", help="Pixel values: lin, log or disp (processed, 8 bit).")] = "lin",
    contrast: Annotated[bool, typer.Option("--contrast/--no-contrast", help="Whether contrast agent is injected.")] = True,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="DIR", help="Folder of real frames: write comparison.png beside the run.")
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw a coronary angiography whose vessels are known.

    FOLDER gets run.dcm (multi-frame XA of an invented patient called SIMULATED), the layers vessels.tif, background.tif and
    absorption.tif, vessel_mask.tif, catheter_mask.tif, tree.npz, course.csv, overview.png and simulation.json.
    """
    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("angiography")
    from foreknow.angiography.simulate import DisplaySettings, Relationship, RunSettings, ViewSettings  # noqa: PLC0415
    from foreknow.angiography.simulation_comparison import compare_to_file, read_frames  # noqa: PLC0415
    from foreknow.angiography.simulation_files import simulate_to_folder  # noqa: PLC0415

    relationship = _relationship(pixels)
    display = DisplaySettings(relationship, bits=8 if relationship is Relationship.DISPLAY else 12)
    settings = RunSettings(
        frames=frames, size=size, rate=rate, artery=artery, contrast=contrast, view=ViewSettings(angles=angles), display=display
    )
    real = read_frames(compare) if compare else []
    run = simulate_to_folder(output, settings, seed, overwrite=overwrite)
    if real:
        compare_to_file(output / "comparison.png", real, settings, seed)
    console().print(
        f"{display_name(output)}: {frames} frames of {size} x {size}, {len(run.tree.level)} branches, projection "
        f"{run.view.angles[0]:.0f}/{run.view.angles[1]:.0f} degrees; open overview.png",
        markup=False,
    )
