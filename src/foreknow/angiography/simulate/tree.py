"""The coronary tree: main arteries where anatomy has them, side branches down to twigs, radii by Murray's law."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.angiography.simulate.branches import STEP, resample, spline, walk
from foreknow.angiography.simulate.heart import Heart
from foreknow.errors import ParameterError
from foreknow.simulate.fields import smooth_series, uniform

_TEMPLATES: dict[str, tuple[tuple[str, int, tuple[tuple[float, float, float], ...]], ...]] = {
    "left": (
        ("left main", -1, ((8, -50, 0.86), (12, -40, 0.94), (14, -30, 1.0))),
        ("left anterior descending", 0, ((14, -30, 1), (4, -12, 1), (0, 15, 1), (-2, 45, 1), (-4, 75, 1), (150, 86, 1))),
        ("left circumflex", 0, ((14, -30, 1.0), (38, -24, 1.0), (75, -18, 1.0), (110, -14, 1.0), (140, -12, 1.0))),
        ("first diagonal", 1, ((3, -8, 1.0), (16, 8, 1.0), (26, 28, 1.0), (30, 48, 1.0), (32, 60, 1.0))),
        ("second diagonal", 1, ((-1, 22, 1.0), (12, 36, 1.0), (20, 52, 1.0), (22, 64, 1.0))),
        ("first obtuse marginal", 2, ((56, -21, 1.0), (66, 0, 1.0), (72, 24, 1.0), (74, 46, 1.0), (72, 58, 1.0))),
        ("second obtuse marginal", 2, ((96, -16, 1.0), (106, 4, 1.0), (110, 26, 1.0), (108, 42, 1.0))),
    ),
    "right": (
        (
            "right coronary",
            -1,
            (
                (-30, -56, 0.78), (-44, -40, 0.92), (-62, -24, 1.0), (-95, -16, 1.02), (-130, -14, 1.02), (-160, -14, 1.0),
                (-170, 4, 1.0), (-168, 30, 1.0), (-166, 58, 1.0),
            ),
        ),
        ("posterolateral", 0, ((-160, -14, 1.0), (-180, -10, 1.0), (-200, 2, 1.0), (-212, 22, 1.0))),
        ("acute marginal", 0, ((-104, -15, 1.02), (-98, 4, 1.02), (-92, 28, 1.0), (-86, 50, 1.0))),
    ),
}  # fmt: skip
"""Main arteries as (name, parent, control points of azimuth and latitude in degrees and depth; see `Heart.surface`)."""

_SHARES = {"left anterior descending": (0.5, 0.6), "left circumflex": (0.4, 0.5), "posterolateral": (0.3, 0.55)}
"""Of the trunk's cubed radius; at its end the left main has two heirs, whose shares add up to about 1."""


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How a coronary tree is drawn.

    Attributes:
        root_radius: of the left main, mm (diameter about 4.5; drawn evenly); the right coronary is 15 % narrower (3.5 to 4 mm).
        levels: levels of branches, the main arteries being the first (4 to 6).
        spacing: mean distance between side branches along a main artery, mm; half of it in the smaller ones (choice).
        side_ratio: radius of a side branch over that of its parent there, drawn evenly (choice; Murray's law fixes the rest).
        length_ratio: length of a side branch over its radius (8 to 15 per segment between branchings and four to six segments).
        least_radius: mm; thinner branches are not drawn (two thirds of a pixel).
        tortuosity: standard deviation of the curvature of a main artery, 1/mm; smaller branches are up to three times as crooked.
        stenoses: expected number of narrowings in a tree (choice).

    Raises:
        ParameterError: if a number is out of range.
    """

    root_radius: tuple[float, float] = (1.8, 2.5)
    levels: int = 5
    spacing: float = 12.0
    side_ratio: tuple[float, float] = (0.25, 0.7)
    length_ratio: float = 58.0
    least_radius: float = 0.16
    tortuosity: float = 0.045
    stenoses: float = 0.7

    def __post_init__(self) -> None:
        low, high = self.side_ratio
        fits = self.root_radius[0] > 0 and self.levels >= 1 and self.spacing > 0 and self.least_radius > 0 and self.length_ratio > 0
        if not (fits and 0 < low <= high < 1 and self.tortuosity >= 0 and self.stenoses >= 0):
            message = (
                "a tree needs positive radii, spacing and length ratio, at least one level, side ratios between 0 and 1, and "
                f"tortuosity and stenoses of 0 or more, not {self}"
            )
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class CoronaryTree:
    """Branches as one long list of points.

    Attributes:
        points: (points, 3) float64 heart coordinates, mm, about ``STEP`` apart within a branch.
        radius: (points,) of the lumen, mm.
        path: (points,) mm of vessel between the ostium and the point.
        branch: (points,) which branch, counted from 0 in order of growth.
        level: (branches,) 1 for main arteries.
        parent: (branches,) branch that it leaves, -1 for the root.
        names: of the branches; empty for all but main arteries.
    """

    points: Tensor
    radius: Tensor
    path: Tensor
    branch: Tensor
    level: Tensor
    parent: Tensor
    names: tuple[str, ...]

    @property
    def steps(self) -> Tensor:
        """(points,) mm of vessel that each point stands for: from it to the next; 0 at the ends of branches."""
        lengths = self.points.diff(dim=0).norm(dim=1)
        alike = self.branch[1:] == self.branch[:-1]
        return torch.cat((lengths * alike, lengths.new_zeros(1)))


@dataclass(slots=True)
class _Branch:
    points: Tensor
    radius: Tensor
    course: Tensor  # mm of vessel from the ostium
    level: int
    parent: int
    name: str
    sides: Tensor  # places where side branches leave
    side_radius: Tensor


def grow_tree(settings: TreeSettings, heart: Heart, artery: str, generator: torch.Generator | None = None) -> CoronaryTree:
    """Draw a tree.

    Args:
        settings: how.
        heart: on which it lies.
        artery: ``left`` or ``right``.
        generator: source of all random numbers (CPU).

    Raises:
        ParameterError: if there is no such artery.
    """
    if artery not in _TEMPLATES:
        message = f"the artery is left or right, not {artery!r}"
        raise ParameterError(message)
    branches = _main_arteries(settings, heart, artery, generator)
    first = 0
    for level in range(2, settings.levels + 1):
        grown = _next_level(settings, heart, branches, first, level, generator)
        if not grown:
            break
        first = len(branches)
        branches.extend(grown)
    _narrow(settings, branches, generator)
    counts = torch.tensor([len(branch.points) for branch in branches])
    return CoronaryTree(
        torch.cat([branch.points for branch in branches]),
        torch.cat([branch.radius for branch in branches]),
        torch.cat([branch.course for branch in branches]),
        torch.repeat_interleave(torch.arange(len(branches)), counts),
        torch.tensor([branch.level for branch in branches]),
        torch.tensor([branch.parent for branch in branches]),
        tuple(branch.name for branch in branches),
    )


def _main_arteries(settings: TreeSettings, heart: Heart, artery: str, generator: torch.Generator | None) -> list[_Branch]:
    branches: list[_Branch] = []
    turn = 5 * torch.randn(2, generator=generator, dtype=torch.float64)
    radius = uniform(settings.root_radius, generator) * (0.85 if artery == "right" else 1.0)
    for name, parent, control in _TEMPLATES[artery]:
        nodes = torch.tensor(control, dtype=torch.float64)
        freedom = torch.tensor([6.0, 3.0, 0.01], dtype=torch.float64)
        jitter = freedom * torch.randn(nodes.shape, generator=generator, dtype=torch.float64)
        jitter[0] = 0
        nodes = spline(nodes + jitter)
        points = heart.surface(nodes[:, 0] + turn[0], nodes[:, 1] + turn[1], nodes[:, 2])
        points = _crooked(resample(points), settings.tortuosity, generator)
        start, path = radius, 0.0
        if parent >= 0:
            trunk = branches[parent]
            joint = int((trunk.points - points[0]).norm(dim=1).argmin())
            points = points + (trunk.points[joint] - points[0]) * torch.exp(-STEP * torch.arange(len(points)) / 8.0)[:, None]
            path = float(trunk.course[joint])
            start = _fork(trunk, joint, uniform(_SHARES.get(name, (0.12, 0.35)), generator))
        branches.append(_finish(settings, points, start, path, 1, parent, name, generator))
    return branches


def _fork(trunk: _Branch, joint: int, share: float) -> float:
    """The radius of a branch that takes a ``share`` of the trunk's cubed radius at ``joint``; the trunk keeps the rest (Murray)."""
    whole = float(trunk.radius[joint])
    trunk.radius[joint + 1 :] *= (1 - share) ** (1 / 3)
    trunk.side_radius[trunk.sides > joint] *= (1 - share) ** (1 / 3)
    return whole * share ** (1 / 3)


def _next_level(
    settings: TreeSettings, heart: Heart, branches: list[_Branch], first: int, level: int, generator: torch.Generator | None
) -> list[_Branch]:
    """All branches that leave those from ``first`` on, grown at once."""
    owner = torch.cat([torch.full_like(branch.sides, number + first) for number, branch in enumerate(branches[first:])])
    places = torch.cat([branch.sides for branch in branches[first:]])
    radius = torch.cat([branch.side_radius for branch in branches[first:]])
    if not len(places):
        return []
    at = [(branches[number].points, place) for number, place in zip(owner.tolist(), places.tolist(), strict=True)]
    starts = torch.stack([points[place] for points, place in at])
    along = torch.stack([points[min(place + 3, len(points) - 1)] - points[max(place - 3, 0)] for points, place in at])
    along = along / along.norm(dim=1, keepdim=True).clamp_min(1e-9)
    normal = starts / heart.half_axes.square()
    aside = torch.linalg.cross(normal / normal.norm(dim=1, keepdim=True), along)
    draw = torch.rand(4, len(places), generator=generator, dtype=torch.float64)
    side = torch.where(draw[0] < 0.5, -1.0, 1.0)
    towards_apex = torch.sign(aside[:, 2])
    side = torch.where((towards_apex * along[:, 2].abs().lt(0.5)).abs() > 0, towards_apex, side)  # off a ring: to the apex
    angle = torch.deg2rad(30 + 45 * draw[1])
    headings = angle.cos()[:, None] * along + (side * angle.sin())[:, None] * aside
    lengths = settings.length_ratio * radius * torch.exp(0.35 * torch.randn(len(places), generator=generator, dtype=torch.float64))
    septal = (draw[2] < 0.3) & (starts[:, 1].abs() < 0.35 * heart.half_axes[1])
    tracks = walk(
        heart,
        starts,
        headings,
        lengths.clamp(5.0, 90.0),
        curvature=settings.tortuosity * (0.6 + radius.clamp_min(0.2) ** -1).clamp_max(3.5),
        sink=torch.where(septal, 0.45, 0.04 * draw[3]),
        pull=0.012,
        generator=generator,
    )
    return [
        _finish(settings, points, width, float(branches[number].course[place]), level, number, "", generator)
        for points, width, number, place in zip(tracks, radius.tolist(), owner.tolist(), places.tolist(), strict=True)
    ]


def _finish(
    settings: TreeSettings, points: Tensor, radius: float, path: float, level: int, parent: int, name: str,
    generator: torch.Generator | None,
) -> _Branch:  # fmt: skip
    """Radii along a branch, and where its side branches leave: each takes its share of the cube (Murray)."""
    count = len(points)
    spacing = settings.spacing if level == 1 else settings.spacing * 0.6
    distances = spacing * (0.3 + 0.7 * torch.empty(count, dtype=torch.float64).exponential_(generator=generator))
    places = (distances.cumsum(0) / STEP).long()
    places = places[(places > 8) & (places < count - 8)]
    low, high = settings.side_ratio
    ratios = low + (high - low) * torch.rand(len(places), generator=generator, dtype=torch.float64)
    kept = torch.cumprod((1 - ratios**3) ** (1 / 3), dim=0)
    before = torch.cat((kept.new_ones(1), kept))[:-1]
    place = torch.arange(count)
    passed = torch.searchsorted(places, place, right=True)
    taper = 1 - 0.3 * ((place / max(1, count - 1)) - 0.5).clamp_min(0) * 2
    widths = radius * torch.cat((kept.new_ones(1), kept))[passed] * taper
    widths = (widths * (1 + 0.035 * smooth_series(count, 2.0 / STEP, generator))).clamp_min(0.8 * settings.least_radius)
    side_radius = radius * before * ratios
    wide = side_radius >= settings.least_radius
    lengths = points.diff(dim=0).norm(dim=1)
    course = path + torch.cat((lengths.new_zeros(1), lengths.cumsum(0)))
    return _Branch(points, widths, course, level, parent, name, places[wide], side_radius[wide])


def _crooked(points: Tensor, tortuosity: float, generator: torch.Generator | None) -> Tensor:
    """A curve moved aside smoothly, by more the more tortuous; its first point stays."""
    wander = smooth_series(len(points), 7.0 / STEP, generator, batch=3).T
    fade = 1 - torch.exp(-STEP * torch.arange(len(points), dtype=torch.float64) / 6.0)
    return points + 25.0 * tortuosity * fade[:, None] * (wander - wander[0])


def _narrow(settings: TreeSettings, branches: list[_Branch], generator: torch.Generator | None) -> None:
    """Stenoses: smooth narrowings by 30 to 80 % in branches that are wide enough to have a lesion seen."""
    wide = [branch for branch in branches if float(branch.radius[0]) > 0.6 and len(branch.points) > 40]
    number = int(torch.poisson(torch.tensor(float(settings.stenoses)), generator=generator))
    for _ in range(number if wide else 0):
        branch = wide[int(torch.randint(len(wide), (1,), generator=generator))]
        centre = uniform((0.1, 0.8), generator) * len(branch.points)
        width = uniform((1.5, 6.0), generator) / STEP
        depth = uniform((0.3, 0.8), generator)
        place = torch.arange(len(branch.points), dtype=torch.float64)
        branch.radius = branch.radius * (1 - depth * torch.exp(-0.5 * ((place - centre) / width).square()))
