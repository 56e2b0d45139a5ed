"""``foreknow cytology``: stained smears."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foreknow.cli.exits import end_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed, check_output

if TYPE_CHECKING:
    from foreknow.cytology.finder import BackgroundFinder

app = typer.Typer(help="Cytology: cells and nuclei out of stained smears and whole slides.", no_args_is_help=True)


@app.command()
def detect(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="Fields (PNG, JPEG, TIFF), whole slides (SVS, NDPI, MRXS, DICOM), or folders.",
            show_default=False,
        ),
    ],
    output: Output,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Folder of a network that finds the background in one pass, or 'shipped'; the certified solver if left out.",
            show_default=False,
        ),
    ] = None,
    pixel: Annotated[
        float | None, typer.Option("--pixel", metavar="UM", help="Side of a pixel, micrometres, where files do not tell it.")
    ] = None,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Pass over images that have results already.")] = False,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Fields, or tiles of a slide, that are worked on at once, each by one CPU thread and, of a slide, about 1 GB.",
        ),
    ] = 1,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html for each image.")] = True,
) -> None:
    """Find cells and nuclei, take the background away.

    FOLDER/NAME/ gets cells.tif and nuclei.tif (labels), mask.png, debris.png, without_background.png, background.png, cells.csv
    and nuclei.csv (measurements), cells.geojson and nuclei.geojson (QuPath), cells.roi.zip (ImageJ), cells.png (single cells),
    overlay.png, summary.json and report.html; with several images also FOLDER/summary.csv. Nothing is to be tuned: thresholds
    follow from the noise of the background. A screening aid and a means of research, not a diagnosis.
    """
    from foreknow.cli.show import console, progress_bar, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("cytology")
    from foreknow.cytology.batch import DetectOptions, detect_many  # noqa: PLC0415
    from foreknow.cytology.inputs import find_images  # noqa: PLC0415

    _check_pixel(pixel)
    inputs = find_images(images, output)
    check_output(output)
    options = DetectOptions(finder=_finder(model), pixel_um=pixel, overwrite=overwrite, report=report, resume=resume, jobs=jobs)
    with progress_bar() as bar:
        task = bar.add_task("cells", total=len(inputs), unit="images")
        shares: dict[str, float] = {}

        def show(name: str, share: float) -> None:
            shares[name] = share
            bar.update(task, completed=sum(shares.values()), description=name)

        batch = detect_many(images, output, options, finished=lambda name: show(name, 1.0), progress=show)
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
    end_batch(batch.failures)


def _finder(model: str | None) -> "BackgroundFinder | None":
    if model is None:
        return None
    require_extra("networks")
    require_extra("learn")
    from foreknow.cytology.network.find import network_finder  # noqa: PLC0415

    return network_finder(model)


@app.command()
def fit(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="Folder of the model.")],
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR...]", help="Images without labels, fewer than 100 are enough.", show_default=False),
    ] = None,
    simulated: Annotated[
        int, typer.Option("--simulated", metavar="N", help="Learn from N simulated smears instead (so was the shipped model).")
    ] = 0,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Model to go on with; the shipped one.", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Steps of the training.")] = 240,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train the network that finds backgrounds, by the priors of the model and no labels.

    MODEL gets model.json, weights.safetensors, card.md and epochs.csv. The same call after an interruption goes on.
    """
    from foreknow.cli.show import console, progress_bar  # noqa: PLC0415
    from foreknow.errors import ParameterError  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    for extra in ("cytology", "networks", "learn"):
        require_extra(extra)
    from foreknow.cytology.network.train import FitNumbers, fit_on_images, fit_on_simulated  # noqa: PLC0415

    if bool(images) == bool(simulated):
        message = "give images to learn from, or --simulated N, and not both"
        raise ParameterError(message)
    check_output(output)
    numbers = FitNumbers(steps=steps, seed=seed)
    if images:
        outcome = fit_on_images(images, output, numbers, start=model, overwrite=overwrite)
    else:
        with progress_bar() as bar:
            task = bar.add_task("simulating", total=simulated, unit="smears")
            outcome = fit_on_simulated(
                output, simulated, numbers, overwrite=overwrite, drawn=lambda done: bar.update(task, completed=done)
            )
    epochs = outcome.history.epochs
    console().print(
        f"{display_name(output)}: learned from {outcome.fields} fields without labels in {epochs[-1].step} steps; loss "
        f"{epochs[0].loss:.3f} to {epochs[-1].loss:.3f}. Use it: foreknow cytology detect IMAGE... -m {display_name(output)}",
        markup=False,
    )
    for failure in outcome.failures:
        say_error(f"left out: {failure}")


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
