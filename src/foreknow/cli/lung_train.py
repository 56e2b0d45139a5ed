"""``foreknow lung train``: the shipped networks adapted to a user's own recordings, without labels."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Overwrite, Seed, check_output


def train(
    recordings: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of recordings, or recordings (WAV, FLAC, ...).", show_default=False),
    ],
    output: Output,
    start: Annotated[
        str, typer.Option("--start", metavar="MODEL", help="What to start from: unrolled, or a folder of foreknow lung train.")
    ] = "unrolled",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes through the recordings.")] = 6,
    windows: Annotated[int, typer.Option("--windows", min=8, help="Windows of 4 s to learn from, at most.")] = 160,
    wheezes: Annotated[
        bool, typer.Option("--wheezes", help="Adapt the wheeze network too, on recordings without crackles.")
    ] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Adapt the crackle network to recordings of your own; no labels are needed.

    FOLDER gets crackles/, the model (for: foreknow lung separate --model FOLDER), and crackles.html, which shows the learned
    crackle template beside that of Daubechies and what the adaptation did to simulated crackles. The same command goes on where it
    was interrupted. A screening aid, not a diagnosis.
    """
    from dataclasses import replace  # noqa: PLC0415
    from importlib.metadata import version  # noqa: PLC0415
    from shutil import rmtree  # noqa: PLC0415

    from foreknow.cli.exits import say_error  # noqa: PLC0415
    from foreknow.cli.show import console, progress_bar  # noqa: PLC0415
    from foreknow.errors import ParameterError  # noqa: PLC0415
    from foreknow.files import display_name, write_text_atomic  # noqa: PLC0415
    from foreknow.learn import Bar  # noqa: PLC0415
    from foreknow.learn.saved import DESCRIPTION  # noqa: PLC0415
    from foreknow.lung.batch import find_recordings  # noqa: PLC0415
    from foreknow.lung.crackle_model import CRACKLES, load_crackle_network  # noqa: PLC0415
    from foreknow.lung.train.adapt_crackles import ADAPTATION, adapt_crackles  # noqa: PLC0415
    from foreknow.lung.train.crackle_page import adaptation_report  # noqa: PLC0415
    from foreknow.lung.train.recorded_windows import read_windows  # noqa: PLC0415

    require_extra("lung")
    files = find_recordings(recordings, output)
    load_crackle_network(start)
    if (output / CRACKLES / DESCRIPTION).exists() and not overwrite:
        message = (
            f"{display_name(output)} holds a trained model already; add --overwrite to replace it, or choose another folder (-o)"
        )
        raise ParameterError(message)
    if (output / CRACKLES / DESCRIPTION).exists():
        rmtree(output / "checkpoint", ignore_errors=True)  # of the run that made the model which is replaced
    check_output(output)
    with progress_bar() as bar:
        task = bar.add_task("reading recordings", total=len(files), unit="recordings")
        read = read_windows(files, at_most=windows, progress=lambda count: bar.update(task, completed=count))
    for name, why in read.left_out:
        say_error(f"{name} is left out: {why}")
    settings = replace(ADAPTATION, epochs=epochs, seed=seed)
    found = adapt_crackles(files, output, start=start, settings=settings, progress=Bar(), windows=read)
    write_text_atomic(output / "crackles.html", adaptation_report(found, version("foreknow")).render())
    screen = console()
    screen.print(str(found.drift), markup=False)
    if wheezes:
        from foreknow.lung.settings import SeparationSettings  # noqa: PLC0415
        from foreknow.lung.train.wheeze_recordings import breath_windows  # noqa: PLC0415
        from foreknow.lung.train.wheezes import adapt_wheezes  # noqa: PLC0415

        quiet, left_out = breath_windows(files, at_most=windows, settings=SeparationSettings(crackle_model=str(output)))
        for name, why in left_out:
            say_error(f"{name} is left out for wheezes: {why}")
        for what, value in adapt_wheezes(quiet, output, progress=Bar()).items():
            screen.print(f"wheezes, {what}: {value:.4g}", markup=False)
    screen.print(
        f"{display_name(output)}: model in crackles/, report in crackles.html; use it with --model {display_name(output)}",
        markup=False,
    )
