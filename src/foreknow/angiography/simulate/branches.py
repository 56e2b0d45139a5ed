"""Branches that grow over a surface: many at once, each a walk whose heading wanders smoothly."""

import torch
from torch import Tensor

from foreknow.angiography.simulate.heart import Heart
from foreknow.simulate.fields import smooth_series

STEP = 0.4
"""Distance between two points of a branch, mm."""

_WANDER = 6.0  # mm over which the heading's curvature is alike


def walk(
    heart: Heart,
    starts: Tensor,
    headings: Tensor,
    lengths: Tensor,
    *,
    curvature: Tensor,
    sink: Tensor,
    pull: float,
    generator: torch.Generator | None,
) -> list[Tensor]:
    """Let branches grow over the heart's surface.

    Args:
        heart: whose ellipsoid they follow.
        starts: (branches, 3) heart coordinates, mm.
        headings: (branches, 3) initial directions.
        lengths: (branches,) mm.
        curvature: (branches,) standard deviation of the curvature in the surface, 1/mm.
        sink: (branches,) fraction of the depth that is lost over the whole length (septal branches dive inwards).
        pull: curvature towards the apex, 1/mm.
        generator: source of all random numbers (CPU).

    Returns:
        For each branch (points, 3), heart coordinates, ``STEP`` apart; the first is its start.
    """
    steps = (lengths / STEP).round().long().clamp_min(2)
    longest = int(steps.max())
    bends = curvature[:, None] * smooth_series(longest, _WANDER / STEP, generator, batch=len(starts))
    bends = bends + 1.5 * curvature[:, None] * smooth_series(longest, 1.5 / STEP, generator, batch=len(starts))
    shape = heart.half_axes
    depth = (starts / shape).norm(dim=1)
    place, heading = starts, headings / headings.norm(dim=1, keepdim=True)
    apex = torch.stack((torch.zeros(()), torch.zeros(()), shape[2])).to(starts)
    track = [place]
    for number in range(longest):
        normal = place / shape.square()
        normal = normal / normal.norm(dim=1, keepdim=True)
        aside = torch.linalg.cross(normal, heading)
        towards = apex - place
        towards = towards / towards.norm(dim=1, keepdim=True).clamp_min(1)
        heading = heading + STEP * (bends[:, number : number + 1] * aside + pull * towards)
        heading = heading - (heading * normal).sum(1, keepdim=True) * normal
        heading = heading / heading.norm(dim=1, keepdim=True).clamp_min(1e-9)
        place = place + STEP * heading
        wanted = depth * (1 - sink * (number + 1) / steps)
        place = place * (wanted / (place / shape).norm(dim=1))[:, None]
        track.append(place)
    path = torch.stack(track, dim=1)
    return [points[: count + 1] for points, count in zip(path, steps.tolist(), strict=True)]


def spline(control: Tensor) -> Tensor:
    """A Catmull-Rom curve through control points (points, dims): 32 points between two of them."""
    padded = torch.cat((2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]))
    time = torch.linspace(0, 1, 33, dtype=control.dtype)[:-1, None]
    before, left, right, after = (padded[shift : shift + len(control) - 1, None] for shift in range(4))
    curve = 0.5 * (
        2 * left
        + (right - before) * time
        + (2 * before - 5 * left + 4 * right - after) * time**2
        + (3 * left - before - 3 * right + after) * time**3
    )
    return torch.cat((curve.reshape(-1, control.shape[1]), control[-1:]))


def resample(points: Tensor, step: float = STEP) -> Tensor:
    """A polyline (points, dims) resampled at equal distances of about ``step``."""
    lengths = points.diff(dim=0).norm(dim=1)
    path = torch.cat((lengths.new_zeros(1), lengths.cumsum(0)))
    count = max(2, int(path[-1] / step) + 1)
    wanted = torch.linspace(0, float(path[-1]), count, dtype=points.dtype)
    right = torch.searchsorted(path, wanted).clamp(1, len(path) - 1)
    share = (wanted - path[right - 1]) / (path[right] - path[right - 1]).clamp_min(1e-12)
    return points[right - 1] + share[:, None] * (points[right] - points[right - 1])
