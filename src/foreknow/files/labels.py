"""Label files: events as CSV and Audacity labels, written and read; SPRSound and ICBHI annotations, read."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.atomic import write_text_atomic
from foreknow.files.events import Annotations, Event, FeatureValue, in_order
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name
from foreknow.files.table import MISSING, csv_text

_FIRST_COLUMNS = ("onset", "duration", "trial_type")
_ICBHI_KINDS = {("0", "0"): "cycle_normal", ("1", "0"): "cycle_crackle", ("0", "1"): "cycle_wheeze", ("1", "1"): "cycle_both"}


def write_events_csv(path: str | Path, events: Iterable[Event], features: Iterable[str] = ()) -> None:
    """Write events as CSV with the columns of BIDS: onset, duration (seconds), trial_type, then the features; atomic.

    Args:
        path: name of the file.
        events: in the order in which they are to stand.
        features: columns that are there even if no event has them; features of the events that are not named here follow in
            the order in which they first appear. A value that is None, NaN or absent is written ``n/a``.
    """
    rows = list(events)
    columns = list(dict.fromkeys([*features, *(name for event in rows for name in event.features)]))
    cells = (
        [f"{event.onset:.6f}", f"{event.duration:.6f}", event.kind, *(_cell(event.features.get(name)) for name in columns)]
        for event in rows
    )
    write_text_atomic(path, csv_text([*_FIRST_COLUMNS, *columns], cells))


def _cell(value: FeatureValue) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_events_csv(path: str | Path) -> Annotations:
    """Read what `write_events_csv` writes: any CSV with the columns onset, duration and trial_type.

    Features that are numbers are read as float.

    Raises:
        InputFileError: if the file or a column is missing, or a number is none.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    if not set(_FIRST_COLUMNS) <= set(reader.fieldnames or ()):
        message = f"{display_name(path)} is no event table: it needs the columns onset, duration and trial_type in its first line"
        raise InputFileError(message)
    events = []
    for row in reader:
        features = {name: _value(row[name]) for name in reader.fieldnames or () if name not in _FIRST_COLUMNS}
        events.append(_event(path, reader.line_num, row["onset"], row["duration"], row["trial_type"] or "", features))
    return Annotations(in_order(events))


def _value(text: str | None) -> FeatureValue:
    if text is None or text == MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def write_audacity_labels(path: str | Path, events: Iterable[Event]) -> None:
    """Write an Audacity label file (File, Import, Labels): a line ``start TAB end TAB kind`` per event, in seconds; atomic."""
    lines = [f"{event.onset:.6f}\t{event.end:.6f}\t{' '.join(event.kind.split())}\n" for event in events]
    write_text_atomic(path, "".join(lines))


def read_audacity_labels(path: str | Path) -> Annotations:
    r"""Read an Audacity label file; the label is the kind, as it is written.

    Lines with frequency ranges (``\ low high``) are skipped.

    Raises:
        InputFileError: if the file is missing or a line is no label.
    """
    events = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        cells = line.split("\t", 2)
        if len(cells) < 2:
            raise InputFileError(_bad_line(path, number, "an Audacity label is: start TAB end TAB text"))
        events.append(_event(path, number, cells[0], _difference(path, number, cells[0], cells[1]), "".join(cells[2:])))
    return Annotations(in_order(events))


def read_icbhi_cycles(path: str | Path) -> Annotations:
    """Read the breathing cycles of an ICBHI 2017 text file: lines of start and end in seconds, crackles 0/1, wheezes 0/1.

    Kinds: ``cycle_normal``, ``cycle_crackle``, ``cycle_wheeze``, ``cycle_both``.

    Raises:
        InputFileError: if the file is missing or a line has another form.
    """
    events = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 4 or (cells[2], cells[3]) not in _ICBHI_KINDS:
            raise InputFileError(_bad_line(path, number, "an ICBHI cycle is: start end crackles(0/1) wheezes(0/1)"))
        kind = _ICBHI_KINDS[cells[2], cells[3]]
        events.append(_event(path, number, cells[0], _difference(path, number, cells[0], cells[1]), kind))
    return Annotations(in_order(events))


def read_sprsound_json(path: str | Path) -> Annotations:
    """Read a SPRSound annotation: breath sounds with start and end in milliseconds and a type, and a label of the recording.

    Types become kinds in lower case with underscores: ``Wheeze+Crackle`` is ``wheeze_crackle``.

    Raises:
        InputFileError: if the file is missing, is no JSON, or has another form.
    """
    name = display_name(path)
    try:
        content = json.loads(_text(path))
        marked = [(entry["start"], entry["end"], entry["type"]) for entry in content["event_annotation"]]
        record = content.get("record_annotation")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = f"{name} is no SPRSound annotation: JSON with event_annotation (start, end, type) is needed"
        raise InputFileError(message) from error
    events = []
    for number, (start, end, kind) in enumerate(marked, start=1):
        duration = _difference(path, number, start, end)
        milliseconds = _event(path, number, start, duration, _kind(kind))
        events.append(Event(milliseconds.onset / 1000, milliseconds.duration / 1000, milliseconds.kind))
    return Annotations(in_order(events), None if record is None else str(record))


def _kind(text: object) -> str:
    return re.sub(r"[^a-z0-9]+", "_", str(text).lower()).strip("_")


def _text(path: str | Path) -> str:
    if not (Path(path).is_file() and Path(path).stat().st_size == 0):  # no labels is a possible content
        require_regular_file(Path(path))
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{display_name(path)} cannot be read as text; give the label file, not the recording"
        raise InputFileError(message) from error


def _difference(path: str | Path, number: int, start: object, end: object) -> float:
    return _number(path, number, end) - _number(path, number, start)


def _number(path: str | Path, number: int, cell: object) -> float:
    try:
        return float(str(cell).replace(",", "."))  # Audacity writes decimal commas in some countries
    except ValueError as error:
        raise InputFileError(_bad_line(path, number, f"{str(cell)[:40]!r} is no number")) from error


def _event(
    path: str | Path, number: int, onset: object, duration: object, kind: str, features: dict[str, FeatureValue] | None = None
) -> Event:
    try:
        return Event(_number(path, number, onset), _number(path, number, duration), kind, features or {})
    except ParameterError as error:
        raise InputFileError(_bad_line(path, number, "its end is before its start, or a time is not finite")) from error


def _bad_line(path: str | Path, number: int, why: str) -> str:
    return f"entry {number} of {display_name(path)} cannot be used: {why}; correct or remove it"
