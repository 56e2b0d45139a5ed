"""Light and cast through pixels of given weights, by least squares."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foreknow.cytology.light import SmoothLight

_RIDGE = 1e-3  # of the mean diagonal


def fit_light(
    basis: SmoothLight, y: Tensor, weights: Tensor, ridge: float | None = None, *, free_cast: bool = False
) -> dict[str, Tensor]:
    """The least-squares fit of light, tint and cast, differentiable.

    Args:
        basis: light and tint.
        y: (fields, channels, pixels).
        weights: (fields, pixels).
        ridge: on the coefficients; a thousandth of the mean diagonal if None, and none on the cast.
        free_cast: whether the ridge spares the cast.
    """
    channels, pixels = y.shape[-2:]
    constant = y.new_full((pixels, 1), 1 / math.sqrt(pixels))
    shared = y.sum(dim=1) / math.sqrt(channels)
    found = _solve(
        torch.cat((constant, basis.light), dim=1), shared[..., None], weights, ridge, free_cast=free_cast or ridge is None
    )[..., 0]
    light, casts = found[:, 1:], found[:, :1] / math.sqrt(channels)
    if channels == 1:
        return {"light": light, "cast": casts}
    chroma = basis.chroma
    tints = _solve(
        torch.cat((constant, basis.tint), dim=1), (chroma.mT @ y).mT, weights, ridge, free_cast=free_cast or ridge is None
    )
    cast = casts + tints[:, 0] @ chroma.mT
    return {"light": torch.cat((light, tints[:, 1:].mT.flatten(1)), dim=1), "cast": cast}


def _solve(columns: Tensor, values: Tensor, weights: Tensor, ridge: float | None, *, free_cast: bool) -> Tensor:
    weighted = weights[..., None] * columns
    gram = columns.mT @ weighted
    level = _RIDGE * gram.diagonal(dim1=-2, dim2=-1).mean(dim=-1) if ridge is None else gram.new_full(gram.shape[:1], ridge)
    damping = level[:, None, None] * torch.eye(gram.shape[-1]).to(gram)
    damping[:, 0, 0] *= 0.0 if free_cast else 1.0
    return torch.linalg.solve(gram + damping, weighted.mT @ values)
