"""``foreknow cytology``: stained smears."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.exits import exit_code_of_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed, check_output

app = typer.Typer(
    help="Cytology: find cells in stained smears without annotation, simulate smears with known truth.", no_args_is_help=True
)


@app.command()
def detect(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="Fields: PNG, JPEG, TIFF, OME-TIFF; or folders of them.", show_default=False),
    ],
    output: Output,
    pixel: Annotated[
        float | None, typer.Option("--pixel", metavar="UM", help="Side of a pixel, micrometres, where files do not tell it.")
    ] = None,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Pass over images that have results already.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html for each image.")] = True,
) -> None:
    """Find cells and nuclei, take the background away.

    FOLDER/NAME/ gets cells.tif and nuclei.tif (labels), mask.png, debris.png, without_background.png, background.png, cells.csv
    (measurements), cells.geojson (QuPath), cells.roi.zip (ImageJ), cells.png (single cells), overlay.png, summary.json and
    report.html; with several images also FOLDER/summary.csv. Nothing is to be tuned: thresholds follow from the noise of the
    background. A screening aid and a means of research, not a diagnosis.
    """
    from foreknow.cli.show import console, progress_bar, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("cytology")
    from foreknow.cytology.batch import DetectOptions, detect_many  # noqa: PLC0415
    from foreknow.cytology.inputs import find_images  # noqa: PLC0415

    _check_pixel(pixel)
    count = len(find_images(images, output))
    check_output(output)
    options = DetectOptions(pixel_um=pixel, overwrite=overwrite, report=report, resume=resume)
    with progress_bar() as bar:
        task = bar.add_task("cells", total=count, unit="images")
        batch = detect_many(images, output, options, lambda name: bar.update(task, advance=1, description=name))
    columns = {"image": "left", "cells": "right", "nuclei": "right", "covered, %": "right", "debris": "right", "seconds": "right"}
    rows = [
        [one["name"], one["cells"], one["nuclei"], 100 * float(one["covered"]), one["debris"], one["seconds"]]
        for one in batch.summaries
    ]
    screen = console()
    if rows:
        screen.print(table(columns, rows))
        hint = " (open report.html there)" if report else ""
        screen.print(f"Results: {display_name(output)}{hint}", markup=False)
    for one in batch.summaries:
        for notice in one["notices"]:
            say_error(f"{one['name']}: {notice}")
    for failure in batch.failures:
        say_error(failure.message)
    code = exit_code_of_batch(len(batch.failures), bad_input=all(failure.is_input for failure in batch.failures))
    if code:
        raise typer.Exit(code)


def _check_pixel(pixel: float | None) -> None:
    from foreknow.errors import ParameterError  # noqa: PLC0415

    if pixel is not None and not 0.02 <= pixel <= 10:
        message = f"--pixel is the side of a pixel in micrometres, 0.02 to 10, not {pixel:g}"
        raise ParameterError(message)


@app.command()
def simulate(
    output: Output,
    images: Annotated[int, typer.Option("--images", help="Images to draw.")] = 4,
    size: Annotated[
        tuple[int, int], typer.Option("--size", metavar="HEIGHT WIDTH", help="Pixels of an image; 64 to 4096 a side.")
    ] = (512, 512),
    pixel: Annotated[float, typer.Option("--pixel", metavar="UM", help="Side of a pixel, micrometres; 0.1 to 2.")] = 0.5,
    cells: Annotated[int, typer.Option("--cells", help="Squamous cells in an image.")] = 24,
    clumping: Annotated[float, typer.Option("--clumping", help="Probability that a cell joins a clump, 0 to 1.")] = 0.45,
    overlap: Annotated[float, typer.Option("--overlap", help="Overlap in clumps, 0 touching to 1 on top.")] = 0.25,
    grey: Annotated[bool, typer.Option("--grey", help="Write grey images.")] = False,
    deteriorate: Annotated[
        bool, typer.Option("--deteriorate", help="Also write each image with cast, uneven light, dust, scratches and noise.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="DIR", help="Folder of real images: write comparison.png beside the others.")
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw Papanicolaou-stained smears whose cells are known.

    FOLDER gets for each image smear_NNN.png and its truth (cells, labels, nuclei, region, amounts of dyes, background), cells.csv,
    overview.png and simulation.json.
    """
    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("cytology")
    from foreknow.cytology.simulate import DeteriorationSettings, SmearSettings  # noqa: PLC0415
    from foreknow.cytology.simulation_comparison import compare_to_file, read_images  # noqa: PLC0415
    from foreknow.cytology.simulation_files import simulate_to_folder  # noqa: PLC0415

    settings = SmearSettings(height=size[0], width=size[1], pixel=pixel, cells=cells, clumping=clumping, overlap=overlap)
    real = read_images(compare) if compare else []
    worse = DeteriorationSettings() if deteriorate else None
    smears = simulate_to_folder(output, settings, seed, images=images, grey=grey, worse=worse, overwrite=overwrite)
    if real:
        compare_to_file(output / "comparison.png", real, settings, seed, grey=grey)
    count = sum(len(smear.measurements) for smear in smears)
    console().print(
        f"{display_name(output)}: {images} images of {size[0]} x {size[1]} with {count} cells; open overview.png", markup=False
    )
