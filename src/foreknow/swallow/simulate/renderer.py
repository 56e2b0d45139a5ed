"""Where each pixel's ray meets the skin of a moving neck."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from foreknow.files.depth import Intrinsics
from foreknow.swallow.simulate.camera import Pose
from foreknow.swallow.simulate.neck import REACH, Neck

_COARSE_MM = 3.4
_COARSE_STEPS = 10
_FINE_STEPS = 2
_SLOPES = (0.3, 4.0)
_CRICOID = (0.35, 21.0, 0.7)  # second bump below the prominence: height, distance (mm), length relative to it


@dataclass(frozen=True, slots=True)
class View:
    """What a camera sees of a moving neck.

    Attributes:
        depth: (time, height, width), millimetres along the optical axis.
        facing: cosine between the line of sight and the skin's normal, same shape.
        dropout: share of measurements that hair and beard hide, same shape; None without them.
    """

    depth: Tensor
    facing: Tensor
    dropout: Tensor | None


class Renderer:
    """Sees a neck frame by frame.

    The skin is found on a few rays by the secant method, and from there on all rays by two steps of Newton's method, to within
    0.02 mm where the skin faces the camera. What moves the skin softly (all but the prominence) is taken from the few rays.

    Args:
        neck: the shape.
        camera: pinhole, whose rays are followed.
        distance: of the neck, millimetres; sets how few rays there are.
        device: where to compute.
        dtype: of the computation.
    """

    def __init__(self, neck: Neck, camera: Intrinsics, distance: float, device: str | torch.device, dtype: torch.dtype) -> None:
        self._neck = neck
        rays = camera.rays(torch.float64)
        coarser = max(1, round(_COARSE_MM * camera.fx / distance))
        self._fine = (camera.height, camera.width)
        self._coarse = (max(8, camera.height // coarser), max(8, camera.width // coarser))
        self._rays = rays.reshape(3, -1).to(device, dtype)
        few = interpolate(rays[None], self._coarse, mode="bilinear", align_corners=True)[0]
        self._few_rays = few.reshape(3, -1).to(device, dtype)
        tables = [neck.height[None], neck.patterns]
        if neck.dropout is not None:
            tables.append(neck.dropout[None])
        self._tables = torch.cat(tables)[None].to(device, dtype)

    def view(self, pose: Pose, course: Tensor) -> View:
        """What is seen.

        Args:
            pose: of each frame.
            course: (6, time) millimetres: larynx up, skin forward, mouth floor, jaw, breathing, pulse.
        """
        rotation, translation = (part.to(self._rays) for part in (pose.rotation, pose.translation))
        course = course.to(self._rays)
        inverse = rotation.transpose(1, 2)
        origin = -(inverse @ translation[:, :, None])
        few = inverse @ self._few_rays
        depth, slope = self._secant(origin, few, translation[:, 2:], course)
        x, y, _ = (origin + depth[:, None] * few).unbind(1)
        found = self._sample(self._tables, x, y)
        softly = self._softly(x, y, found, course)
        facing = self._facing(depth.reshape(-1, *self._coarse))
        dense = inverse @ self._rays
        seen, slope, softly = (self._widen(part) for part in (depth, slope, softly))
        for _ in range(_FINE_STEPS):
            x, y, z = (origin + seen[:, None] * dense).unbind(1)
            height = self._sample(self._tables[:, :1], x, y)[0] - self._prominence(x, y, course) - softly
            seen = seen + (height - z) / slope
        shape = (-1, *self._fine)
        dropout = None if self._neck.dropout is None else self._widen(found[5]).reshape(shape)
        return View(seen.reshape(shape), self._widen(facing.flatten(1)).reshape(shape), dropout)

    def _secant(self, origin: Tensor, directions: Tensor, start: Tensor, course: Tensor) -> tuple[Tensor, Tensor]:
        """Depth (time, rays) at which rays meet the skin, and how fast they approach it there."""
        depth = start.expand(-1, directions.shape[2]).clone()
        before, gap_before, slope = depth, torch.zeros_like(depth), torch.ones_like(depth)
        for step in range(_COARSE_STEPS):
            x, y, z = (origin + depth[:, None] * directions).unbind(1)
            found = self._sample(self._tables, x, y)
            gap = found[0] - self._prominence(x, y, course) - self._softly(x, y, found, course) - z
            moved = depth - before
            if step:
                secant = (gap_before - gap) / torch.where(moved.abs() > 1e-3, moved, 1.0)
                slope = torch.where(moved.abs() > 1e-3, secant.clamp(*_SLOPES), slope)
            before, gap_before = depth, gap
            depth = depth + gap / slope
        return depth, slope

    @staticmethod
    def _sample(tables: Tensor, x: Tensor, y: Tensor) -> Tensor:
        grid = torch.stack((x, y), dim=-1)[None] / REACH
        return grid_sample(tables, grid, mode="bilinear", padding_mode="border", align_corners=True)[0]

    def _prominence(self, x: Tensor, y: Tensor, course: Tensor) -> Tensor:
        """What the larynx lifts the skin by, (time, rays), wherever it is."""
        share, distance, length = _CRICOID
        up = (y + course[0][:, None]) / self._neck.width
        along = torch.exp(-0.5 * (up / 1.15).square()) + share * torch.exp(
            -0.5 * ((up - distance / self._neck.width) / length).square()
        )
        return self._neck.prominence * torch.exp(-0.5 * (x / self._neck.width).square()) * along

    def _softly(self, x: Tensor, y: Tensor, found: Tensor, course: Tensor) -> Tensor:
        """All else that moves the skin outwards, (time, rays)."""
        lift, forward, *amounts = course[:, :, None]
        moved = forward * torch.exp(-0.5 * ((x / 20).square() + ((y + lift - 5) / 22).square()))
        for amount, pattern in zip(amounts, found[1:5], strict=True):
            moved = moved + amount * pattern
        return moved

    def _widen(self, values: Tensor) -> Tensor:
        """From the few rays to all, (time, few) -> (time, all)."""
        few = values.reshape(-1, 1, *self._coarse)
        return interpolate(few, self._fine, mode="bilinear", align_corners=True).flatten(1)

    def _facing(self, depth: Tensor) -> Tensor:
        points = depth[:, None] * self._few_rays.reshape(1, 3, *self._coarse)
        down, right = points.diff(dim=2)[..., :, :-1], points.diff(dim=3)[..., :-1, :]
        normal = torch.linalg.cross(right, down, dim=1)
        sight = self._few_rays.reshape(3, *self._coarse)[:, :-1, :-1]
        facing = (normal * (sight / sight.norm(dim=0))).sum(1).abs() / normal.square().sum(1).sqrt().clamp(min=1e-9)
        return torch.nn.functional.pad(facing, (0, 1, 0, 1), mode="replicate")
