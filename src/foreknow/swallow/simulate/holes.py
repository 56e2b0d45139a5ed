"""Where a depth camera sees nothing: out of range, at grazing angles, beside edges, in blobs, in hair and beard."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from foreknow.errors import ParameterError
from foreknow.swallow.simulate.noise import StandingField, correlated_noise

_STANDING_SECONDS = 3.0
_SLOW = 0.8  # share of the variance of the blobs without their ragged outlines
_RAGGED = 0.3  # scale of the outlines relative to the blobs


@dataclass(frozen=True, slots=True)
class HoleSettings:
    """Pixels without a measurement.

    Attributes:
        nearest_mm: nearest depth that is measured (D435 about 200 to 280, D415 450, D405 70).
        farthest_mm: farthest.
        grazing_degrees: largest angle between the line of sight and the skin's normal (choice).
        edge_mm: jump of depth between neighbours that hides what is beside it (choice).
        edge_px: how far beside it; 1 is the two neighbours themselves.
        blobs: share of pixels in random blobs where the skin faces the camera, more where it does not (TrueDepth: 0 to 15 %,
            Kinect room: 12 to 17 %, edges and range included).
        blob_px: their size, standard deviation of the smoothing.
        flicker: share of the variance of the blobs' outlines that changes with each frame; the rest moves over seconds.

    Raises:
        ParameterError: if a range is not in order or a share is none.
    """

    nearest_mm: float = 200.0
    farthest_mm: float = 1500.0
    grazing_degrees: float = 76.0
    edge_mm: float = 9.0
    edge_px: int = 1
    blobs: float = 0.01
    blob_px: float = 3.0
    flicker: float = 0.15

    def __post_init__(self) -> None:
        ranges = 0 <= self.nearest_mm < self.farthest_mm and 0 < self.grazing_degrees <= 90 and self.edge_mm > 0
        if not (ranges and self.edge_px >= 1 and 0 <= self.blobs < 1 and self.blob_px > 0 and 0 <= self.flicker <= 1):
            message = f"holes need a range in order, an angle up to 90 degrees, a positive edge, and shares of 0 to 1, not {self}"
            raise ParameterError(message)


class HoleSource:
    """Draws the holes of a trial, block by block in order.

    Args:
        settings: how they are drawn.
        shape: rows and columns.
        count: frames of the whole trial.
        rate: frames per second.
        generator: source of all random numbers (CPU).
    """

    def __init__(self, settings: HoleSettings, shape: tuple[int, int], count: int, rate: float, generator: torch.Generator) -> None:
        self._settings, self._shape, self._generator = settings, shape, generator
        self._grid = (-(-shape[0] // 2) + 1, -(-shape[1] // 2) + 1)  # blobs are drawn on half the resolution
        coarse, fine = settings.blob_px / 2, _RAGGED * settings.blob_px / 2
        self._fine = (fine, fine)
        mixed = (1 - settings.flicker) * (_SLOW * _doubled(coarse) + (1 - _SLOW) * _doubled(fine)) + settings.flicker * _doubled(
            fine
        )
        self._spread = math.sqrt(mixed)
        self._standing = StandingField((coarse, coarse), self._grid, count, _STANDING_SECONDS * rate, generator)
        self._ragged = StandingField((fine, fine), self._grid, count, _STANDING_SECONDS * rate, generator)

    def holes(self, start: int, depth: Tensor, facing: Tensor, dropout: Tensor | None) -> Tensor:
        """Where nothing is seen in the frames from ``start`` on, (time, height, width) bool.

        Args:
            start: number of the first frame.
            depth: (time, height, width), millimetres, without noise.
            facing: cosine of the incidence, same shape.
            dropout: further share of hidden pixels, same shape, or None.
        """
        settings = self._settings
        hidden = (depth < settings.nearest_mm) | (depth > settings.farthest_mm)
        hidden |= facing < math.cos(math.radians(settings.grazing_degrees))
        hidden |= self._beside_edges(depth)
        if settings.blobs or dropout is not None:
            hidden |= self._blobs(start, depth, facing, dropout)
        return hidden

    def _beside_edges(self, depth: Tensor) -> Tensor:
        limit = self._settings.edge_mm
        near = torch.zeros_like(depth, dtype=torch.bool)
        for axis in (1, 2):
            jump = depth.diff(dim=axis).abs() > limit
            near.narrow(axis, 0, jump.shape[axis]).logical_or_(jump)
            near.narrow(axis, 1, jump.shape[axis]).logical_or_(jump)
        for _ in range(self._settings.edge_px - 1):
            for axis in (1, 2):
                wide, last = near.clone(), near.shape[axis] - 1
                wide.narrow(axis, 0, last).logical_or_(near.narrow(axis, 1, last))
                wide.narrow(axis, 1, last).logical_or_(near.narrow(axis, 0, last))
                near = wide
        return near

    def _blobs(self, start: int, depth: Tensor, facing: Tensor, dropout: Tensor | None) -> Tensor:
        settings, count = self._settings, len(depth)
        fresh = correlated_noise(count, self._grid, self._fine, self._generator)
        slow = math.sqrt(_SLOW) * self._standing.frames(start, count) + math.sqrt(1 - _SLOW) * self._ragged.frames(start, count)
        field = math.sqrt(settings.flicker) * fresh + math.sqrt(1 - settings.flicker) * slow
        size = (2 * self._grid[0], 2 * self._grid[1])
        wide = interpolate(field[:, None], size, mode="bilinear")[:, 0, : self._shape[0], : self._shape[1]].to(depth) / self._spread
        share = settings.blobs / facing.clamp(min=0.3)
        share = share if dropout is None else 1 - (1 - share) * (1 - dropout)
        return wide > math.sqrt(2) * torch.erfinv(1 - 2 * share.clamp(1e-6, 1 - 1e-6))


def _doubled(correlation: float) -> float:
    """Variance of a field of variance 1 and this correlation after linear interpolation to twice its resolution."""
    return (0.625 + 0.375 * math.exp(-1 / (4 * correlation**2))) ** 2
