"""Sounds to look at closely and to listen to: waveform, spectrogram and marks that a reader zooms into and plays."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from foreknow.errors import DataError
from foreknow.report.blocks import Audio, Block
from foreknow.report.sound import Mark

_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # as in the still pictures
_MOST_MARKS = 4000


@dataclass(frozen=True)
class Listen(Block):
    """Several sounds of one time axis, one shown at a time, drawn in the browser from the sound inside the page.

    It is the only block that needs a script, which is part of the page and reaches nothing outside it. Where scripts are off, the
    players are left.

    Attributes:
        sounds: of one rate and length.
        marks: events on that axis, seconds.
        highest: upper end of the frequency axis, hertz; None for half the rate.
        caption: the text below.

    Raises:
        DataError: if there is no sound, or rates or lengths differ.
    """

    kind: ClassVar[str] = "listen"
    sounds: Sequence[Audio]
    marks: Sequence[Mark] = field(default=(), repr=False)
    highest: float | None = None
    caption: str = ""

    def __post_init__(self) -> None:
        if len({(sound.rate, sound.samples.shape[0]) for sound in self.sounds}) != 1:
            message = "sounds on one time axis need one rate and length; give at least one sound, and cut them alike"
            raise DataError(message)

    @property
    def hertz(self) -> float:
        """Upper end of the frequency axis."""
        return self.highest or self.sounds[0].rate / 2

    @property
    def kinds(self) -> dict[str, str]:
        """Colour of each kind of mark."""
        names = sorted({mark.kind for mark in self.marks})
        return {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}

    @property
    def group(self) -> str:
        """A name for its buttons that no other block of the page has, unless that is the same."""
        content = self.data + "".join(sound.label for sound in self.sounds)
        return f"sound-{zlib.crc32(content.encode('utf-8', 'backslashreplace')):08x}"

    @property
    def data(self) -> str:
        """The marks as JSON: start, end (seconds), colour, kind; the first 4000 of a long recording."""
        kinds = self.kinds
        rows = [[round(mark.start, 4), round(mark.end, 4), kinds[mark.kind], mark.kind] for mark in self.marks[:_MOST_MARKS]]
        return json.dumps(rows, allow_nan=False)
