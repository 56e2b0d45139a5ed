"""A moving neck held still: the rigid motion of the surface before a depth camera, and what is left when it is undone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from foreknow.errors import DataError
from foreknow.files.depth import Intrinsics
from foreknow.swallow.movement.neck_region import filled

_STEPS = 3  # of Gauss and Newton a frame at most; the pose of the frame before is a good start
_SMALL_MM, _SMALL_TURN = 0.5, 0.005  # a change below which the linear prediction of the residual stands
_HUBER_MM = 2.5  # residuals beyond it pull with less weight
_FAR_MM = 18.0  # and beyond this not at all: something else is seen there
_MOVE_MM, _TURN = 4.0, 0.035  # between two frames, standard deviations: 4 mm, 2 degrees
_INDEPENDENT = 0.08  # share of pixels whose noise is independent
_LONGEST_MEMORY = 150  # frames


@dataclass(frozen=True, slots=True)
class Tracked:
    """One frame after its rigid motion was undone.

    Attributes:
        residual: (height, width) millimetres, how much farther away the surface is than at rest, on the pixels of the reference;
            0 where nothing is seen.
        seen: (height, width) bool, where it is known.
        pose: (6,) turn about the axes right, down, away (radians) and shift along them (millimetres) since the reference.
        share: of the pixels of the reference that are seen and fit, 0 to 1.
        spread: standard deviation of the residuals (robust), millimetres.
    """

    residual: Tensor
    seen: Tensor
    pose: Tensor
    share: float
    spread: float


class RigidTracker:
    """Follows a surface frame by frame.

    Depth is compared along the rays of the camera (projective data association, Blais and Levine 1995), and the pose takes
    Gauss-Newton steps on the distance to the tangent planes (Chen and Medioni 1992). The reference is refined by every frame that
    is seen, so that its noise fades.

    Args:
        reference: (height, width) millimetres, NaN where nothing is seen; a mean over some frames.
        camera: of its pixels.
        pivot: point about which turns are counted, millimetres.
        frames: how many frames the reference is a mean of.

    Raises:
        DataError: if the reference shows next to nothing.
    """

    def __init__(self, reference: Tensor, camera: Intrinsics, pivot: tuple[float, float, float], frames: int = 1) -> None:
        known = ~reference.isnan()
        if int(known.sum()) < 64:
            message = "the neck is hardly seen; check the distance of the camera, and light that disturbs it"
            raise DataError(message)
        self._camera, self._known = camera, known
        self._rays = camera.rays()
        self._reference = torch.where(known, reference, 0.0)
        self._counts = torch.where(known, float(frames), 0.0)
        self._pivot = torch.tensor(pivot)
        self._rotation, self._shift = torch.eye(3), torch.zeros(3)
        self._age = 0
        self._prior = torch.tensor([_TURN] * 3 + [_MOVE_MM] * 3).pow(-2).diag()
        self._set_planes()

    @property
    def points(self) -> Tensor:
        """The reference, (3, height, width) millimetres."""
        return self._rays * self._reference

    @property
    def known(self) -> Tensor:
        """Where there is a reference, (height, width) bool."""
        return self._known

    def step(self, frame: Tensor) -> Tracked:
        """Follow the surface into the next frame, (height, width) millimetres, NaN where nothing is seen."""
        depth = torch.stack((frame.nan_to_num(0.0), (~frame.isnan()).to(frame.dtype)))[None]
        points = self.points.flatten(1)
        for _ in range(_STEPS):
            residual, seen, moved = self._compare(depth, points)
            design = torch.cat((torch.linalg.cross(moved, self._planes, dim=0), self._planes))
            change = self._solve(residual, seen, design)
            self._rotation = _turn(change[:3]) @ self._rotation
            self._shift = self._shift + change[3:]
            residual = residual - torch.where(seen, change @ design, 0.0)  # exact to first order
            if float(change[:3].abs().max()) < _SMALL_TURN and float(change[3:].abs().max()) < _SMALL_MM:
                break
        typical = residual[seen].abs().median() if bool(seen.any()) else residual.new_tensor(torch.inf)
        fits = seen & (residual.abs() < _FAR_MM)
        share = float(fits.sum()) / max(1, int(self._known.sum()))
        self._refine(residual, fits)
        shape = self._known.shape
        pose = torch.cat((_vector(self._rotation), self._shift))
        clean = torch.where(fits, residual, 0.0)
        return Tracked(clean.reshape(shape), fits.reshape(shape), pose, share, float(1.4826 * typical))

    def restart(self) -> None:
        """Forget the pose, as after the neck was lost."""
        self._rotation, self._shift = torch.eye(3), torch.zeros(3)

    def _compare(self, depth: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residuals (pixels,), where they are known, and the moved reference (3, pixels) about the pivot."""
        camera = self._camera
        moved = self._rotation @ (points - self._pivot[:, None])
        x, y, z = moved + (self._pivot + self._shift)[:, None]
        z = z.clamp(min=1.0)
        column = (camera.fx * x / z + camera.cx) * (2 / max(1, camera.width - 1)) - 1
        row = (camera.fy * y / z + camera.cy) * (2 / max(1, camera.height - 1)) - 1
        grid = torch.stack((column, row), dim=-1)[None, None]
        value, weight = grid_sample(depth, grid, mode="bilinear", padding_mode="zeros", align_corners=True)[0, :, 0]
        seen = (weight > 0.7) & self._known.flatten()
        return torch.where(seen, value / weight.clamp(min=1e-3) - z, 0.0), seen, moved

    def _solve(self, residual: Tensor, seen: Tensor, design: Tensor) -> Tensor:
        """The change of pose (turn, shift) that explains residuals."""
        size = residual.abs()
        weight = torch.where(seen & (size < _FAR_MM), _HUBER_MM / size.clamp(min=_HUBER_MM), 0.0)
        weighted = design * weight
        variance = (weight * residual.square()).sum() / weight.sum().clamp(min=1.0) + 0.01
        normal = weighted @ design.T * (_INDEPENDENT / variance) + self._prior
        change: Tensor = torch.linalg.solve(normal.double(), (weighted @ residual * (_INDEPENDENT / variance)).double())
        return change.to(residual.dtype)

    def _refine(self, residual: Tensor, fits: Tensor) -> None:
        """Let the reference become the mean of what was seen of it, the latest frames counting most."""
        counts = self._counts.flatten()
        counts = torch.where(fits, (counts + 1).clamp(max=_LONGEST_MEMORY), counts)
        moved = self._reference.flatten() + torch.where(fits, residual / counts.clamp(min=1.0), 0.0)
        self._reference, self._counts = moved.reshape(self._known.shape), counts.reshape(self._known.shape)
        self._age += 1
        if self._age in {15, 60}:
            self._set_planes()

    def _set_planes(self) -> None:
        """Normals m of the reference, scaled so that m . ray = 1: depth along the ray changes by m . movement; (3, pixels)."""
        pixel = float(self._reference[self._known].median()) / self._camera.fx
        smooth = filled(torch.where(self._known, self._reference, torch.nan), 3.5 / pixel)
        points = self._rays * smooth
        down, right = (torch.gradient(points, dim=axis)[0] for axis in (1, 2))
        normal = torch.linalg.cross(right, down, dim=0)
        facing = (normal * self._rays).sum(0)
        limit = 0.25 * normal.norm(dim=0) * self._rays.norm(dim=0)  # grazing rays would say too much
        self._planes = (normal / torch.where(facing.abs() < limit, limit.copysign(facing), facing)).flatten(1)


def _turn(vector: Tensor) -> Tensor:
    """The rotation matrix of a rotation vector (3,), by Rodrigues' formula."""
    x, y, z = vector.tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    first = math.sin(angle) / angle if angle > 1e-8 else 1.0
    second = (1 - math.cos(angle)) / angle**2 if angle > 1e-4 else 0.5
    skew = vector.new_tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return torch.eye(3) + first * skew + second * (skew @ skew)


def _vector(rotation: Tensor) -> Tensor:
    """The rotation vector of a rotation matrix of less than a half turn."""
    part = 0.5 * torch.stack((rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]))
    sine = part.norm()
    angle = torch.atan2(sine, 0.5 * (rotation.trace() - 1))
    return part * (angle / sine if float(sine) > 1e-9 else 1.0)
