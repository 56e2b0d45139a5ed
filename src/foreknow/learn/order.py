"""The order in which items are learned from."""

import torch

from foreknow.errors import ParameterError
from foreknow.learn.seeds import generator_of


def batches(count: int, batch_size: int, seed: int, epoch: int, ranks: int = 1) -> list[list[int]]:
    """Every item once, in an order that depends on (seed, epoch) alone; the last batch may be smaller.

    Args:
        count: of the items.
        batch_size: over all devices.
        seed: of the run.
        epoch: counted from 0.
        ranks: number of devices, among which every batch is divided evenly; what cannot be divided is left out in this epoch.

    Raises:
        ParameterError: if a batch cannot be divided among the devices.
    """
    if batch_size % ranks:
        message = f"a batch of {batch_size} items cannot be divided evenly among {ranks} devices; take a multiple of {ranks}"
        raise ParameterError(message)
    order = torch.randperm(count, generator=generator_of("order", seed, epoch)).tolist()
    usable = count - count % ranks
    if not usable:
        message = f"{count} items are too few for {ranks} devices"
        raise ParameterError(message)
    return [order[first : min(first + batch_size, usable)] for first in range(0, usable, batch_size)]


def steps_per_epoch(count: int, batch_size: int, ranks: int = 1) -> int:
    """The number of batches in an epoch."""
    return -(-(count - count % ranks) // batch_size)
