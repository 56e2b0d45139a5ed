"""What commands print: tables on stdout, progress on stderr where that is a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 200


def console() -> Console:
    """Where results are printed; wide where it is not a terminal, so that lines of a table stay lines."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def progress_bar() -> Progress:
    """A bar with the time it will take, on stderr; nothing is shown where that is not a terminal."""
    screen = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True)


def table(columns: Mapping[str, str], rows: Sequence[Sequence[object]], title: str = "") -> Table:
    """A table of plain text.

    Args:
        columns: heading -> ``left`` or ``right``.
        rows: cells; None is a dash, floats have one decimal.
        title: above the table.
    """
    built = Table(title=Text(title) if title else None, title_justify="left")
    for heading, side in columns.items():
        built.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        built.add_row(*(Text(_cell(value)) for value in row))
    return built


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
