"""Selection tables of Raven, the sound analysis program of the Cornell Lab."""

from collections.abc import Iterable
from pathlib import Path

from foreknow.files.atomic import write_text_atomic
from foreknow.files.events import Event

_COLUMNS = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)", "Annotation")


def write_raven_table(path: str | Path, events: Iterable[Event], highest: float) -> None:
    """Write events as a Raven selection table (File, Open Sound Selection Table); atomic.

    Args:
        path: name of the file; Raven looks for ``.txt``.
        events: their features ``low_hz`` and ``high_hz`` are the band of the selection; without them it is the whole band.
        highest: upper end of the whole band, hertz.
    """
    lines = ["\t".join(_COLUMNS)]
    for number, event in enumerate(events, start=1):
        low, high = event.features.get("low_hz"), event.features.get("high_hz")
        band = (float(0.0 if low is None else low), float(highest if high is None else high))
        times = (f"{event.onset:.6f}", f"{event.end:.6f}", f"{band[0]:.1f}", f"{band[1]:.1f}")
        lines.append("\t".join((str(number), "Spectrogram 1", "1", *times, " ".join(event.kind.split()))))
    write_text_atomic(path, "\n".join(lines) + "\n")
