"""The observed information from posterior draws (Louis 1982), and the Newton step that it gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Look:
    """What one draw of x says of the logarithms of the numbers.

    Attributes:
        score: gradient of log p(y, x | numbers), (p,), the mean over the chains.
        scale: the curvature of the energy, (p,), positive.
        information: minus the diagonal of the Hessian of log p(y, x | numbers), (p,).
        parts: gradients of the energy of each item and chain, (items * chains, p).
        free: the same of draws of the prior, where the normaliser is had from such.
    """

    score: Tensor
    scale: Tensor
    information: Tensor
    parts: Tensor
    free: Tensor | None = None


@dataclass(frozen=True)
class Judgement:
    """What the draws at fixed numbers say.

    Attributes:
        step: to the maximum of the likelihood, (p,), in logarithms.
        noise: standard deviation of the step by the finite number of draws, (p,).
        relative_error: standard errors of the numbers, relative, with that of the draws; (p,). NaN where the information cannot be
            told from 0; the step is then a short one, in the direction of rising likelihood.
    """

    step: Tensor
    noise: Tensor
    relative_error: Tensor

    @property
    def known(self) -> bool:
        """Whether the step is a Newton step."""
        return bool(torch.isfinite(self.relative_error).all())


def judge(looks: Sequence[Look], chains: int) -> Judgement:
    """The Newton step and standard errors.

    The observed information is the mean of the complete information less the posterior covariance of the score, which is the sum
    of those of the items; plus that of the prior, where its normaliser is had from draws. The covariance of consecutive draws is
    too small by that of their mean, which batch means give (Flegal and Jones 2010) and which is added.

    Args:
        looks: draws at the same numbers.
        chains: how many chains each item has.
    """
    mean = torch.stack([look.score for look in looks]).mean(0)
    complete = torch.stack([look.information for look in looks]).mean(0).diag()
    spread, of_mean = _covariances(torch.stack([look.parts for look in looks], dim=1))
    free = [look.free for look in looks if look.free is not None]
    if free:
        spread_of_prior, of_mean_of_prior = _covariances(torch.stack(free, dim=1))
        spread, of_mean = spread - spread_of_prior, of_mean + of_mean_of_prior
    scale = torch.stack([look.scale for look in looks]).mean(0).clamp_min(_TINY).rsqrt()
    share = scale[:, None] * (complete - spread / chains) * scale  # of the information of the energy, what is observed
    values, vectors = torch.linalg.eigh(share)
    inverse = scale[:, None] * ((vectors / values.clamp_min(_SMALLEST_SHARE)) @ vectors.mT) * scale
    step = inverse @ mean
    if float(values[0]) < _SMALLEST_SHARE:
        unknown = torch.full_like(mean, torch.nan)
        return Judgement(step, unknown, unknown)
    noise = inverse @ (of_mean / chains**2) @ inverse
    return Judgement(step, noise.diagonal().sqrt(), (inverse + noise).diagonal().sqrt())


def _covariances(parts: Tensor) -> tuple[Tensor, Tensor]:
    """The covariance of a sum over items, and that of its mean over the looks, from (items, looks, p); both (p, p)."""
    size = math.isqrt(parts.shape[1])
    batches = parts[:, : size * (parts.shape[1] // size)].unflatten(1, (-1, size)).mean(2)
    of_mean = _sample_covariance(batches) / batches.shape[1]
    return _sample_covariance(parts) + of_mean, of_mean


def _sample_covariance(parts: Tensor) -> Tensor:
    """Summed over the first axis, along the second one."""
    centred = parts - parts.mean(1, keepdim=True)
    return torch.einsum("inp,inq->pq", centred, centred) / (parts.shape[1] - 1)


_TINY = 1e-12
_SMALLEST_SHARE = 0.01
