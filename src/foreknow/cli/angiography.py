"""``foreknow angiography``: X-ray angiography."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from foreknow.cli.exits import end_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.options import Device, Output, Overwrite, Seed, check_device, check_output
from foreknow.errors import ParameterError

if TYPE_CHECKING:
    from foreknow.angiography.simulate import Relationship

Pixels = Annotated[
    str, typer.Option("--pixels", help="How values follow from exposure: lin, log or disp; auto takes what the file says.")
]

app = typer.Typer(
    help="X-ray angiography: vessels out of the moving background of runs and single frames.",
    no_args_is_help=True,
)


@app.command()
def enhance(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Runs: multi-frame DICOM, TIFF, AVI, MP4, or a folder of pictures; single frames; or folders of DICOM runs.",
            show_default=False,
        ),
    ],
    output: Output,
    pixels: Pixels = "auto",
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="classical (certified), unrolled (few learned steps), network, frame (each frame alone); "
            "auto: network, and frame for runs of very few frames.",
        ),
    ] = "auto",
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="FOLDER", help="Model of foreknow angiography train, instead of the one that comes along."),
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--also", metavar="FORMAT", help="Write the layers as npz or nifti too; may be repeated.")
    ] = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip runs that have complete results of the same frames, mode and settings.")
    ] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html for each run.")] = True,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="Runs worked on at once, each by one CPU thread and in memory of its own.")
    ] = 1,
    device: Device = "cpu",
) -> None:
    """Separate contrast-filled vessels from the background that moves behind them.

    FOLDER/run-001/ and so on, in the order given, get the layers vessels.tif and background.tif (they sum to the run's
    attenuation), soft_mask.tif, mask.tif, maximum_opacity.tif; vessels.dcm, background.dcm and mask.dcm (multi-frame Secondary
    Capture); overlay.png and overlay.mp4 (overlay.gif where no encoder is installed), branches.csv, contrast.csv, summary.json
    and report.html; with several runs also FOLDER/summary.csv. All modes give the same files. Nothing of a file's name or header
    is written or shown. A means of research, not a diagnosis.
    """
    from foreknow.cli.show import console, progress_bar, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("angiography")
    from foreknow.angiography.batch import enhance_many  # noqa: PLC0415
    from foreknow.angiography.inputs import find_runs  # noqa: PLC0415
    from foreknow.angiography.modes import Enhancer, Mode  # noqa: PLC0415

    if mode.lower() not in set(Mode):
        message = f"--mode is one of {', '.join(Mode)}, not {mode!r}"
        raise ParameterError(message)
    enhancer = Enhancer(Mode(mode.lower()), model=model, device=check_device(device))
    relationship = None if pixels.lower() == "auto" else _relationship(pixels)
    inputs = find_runs(runs, output)
    check_output(output)
    with progress_bar() as bar:
        task = bar.add_task("starting", total=len(inputs), unit="runs")
        shares: dict[str, float] = {}

        def show(name: str, share: float) -> None:
            shares[name] = share
            bar.update(task, completed=sum(shares.values()), description=name)

        batch = enhance_many(
            runs,
            output,
            enhancer,
            relationship=relationship,
            overwrite=overwrite,
            resume=resume,
            report=report,
            formats=formats or (),
            jobs=jobs,
            progress=show,
            finished=lambda name: show(name, 1.0),
        )
    numbers = ("frames", "vessels, %", "CNR", "branches", "seconds")
    columns = {"run": "left", "mode": "left", **dict.fromkeys(numbers, "right")}
    shown = ("name", "mode", "frames", "vessel_share", "contrast_to_noise", "branches", "seconds")
    rows = [[_percent(one[key]) if key == "vessel_share" else one[key] for key in shown] for one in batch.summaries]
    screen = console()
    if rows:
        screen.print(table(columns, rows))
        hint = " (open report.html there)" if report else ""
        screen.print(f"Results: {display_name(output)}{hint}", markup=False)
    if batch.skipped:
        screen.print(f"{len(batch.skipped)} runs were done already and skipped.")
    for one in batch.summaries:
        for notice in cast("list[str]", one["notices"]):
            say_error(f"{one['name']}: {notice}")
    end_batch(batch.failures)


def _percent(share: object) -> float | None:
    return 100 * share if isinstance(share, float) else None


def _relationship(pixels: str) -> "Relationship":
    from foreknow.angiography.simulate import Relationship  # noqa: PLC0415

    if pixels.upper() not in set(Relationship):
        message = f"--pixels is lin, log or disp, not {pixels!r}"
        raise ParameterError(message)
    return Relationship(pixels.upper())


@app.command()
def train(
    output: Output,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR...]", help="Runs, or folders of runs, without labels.", show_default=False),
    ] = None,
    simulated: Annotated[
        str | None,
        typer.Option(
            "--simulated",
            metavar="KIND",
            help="Train on simulated runs alone, from nothing or --model: network or unrolled; so were those made that come along.",
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WAY",
            help="device: fit the simulator to your runs and weigh the network's looks on what it draws. model: train the weights "
            "with the declared model as the loss.",
        ),
    ] = "device",
    pixels: Pixels = "auto",
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FOLDER", help="Model to begin with, instead of the one that comes along.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Passes through the runs (--by model, --simulated).")
    ] = None,
    count: Annotated[int | None, typer.Option("--simulated-runs", min=0, help="Simulated runs that are drawn (likewise).")] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    device: Device = "cpu",
) -> None:
    """Fit the vessel network to your own runs, without labels.

    By device, the default: the simulator is fitted to noise and structure of your runs, and on what it then draws, whose vessels
    are known, two looks of the network at a frame are weighed; its weights stay, and so does what it says of other runs. Nothing
    is changed if your runs are of a kind that it knows.

    By model: the declared model is the loss that trains the weights; on simulated runs masks became worse so.

    FOLDER gets model.json, weights.safetensors, card.md and report.html, which shows the device, the gap to the certified optimum,
    and examples; use it by foreknow angiography enhance --mode network --model FOLDER.
    """
    require_extra("angiography")
    from foreknow.cli.angiography_train import calibrate_for, train_on, train_simulated  # noqa: PLC0415

    place = check_device(device)
    if (simulated is None) == (not runs):
        message = "name folders of runs to train on, or --simulated network or --simulated unrolled"
        raise ParameterError(message)
    check_output(output)
    if simulated is not None:
        train_simulated(simulated, output, model, epochs=epochs, count=count, seed=seed, overwrite=overwrite)
        return
    relationship = None if pixels.lower() == "auto" else _relationship(pixels)
    if by not in {"device", "model"}:
        message = f"--by is device or model, not {by!r}"
        raise ParameterError(message)
    if by == "device":
        if epochs is not None or count is not None:
            message = "--epochs and --simulated-runs have a meaning for --by model and --simulated only"
            raise ParameterError(message)
        calibrate_for(runs or [], output, relationship, model, seed=seed, overwrite=overwrite)
        return
    train_on(runs or [], output, relationship, model, epochs=epochs, count=count, seed=seed, overwrite=overwrite, device=place)


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
