"""``foreknow swallow``: swallowing before a depth camera."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Device, Output, Overwrite, Seed, check_device
from foreknow.cli.swallow_count import count
from foreknow.cli.swallow_live import live
from foreknow.cli.swallow_train import train

app = typer.Typer(help="Swallowing: the saliva swallowing test counted in depth video of the neck.", no_args_is_help=True)
app.command()(count)
app.command()(live)
app.command()(train)


@app.command()
def simulate(
    output: Output,
    preset: Annotated[str, typer.Option("--preset", help="Difficulty: easy, normal or hard.")] = "normal",
    duration: Annotated[float, typer.Option("--duration", metavar="S", help="Length, seconds.")] = 30.0,
    rate: Annotated[float, typer.Option("--rate", metavar="HZ", help="Frames per second.")] = 30.0,
    count: Annotated[int | None, typer.Option("--count", help="Number of swallows; drawn if not given.")] = None,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Side of the picture, pixels; it shows 136 mm.")] = 160,
    prominence: Annotated[
        float | None, typer.Option("--prominence", metavar="MM", help="Height of the laryngeal prominence.")
    ] = None,
    noise: Annotated[float | None, typer.Option("--noise", metavar="MM", help="Noise of a pixel at 0.5 m, millimetres.")] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", help="Noise of a camera: d415, d435, d405, kinect-azure or truedepth.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", help="No swallow, one confounder: speech, throat_clearing, cough, chewing, head_turn, nod, ..."),
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--like", metavar="FRAMES", help="Real depth frames whose noise is measured and taken over.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FRAMES", help="Real depth frames to show beside simulated ones.")
    ] = None,
    unit: Annotated[
        float | None, typer.Option("--unit", metavar="M", help="Depth unit of the real frames, metres, where they do not say.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="Of the frames: png (a folder of 16-bit images), npz or h5.")] = "npz",
    seed: Seed = 0,
    device: Device = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Draw a depth video of a neck in a repetitive saliva swallowing test whose swallows are known.

    FOLDER gets the frames, the true events.csv, truth.csv (larynx and head at every frame), simulation.json and overview.png; with
    --compare also comparison.png.
    """
    from dataclasses import replace  # noqa: PLC0415

    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.cli.swallow_options import trial_settings  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415
    from foreknow.files.depth import read_depth  # noqa: PLC0415
    from foreknow.swallow.simulate import fit_noise  # noqa: PLC0415
    from foreknow.swallow.simulation_files import Form, simulate_to_folder  # noqa: PLC0415

    require_extra("swallow")
    place = check_device(device)
    settings = trial_settings(preset, duration, rate, count, size, prominence, noise, camera, only, form)
    if like is not None:
        settings = replace(settings, noise=fit_noise(read_depth(like, unit=unit)).settings(flat=True))
    real = None if compare is None else read_depth(compare, unit=unit)
    trial = simulate_to_folder(output, settings, seed, form=Form(form), real=real, device=place, overwrite=overwrite)
    console().print(
        f"{display_name(output)}: {duration:g} s at {rate:g} frames a second with {len(trial.swallows)} swallows among "
        f"{len(trial.events)} events; the truth is in events.csv and truth.csv",
        markup=False,
    )
