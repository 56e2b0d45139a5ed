"""One thread per recording: results do not depend on how many cores a machine has or how many recordings run side by side."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one CPU thread within the block (sums in another order differ in their last bits)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
