"""A report: sections of blocks, rendered to one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Self

from foreknow.errors import ForeknowError
from foreknow.report.blocks import Audio, Block
from foreknow.report.listen import Listen
from foreknow.report.playback import LOWEST_RATE, Playback, bytes_per_second, embed_sound

SCREENING_NOTE = (
    "This report is a screening aid and a means of research. It is not a diagnosis and does not replace a clinician's judgement."
)
_AUDIO_BYTES = 14_000_000
_SHORTEST_EXCERPT = 5.0


@dataclass
class Section:
    """A heading and the blocks below it.

    Attributes:
        title: the heading.
        blocks: what is below, in order.
    """

    title: str
    blocks: list[Block] = field(default_factory=list)

    def __init__(self, title: str, *blocks: Block) -> None:
        self.title = title
        self.blocks = list(blocks)

    def add(self, *blocks: Block) -> Self:
        """Append blocks; returns the section, so that calls can be chained."""
        self.blocks.extend(blocks)
        return self


class Report:
    """A report to be read in any browser, offline, on a phone or printed.

    Everything in it is escaped: a file may be named as badly as it likes. The page has a content security policy that forbids
    the network and all scripts but that of `Listen` blocks. Write it with ``write_text_atomic(path, report.render())``::

        report = Report("Lung sounds of recording 12", subtitle="12.wav")
        report.add(Section("Result", Facts({"crackles per breath": 3.2}), Table(...)))

    Args:
        title: the heading of the page.
        subtitle: a line below it, such as the name of the recording.
        generator: name and version of the program, for the foot of the page.
        note: the sentence on what the report is not; an empty text leaves it out.
        audio_bytes: how much of the page embedded sound may take; about 14 MB keep a page below 20 MB.
    """

    def __init__(
        self, title: str, subtitle: str = "", generator: str = "", note: str = SCREENING_NOTE, audio_bytes: int = _AUDIO_BYTES
    ) -> None:
        self.title = title
        self.subtitle = subtitle
        self.generator = generator
        self.note = note
        self.audio_bytes = audio_bytes
        self.sections: list[Section] = []

    def add(self, *sections: Section) -> Self:
        """Append sections; returns the report, so that calls can be chained."""
        self.sections.extend(sections)
        return self

    def render(self) -> str:
        """The page as text, to be stored as UTF-8.

        Raises:
            ForeknowError: if jinja2 (or, for sound, soxr) is not installed.
        """
        try:
            import jinja2  # noqa: PLC0415
        except ImportError as error:
            message = "a report needs the library jinja2; install it with: pip install 'foreknow[lung]'"
            raise ForeknowError(message) from error
        folder = resources.files("foreknow.report") / "templates"
        loader = jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8"))
        environment = jinja2.Environment(
            autoescape=True, loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["object_id"] = id
        script, script_hash = self._script(resources.files("foreknow.report") / "templates" / "listen.js")
        text = environment.get_template("report.html").render(
            report=self, players=self._players(), printable=_printable, script=script, script_hash=script_hash
        )
        return text.encode("utf-8", errors="backslashreplace").decode("utf-8")

    def _script(self, file: Traversable) -> tuple[str, str]:
        """The script of `Listen` blocks and its hash, which alone the page allows to run; two empty texts where there are none."""
        if not any(isinstance(block, Listen) for section in self.sections for block in section.blocks):
            return "", ""
        script = file.read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        return script, f"sha256-{digest}"

    def _players(self) -> dict[int, dict[str, Any]]:
        """What is embedded of each sound, by the identity of its block: all whole if they fit, else lower rates, else excerpts."""
        blocks = [block for section in self.sections for block in section.blocks]
        sounds = [
            sound
            for block in blocks
            for sound in (block.sounds if isinstance(block, Listen) else [block])
            if isinstance(sound, Audio)
        ]
        limit_seconds, limit_rate = _limits(sounds, self.audio_bytes)
        players = {}
        for block in sounds:
            playback = embed_sound(block.samples, block.rate, limit_seconds, limit_rate, block.gain)
            players[id(block)] = {"uri": playback.uri, "note": _note(playback, block.full)}
        return players


def _limits(sounds: Sequence[Audio], allowed: int) -> tuple[float, int]:
    """Common limits of length (seconds) and rate (hertz) with which all sounds together take at most ``allowed`` bytes."""
    lengths = [sound.samples.shape[0] / sound.rate for sound in sounds]
    for limit_rate in (48_000, 24_000, 16_000, LOWEST_RATE):
        costs = [bytes_per_second(min(sound.rate, limit_rate)) for sound in sounds]
        if sum(cost * length for cost, length in zip(costs, lengths, strict=True)) <= allowed:
            return max(lengths, default=0.0) + 1.0, limit_rate
    return max(_SHORTEST_EXCERPT, allowed / sum(costs)), LOWEST_RATE


def _note(playback: Playback, full: str) -> str:
    where = f" (the whole is in {full})" if full else ""
    parts = []
    if playback.is_excerpt:
        parts.append(
            f"Only the first {_duration(playback.seconds)} of {_duration(playback.whole_seconds)} are embedded here{where}."
        )
    if abs(playback.gain_db) >= 0.5:
        parts.append(
            f"Played {playback.gain_db:.0f} dB louder than recorded."
            if playback.gain_db > 0
            else f"Played {-playback.gain_db:.0f} dB softer than recorded."
        )
    return " ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _printable(text: object) -> str:
    """Text for a page: control characters, which HTML cannot hold, as escapes; line ends stay."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in str(text)
    )
