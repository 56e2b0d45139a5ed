"""Tables as CSV text: commas, a first line of column names, lines that end in a line feed, ``n/a`` where there is no value."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

MISSING = "n/a"


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of rows as CSV.

    Args:
        columns: names of the columns.
        rows: values of each row in the order of the columns, written as `str` shows them; None is written ``n/a``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([MISSING if value is None else value for value in row] for row in rows)
    return text.getvalue()


def csv_of_records(columns: Sequence[str], records: Iterable[Mapping[str, object]]) -> str:
    """A table of records as CSV: of each record the values under ``columns``; what is None or absent is written ``n/a``."""
    return csv_text(columns, ([record.get(column) for column in columns] for record in records))
