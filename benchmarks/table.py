"""What a benchmark returns: a table whose cells a person and a program can both read."""

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rich.table import Table as RichTable

Json: TypeAlias = Any  # what the module json reads and writes


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence interval.

    Attributes:
        value: the estimate itself.
        low: lower end of the interval.
        high: upper end of the interval.
        digits: digits after the point when shown.
    """

    value: float
    low: float
    high: float
    digits: int = 2

    def __str__(self) -> str:
        return f"{self.value:.{self.digits}f} [{self.low:.{self.digits}f}, {self.high:.{self.digits}f}]"


Cell: TypeAlias = str | int | float | Estimate | None


@dataclass(slots=True)
class Table:
    """Result of one benchmark.

    Attributes:
        columns: headings.
        rows: one cell for each column; None where there is nothing to say.
        notes: sentences on settings, definitions and what was left out.
    """

    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Append a row.

        Raises:
            ValueError: if the number of cells is not that of the columns.
        """
        if len(cells) != len(self.columns):
            message = f"a row of {len(cells)} cells does not fit {len(self.columns)} columns {self.columns}"
            raise ValueError(message)
        self.rows.append(list(cells))

    def as_rich(self, title: str) -> RichTable:
        """For the terminal."""
        table = RichTable(title=title, title_justify="left", caption="\n".join(self.notes), caption_justify="left")
        for column in self.columns:
            table.add_column(column)
        for row in self.rows:
            table.add_row(*map(show, row))
        return table

    def as_json(self) -> Json:
        """For a program: columns, rows and notes; an estimate as an object of value, low and high."""
        return {
            "columns": list(self.columns),
            "rows": [[_cell_json(cell) for cell in row] for row in self.rows],
            "notes": list(self.notes),
        }


def show(cell: Cell) -> str:
    """A cell as text: three significant digits for numbers."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.0f}" if math.isfinite(cell) and abs(cell) >= 1000 else f"{cell:.3g}"
    return str(cell)


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # JSON knows no infinity


def _cell_json(cell: Cell) -> Json:
    if isinstance(cell, Estimate):
        return {"value": _number(cell.value), "low": _number(cell.low), "high": _number(cell.high), "digits": cell.digits}
    return _number(cell) if isinstance(cell, float) else cell
