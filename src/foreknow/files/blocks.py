"""Pieces of any length, regrouped into blocks of one length that may overlap."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


def regroup(pieces: Iterable[NDArray[np.float64]], size: int, overlap: int = 0) -> Iterator[NDArray[np.float64]]:
    """Join pieces of a signal and cut it again; holds about a block and a piece at a time.

    Args:
        pieces: one-dimensional arrays of any length.
        size: samples per block.
        overlap: how many samples at the start of a block repeat the end of the block before, 0 <= overlap < size.

    Yields:
        (size,); the last has ``overlap + 1`` to ``size`` samples (a whole signal shorter than that makes one block).
    """
    held = np.zeros(0)
    seen = 0  # how many of the held samples were in a block already
    for piece in pieces:
        held = np.concatenate((held, piece))
        start = 0
        while held.shape[0] - start >= size:
            yield held[start : start + size].copy()
            start += size - overlap
            seen = overlap
        held = held[start:].copy()
    if held.shape[0] > seen:
        yield held
