"""The blocks that a report is made of; each holds content only, the look is in the template."""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from foreknow.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Block:
    """One thing in a section of a report; ``kind`` names the macro of the template that shows it."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Text(Block):
    """A paragraph of plain text; ``strong`` sets it off.

    Attributes:
        text: shown as it is, never as HTML.
        strong: whether it is emphasised.
    """

    kind: ClassVar[str] = "text"
    text: str
    strong: bool = False


class Severity(Enum):
    """How a notice is coloured: for information, a doubt about the results, or a failure."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice(Block):
    """Sentences in a box.

    Attributes:
        messages: one paragraph each.
        severity: its colour and its spoken name.
        title: its first line.
    """

    kind: ClassVar[str] = "notice"
    messages: Sequence[str]
    severity: Severity = Severity.WARNING
    title: str = ""


@dataclass(frozen=True)
class Facts(Block):
    """Names and values.

    Attributes:
        facts: in order; numbers are shown with 4 significant digits, None as a dash.
        tiles: whether they are shown large, for the few that matter most.
    """

    kind: ClassVar[str] = "facts"
    facts: Mapping[str, Cell]
    tiles: bool = False

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Names and values as text."""
        return [(name, as_text(value)) for name, value in self.facts.items()]


@dataclass(frozen=True)
class Table(Block):
    """A table; a long one is cut, with a note on where the whole of it is.

    Attributes:
        columns: their headings, with units.
        rows: cells in the order of the columns; numbers are shown with 4 significant digits, None as a dash.
        caption: what it shows.
        limit: rows shown at most.
        full: where the rest is, for the note, for example ``events.csv``.
        formats: for each column how its floats are written, such as ``.3f``; empty for 4 significant digits.

    Raises:
        DataError: if a row has another number of cells, or ``formats`` of entries, than there are columns.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    limit: int = 200
    full: str = ""
    formats: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.formats and len(self.formats) != len(self.columns):
            message = f"a table of {len(self.columns)} columns needs as many formats, not {len(self.formats)}"
            raise DataError(message)
        for row in self.rows:
            if len(row) != len(self.columns):
                message = f"a table of {len(self.columns)} columns has a row of {len(row)} cells: {list(row)[:8]}"
                raise DataError(message)

    @property
    def shown(self) -> list[list[str]]:
        """The rows that are shown, as text."""
        formats = self.formats or [""] * len(self.columns)
        return [[as_text(cell, form) for cell, form in zip(row, formats, strict=True)] for row in self.rows[: self.limit]]

    @property
    def is_numeric(self) -> list[bool]:
        """For each column whether it holds numbers, which are aligned at the right."""
        return [
            bool(self.rows)
            and all(cell is None or (isinstance(cell, (int, float)) and not isinstance(cell, bool)) for cell in column)
            for column in zip(*self.rows, strict=True)
        ] or [False] * len(self.columns)

    @property
    def note(self) -> str:
        """What was left out, or nothing."""
        if len(self.rows) <= self.limit:
            return ""
        where = f"; all of them are in {self.full}" if self.full else ""
        return f"The first {self.limit} of {len(self.rows)} rows are shown{where}."


@dataclass(frozen=True)
class Picture(Block):
    """An image that is ready: PNG, JPEG or SVG bytes; or a film.

    Attributes:
        content: the file's bytes.
        alt: what is to be seen, for those who cannot see it.
        caption: the text below.
        media_type: ``image/png``, ``image/jpeg``, ``image/svg+xml``, or ``video/mp4`` for a film.
    """

    kind: ClassVar[str] = "picture"
    content: bytes = field(repr=False)
    alt: str
    caption: str = ""
    media_type: str = "image/png"

    @property
    def uri(self) -> str:
        """The image as a data URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Slides(Block):
    """Pictures of one size, such as the frames of a run, that one slides through; no script is needed.

    Attributes:
        pictures: in order; the caption of each is its place, such as ``frame 3``.
        label: what they are, for those who cannot see them.
        caption: the text below all of them.
    """

    kind: ClassVar[str] = "slides"
    pictures: Sequence[Picture]
    label: str
    caption: str = ""


@dataclass(frozen=True)
class Figure(Block):
    """A matplotlib figure, drawn as PNG when the report is rendered, without pyplot and without touching matplotlib's state.

    Attributes:
        figure: made with ``matplotlib.figure.Figure(...)``.
        alt: what is to be seen, for those who cannot see it.
        caption: the text below.
        dots_per_inch: resolution.
    """

    kind: ClassVar[str] = "picture"
    figure: MatplotlibFigure = field(repr=False)
    alt: str
    caption: str = ""
    dots_per_inch: int = 130

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # names in scripts that the font lacks show as boxes
            self.figure.savefig(buffer, format="png", dpi=self.dots_per_inch, metadata={"Software": None})
        return Picture(buffer.getvalue(), self.alt).uri


@dataclass(frozen=True)
class Audio(Block):
    """A player with the sound inside the page.

    How much is embedded is decided by the `Report`, so that a page with all its sounds stays within a size; the page says so.

    Attributes:
        samples: (samples,) real, full scale 1.
        rate: hertz.
        label: its name.
        gain: factor for listening; sounds that are to be compared need one gain.
        full: where the whole sound is, for the note if only an excerpt is embedded, for example ``crackles.wav``.

    Raises:
        DataError: if ``samples`` is not one signal of one or more samples, or is not finite.
    """

    kind: ClassVar[str] = "audio"
    samples: Tensor = field(repr=False)
    rate: int
    label: str
    gain: float = 1.0
    full: str = ""

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or not self.samples.numel() or not bool(self.samples.isfinite().all()) or self.gain <= 0:
            message = f"a player needs one signal (samples,) of finite numbers and a positive gain, not {tuple(self.samples.shape)}"
            raise DataError(message)


def as_text(value: Cell, form: str = "") -> str:
    """A cell as people read it: a dash for nothing, yes and no, floats in ``form`` or with 4 significant digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = format(value, form or (".4g" if abs(value) < 1e4 else ".0f"))
        return text.replace("-", "−", 1) if text.startswith("-") else text
    return str(value)
