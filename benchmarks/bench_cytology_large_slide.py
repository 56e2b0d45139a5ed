"""A whole slide of 1600 megapixels: whether memory is that of a small one, and time a megapixel."""

from benchmarks.bench_cytology_slides import measured
from benchmarks.table import Table

TITLE = "Stained smears: a slide of 40000 x 40000 pixels"


def run(quick: bool) -> Table:
    return measured([4096] if quick else [40_000], quick=quick, thoroughly=False)
