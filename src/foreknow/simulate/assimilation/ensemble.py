"""Means, anomalies and spreads of ensembles, (*batch, members, n)."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.assimilation.method import Analysis, Prior


def split(ensemble: Tensor) -> tuple[Tensor, Tensor]:
    r"""Mean (\*batch, 1, n) and anomalies (\*batch, N, n), which sum to zero."""
    mean = ensemble.mean(dim=-2, keepdim=True)
    return mean, ensemble - mean


def spread(ensemble: Tensor) -> Tensor:
    r"""The standard deviation over the members, (\*batch, n)."""
    _, anomalies = split(ensemble)
    return (anomalies.square().sum(dim=-2) / (ensemble.shape[-2] - 1)).sqrt()


def describe(ensemble: Tensor) -> Analysis:
    """Mean, spread and members."""
    return Analysis(ensemble.mean(dim=-2), spread(ensemble), ensemble)


def draw(prior: Prior, members: int, generator: torch.Generator) -> Tensor:
    r"""Members from a prior, (\*batch, members, n)."""
    shape = (*prior.mean.shape[:-1], members, prior.mean.shape[-1])
    return prior.mean.unsqueeze(-2) + prior.covariance.sample(shape, prior.mean, generator)


def require_members(members: int) -> int:
    """The number of members.

    Raises:
        ParameterError: if it is below 2.
    """
    if members < 2:
        message = f"an ensemble needs at least 2 members, not {members}"
        raise ParameterError(message)
    return members
