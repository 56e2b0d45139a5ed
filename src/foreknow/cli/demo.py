"""``foreknow demo``: see and hear a separation within a minute."""

from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Device, Output, Overwrite, Seed, check_device, check_output


def demo(
    output: Output,
    overwrite: Overwrite = False,
    duration: Annotated[float, typer.Option("--duration", metavar="S", help="Length of the simulated recording, seconds.")] = 30.0,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Simulate a lung sound, separate its crackles, compare with the truth, leave a report to open."""
    from foreknow.cli.separate_progress import show_progress  # noqa: PLC0415
    from foreknow.cli.show import console, table  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415
    from foreknow.lung.demonstration import demonstrate, facts_of  # noqa: PLC0415
    from foreknow.lung.simulate import SimulationSettings  # noqa: PLC0415

    require_extra("lung")
    place = check_device(device)
    check_output(output)
    settings = SimulationSettings(seconds=duration, rate=8000)
    with show_progress({"recording": duration}) as watch:
        done = demonstrate(
            output,
            settings,
            seed=seed,
            device=place,
            overwrite=overwrite,
            progress=lambda seconds: watch.advance("recording", seconds),
        )
    screen = console()
    rows = [[name, str(value)] for name, value in facts_of(done).items()]
    screen.print(table({"held against the truth": "left", "": "right"}, rows))
    screen.print(f"Open {display_name(done.report)} in a browser to see and hear it.", markup=False, soft_wrap=True)
