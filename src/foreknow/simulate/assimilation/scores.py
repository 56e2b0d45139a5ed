"""How well an assimilation does against the truth."""

import torch
from torch import Tensor


def root_mean_square(error: Tensor) -> Tensor:
    r"""Over the last axis, (\*batch,)."""
    return error.square().mean(dim=-1).sqrt()


def ranks(ensemble: Tensor, truth: Tensor) -> Tensor:
    r"""How often the truth has each rank among the members, summed over the numbers of a state, (\*batch, N + 1).

    A reliable ensemble has a flat histogram; a U says that the ensemble is too narrow (Hamill 2001).

    Args:
        ensemble: (\*batch, N, n).
        truth: (\*batch, n).
    """
    rank = (ensemble < truth.unsqueeze(-2)).sum(dim=-2)
    counts = torch.zeros(*rank.shape[:-1], ensemble.shape[-2] + 1, dtype=torch.float64, device=rank.device)
    return counts.scatter_add_(-1, rank, torch.ones_like(rank, dtype=torch.float64))
