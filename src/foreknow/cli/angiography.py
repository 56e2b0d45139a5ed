"""``foreknow angiography``: X-ray angiography."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed

app = typer.Typer(help="X-ray angiography: simulate coronary runs with known truth.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


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
    from foreknow.errors import ParameterError  # noqa: PLC0415

    if pixels.upper() not in set(Relationship):
        message = f"--pixels is lin, log or disp, not {pixels!r}"
        raise ParameterError(message)
    relationship = Relationship(pixels.upper())
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
