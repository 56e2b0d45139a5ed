"""Variance and correlation of noise from differences between neighbours, after a plane has been taken out of each block."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

BLOCK = 32
"""Side of a block, pixels."""
_LAGS = (1, 2, 3, 4, 6, 8, 12)
_CORRELATIONS = torch.logspace(-0.55, 0.8, 28, dtype=torch.float64)  # 0.28 to 6.3 pixels


@dataclass(frozen=True, slots=True)
class Variogram:
    """A fitted variogram: nugget + sill (1 - exp(-d^2 / (4 correlation^2))).

    Attributes:
        nugget: variance that neighbours do not share (steps, white noise).
        sill: variance that they share.
        correlation: standard deviation of the Gaussian that smooths white noise into it, pixels.
    """

    nugget: float
    sill: float
    correlation: float

    @property
    def variance(self) -> float:
        """Of a pixel."""
        return self.nugget + self.sill


def blocks_of(images: Tensor) -> Tensor:
    """Images (..., height, width) cut into blocks, (..., blocks, BLOCK, BLOCK); borders that fill no block are left out."""
    rows, columns = images.shape[-2] // BLOCK, images.shape[-1] // BLOCK
    cut = images[..., : rows * BLOCK, : columns * BLOCK]
    tiled = cut.reshape(*images.shape[:-2], rows, BLOCK, columns, BLOCK).movedim(-3, -2)
    return tiled.reshape(*images.shape[:-2], rows * columns, BLOCK, BLOCK)


def without_planes(blocks: Tensor, valid: Tensor) -> Tensor:
    """Blocks (..., BLOCK, BLOCK) less the best planes through their valid pixels, same shape, 0 elsewhere.

    Args:
        blocks: finite everywhere.
        valid: same shape, bool.
    """
    constant, slope = _basis().to(blocks)
    planes = torch.stack((torch.outer(constant, constant), torch.outer(slope, constant), torch.outer(constant, slope))).flatten(1)
    weight, values = valid.flatten(-2).to(blocks), torch.where(valid, blocks, 0.0).flatten(-2)
    normal = (weight[..., None, :] * planes) @ planes.T + 1e-6 * torch.eye(3).to(blocks)
    amounts = torch.linalg.solve(normal, (values @ planes.T)[..., None])[..., 0]
    return torch.where(valid, (values - amounts @ planes).reshape(blocks.shape), 0.0)


def semivariances(blocks: Tensor, valid: Tensor) -> Tensor:
    """Half the mean squared difference of valid pixels at each lag: (..., BLOCK, BLOCK) -> (..., 2: down, along rows; lags)."""
    found = []
    for axis in (-2, -1):
        for lag in _LAGS:
            rest = BLOCK - lag
            both = valid.narrow(axis, lag, rest) & valid.narrow(axis, 0, rest)
            squares = (blocks.narrow(axis, lag, rest) - blocks.narrow(axis, 0, rest)).square()
            total, pairs = torch.where(both, squares, 0.0).sum((-2, -1)), both.sum((-2, -1))
            found.append(0.5 * total / pairs.clamp(min=1))
    return torch.stack(found, dim=-1).unflatten(-1, (2, len(_LAGS)))


def fit_variogram(measured: Tensor) -> Variogram:
    """Least squares over semivariances (lags,), relative to their size, with what the planes took away accounted for."""
    target = measured.to(torch.float64)
    best, chosen = float("inf"), Variogram(float(target[-1]), 0.0, 0.3)
    white, smooth = _expected()
    for correlation, shape in zip(_CORRELATIONS, smooth, strict=True):
        columns = torch.stack((white, shape), dim=1) / target[:, None].clamp(min=1e-30)
        for used in ((0, 1), (0,), (1,)):
            part = columns[:, used]
            values = torch.linalg.lstsq(part, torch.ones_like(target)[:, None]).solution[:, 0]
            error = float((part @ values - 1).square().sum())
            if bool((values >= 0).all()) and error < best - 1e-9:
                nugget, sill = (float(values[used.index(place)]) if place in used else 0.0 for place in (0, 1))
                best, chosen = error, Variogram(nugget, sill, float(correlation))
    return chosen


def share_left(correlation: float) -> float:
    """Share of the variance of noise of this correlation that planes leave in blocks."""
    line = torch.arange(BLOCK, dtype=torch.float64)
    covariance = torch.exp(-(line[:, None] - line).square() / (4 * max(correlation, 1e-3) ** 2))
    inside = (_basis() @ covariance @ _basis().T).diagonal() / BLOCK
    return float(1 - inside[0] ** 2 - 2 * inside[0] * inside[1])


def _basis() -> Tensor:
    """Constant and slope along a side, orthonormal, (2, BLOCK)."""
    place = torch.arange(BLOCK, dtype=torch.float64) - (BLOCK - 1) / 2
    return torch.stack((torch.full_like(place, BLOCK**-0.5), place / place.norm()))


@cache
def _expected() -> tuple[Tensor, Tensor]:
    """Semivariances of unit noise after planes are taken out: white (lags,), and smooth (correlations, lags)."""
    lines = torch.arange(BLOCK, dtype=torch.float64)
    distance = (lines[:, None] - lines).square()
    identity = torch.eye(BLOCK, dtype=torch.float64)
    covariances = [identity, *(torch.exp(-distance / (4 * float(c) ** 2)) for c in _CORRELATIONS)]
    rows = torch.stack([_semivariances_without_planes(line) for line in covariances])
    return rows[0], rows[1:]


def _semivariances_without_planes(line: Tensor) -> Tensor:
    """Of a field whose covariance is the product of ``line`` (BLOCK, BLOCK) along both sides."""
    basis = _basis()
    planes = [torch.outer(basis[i], basis[j]).reshape(-1) for i, j in ((0, 0), (1, 0), (0, 1))]
    plane = torch.stack(planes)  # (3, pixels)
    full = torch.kron(line, line)
    shared = plane @ full
    left = full - plane.T @ shared - shared.T @ plane + plane.T @ (shared @ plane.T) @ plane
    pixels = torch.arange(BLOCK * BLOCK).reshape(BLOCK, BLOCK)
    variance = left.diagonal()
    found = []
    for lag in _LAGS:
        total = []
        for first, second in ((pixels[lag:], pixels[:-lag]), (pixels[:, lag:], pixels[:, :-lag])):
            a, b = first.reshape(-1), second.reshape(-1)
            total.append(0.5 * (variance[a] + variance[b] - 2 * left[a, b]).mean())
        found.append(0.5 * (total[0] + total[1]))
    return torch.stack(found)
