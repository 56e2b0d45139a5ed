"""The tree of commands."""

from typing import Annotated

import typer

from foreknow.cli import angiography, cytology, demo, info, lung, swallow
from foreknow.cli.exits import ExitCodes

app = typer.Typer(
    name="foreknow",
    cls=ExitCodes,
    help="Mathematical knowledge in deep networks: what is known of signals, declared once, takes them apart. Results are a "
    "screening aid, not a diagnosis.",
    epilog="Start with: foreknow demo -o demo-report",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(angiography.app, name="angiography")
app.add_typer(cytology.app, name="cytology")
app.add_typer(lung.app, name="lung")
app.add_typer(swallow.app, name="swallow")
app.command("demo")(demo.demo)
app.command("info")(info.info)


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors (on any command).")] = False) -> None:
    pass
