"""``foreknow cytology``: stained smears."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed

app = typer.Typer(help="Cytology: simulate stained smears with known truth.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


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
