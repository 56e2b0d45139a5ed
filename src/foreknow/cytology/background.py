"""The background of fields: smooth light of low rank over the fields, with cells that only darken."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.cytology.above_glass import CellsAboveGlass
from foreknow.cytology.light import Cast, SmoothLight
from foreknow.cytology.light_fit import fit_light
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.surface import at_pixels
from foreknow.errors import ShapeError
from foreknow.model import Model
from foreknow.priors import Box, NuclearNorm
from foreknow.problem import Component
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import FISTA, ConvergenceWarning, Solution

FORMULA = (
    "|fields - light - cast - cells - glints|^2 / (2 sigma^2) + w |light|_* + sum of v |cells|_2 + u |glints|_2, "
    "cells >= 0 >= glints, over optical density"
)
NOISE_FLOOR = 0.002  # optical density, about one grey level of eight bits
_NARROW, _WIDE = 1.5, 3.0  # standard deviations, coarse pixels: what unevenness is measured against, and over
_LOW_SHARE, _LOW_DIFFERENCE = 0.2, 0.358  # the quantile of differences of white noise, in its standard deviation
_BRIGHTEST, _DARKEST = -0.1, 3.0  # optical density of empty glass
_LEAST_WEIGHT = 1e-3
_REWEIGHTINGS = 6
_STEPS_ON_THE_WAY, _GAP_ON_THE_WAY = 10, 0.1  # of rounds whose solution is but the start of the next
_GIVEN_BACK = 0.5  # ridge with which light is given back: little where little glass is seen
_HALF_NORMAL = 0.6744897501960817


@dataclass(frozen=True)
class Background:
    """Empty glass as it would be seen.

    Attributes:
        surface: (fields, channels, h, w) float32 optical density on a coarse grid.
        size: (height, width) of the fields in pixels.
        sigma: (fields,) noise of the coarse grid about it.
        certificate: relative duality gap of the last round.
        iterations: of all rounds.
        converged: whether the last round reached its tolerance.
    """

    surface: Tensor = field(repr=False)
    size: tuple[int, int]
    sigma: Tensor
    certificate: float
    iterations: int
    converged: bool

    def of(self, number: int) -> Tensor:
        """The background of a field in full size, (channels, height, width)."""
        return at_size(self.surface[number], self.size)


def fit_background(densities: Tensor, settings: DetectSettings | None = None) -> Background:
    """The background of fields of one size, each with its own light; what their lights have in common has low rank.

    Each round is a convex problem, the last one solved to a certified duality gap:

        min |y - A l - B c - s - g|^2 / (2 sigma^2) + w |L|_* + sum_i v_i |s_i|_2 + u sum_i |g_i|_2,   s >= 0 >= g,

    l smooth light (`SmoothLight`), L its coefficients with one row a field, c a number for each channel (`Cast`), s cells and g
    glints, grouped over channels. The weight w is ``rigidity`` |v|_2, as in robust PCA: cells all over the field cannot bend the
    light by themselves, whatever they cover. Between the rounds v becomes small where cells are found (Candes, Wakin and Boyd
    2008), but only where pixels around are uneven, as cells are and light is not.

    Args:
        densities: (fields, channels, height, width) float32 optical density.
        settings: the weights.

    Raises:
        ShapeError: if there are other axes, or fields have too few pixels.
    """
    settings = settings or DetectSettings()
    if densities.ndim != 4:
        message = f"fields have the axes (fields, channels, height, width), not the shape {tuple(densities.shape)}"
        raise ShapeError(message)
    size = (densities.shape[-2], densities.shape[-1])
    coarse = reduced(densities, max(1, math.ceil(max(size) / settings.side)))
    return fit_coarse(coarse, size, settings)


def fit_coarse(coarse: Tensor, size: tuple[int, int], settings: DetectSettings) -> Background:
    """The background of fields that are given on the coarse grid, (fields, channels, h, w)."""
    fields, channels, height, width = coarse.shape
    light = SmoothLight(height, width, channels, settings.order, settings.tint).to(coarse.dtype)
    cast = Cast(height * width)
    y = coarse.flatten(2)
    sigma = noise_of_differences(coarse.mean(dim=1))
    gate = unevenness(coarse, sigma, settings).flatten(1)[:, None]
    start = {
        "light": y.new_zeros(fields, light.coefficients),
        "cast": y.quantile(0.05, dim=-1) * math.sqrt(y.shape[-1]),
    }
    weights = 1 / (1 + gate / settings.depth[0])
    starts = [start, fit_light(light, y, (1 - gate[:, 0]).square() + _LEAST_WEIGHT)]
    solutions: list[Solution] = []
    rough = replace(
        settings,
        tolerance=max(settings.tolerance, _GAP_ON_THE_WAY),
        max_iterations=min(settings.max_iterations, _STEPS_ON_THE_WAY),
    )
    for number, (depth, rigidity) in enumerate(zip(settings.depth, settings.rigidity, strict=True)):
        spread = sigma.mean()  # fields of one batch come from one camera
        unit = math.sqrt(channels) / spread
        cells = (depth if number else 1.0) * unit * weights
        noise = CellsAboveGlass(cells, settings.glint * unit, spread)
        bound = rigidity * float((gate * cells).norm())
        model = background_model(light, cast, bound, noise)
        near = [reweighted(light, y, noise, bound, one) for one in (starts if not number else [start])]
        start = min([*starts, *near] if not number else [start, *near], key=lambda one: float(model.objective(one, y)))
        on_the_way = number + 1 < len(settings.depth)
        solutions.append(_solve(model, y, start, rough if on_the_way else settings))
        start = dict(solutions[-1].coefficients)
        residual = y - solutions[-1]["light"] - solutions[-1]["cast"]
        if number:
            sigma = lower_noise(residual.mean(dim=1)).clamp_min(NOISE_FLOOR)
        found = residual.clamp_min(0).square().mean(dim=1, keepdim=True).sqrt()
        weights = 1 / (1 + gate * found / (2 * sigma[:, None, None]))
    last = solutions[-1]
    surface = last["light"] + last["cast"]
    missed = fit_light(light, y - surface, weights[:, 0].square(), _GIVEN_BACK)  # what the nuclear norm takes away
    lights = light.on(tuple(missed["light"].shape))(missed["light"])
    surface = (surface + lights + missed["cast"][..., None] / math.sqrt(y.shape[-1])).reshape(coarse.shape)
    return Background(
        surface,
        size,
        sigma,
        float(last.certificate.worst),
        sum(one.iterations for one in solutions),
        bool(last.converged),
    )


def reweighted(
    light: SmoothLight, y: Tensor, noise: CellsAboveGlass, rigidity: float, start: dict[str, Tensor]
) -> dict[str, Tensor]:
    """A start nearer to the solution of a round, by least squares with Huber's weights (Holland and Welsch 1977).

    The solver moves the light by no more than the cells' weight a step, which is little where they weigh little; the problem is
    convex, so that its start matters for the time alone.
    """
    variance = float(noise.sigma.square())
    found = start
    for _ in range(_REWEIGHTINGS):
        residual = y - light.on(tuple(found["light"].shape))(found["light"]) - found["cast"][..., None] / math.sqrt(y.shape[-1])
        size = residual.square().sum(dim=1).sqrt().clamp_min(1e-9)
        limit = torch.where(residual.sum(dim=1) > 0, noise.cells.expand(len(y), 1, y.shape[-1])[:, 0], noise.glints) * variance
        ridge = rigidity * variance / max(float(found["light"].norm()), math.sqrt(variance))
        found = fit_light(light, y, (limit / size).clamp_max(1.0), ridge, free_cast=True)
    return found


def background_model(light: SmoothLight, cast: Cast, rigidity: float, noise: CellsAboveGlass) -> Model:
    """The model of one round; cells and glints are part of its data term."""
    scale = math.sqrt(cast.pixels)
    return Model(
        light=Component(NuclearNorm(rigidity), light),
        cast=Component(Box(_BRIGHTEST * scale, _DARKEST * scale, event_dims=2), cast),
        noise=noise,
        event_dims=3,
    )


def _solve(model: Model, y: Tensor, start: dict[str, Tensor], settings: DetectSettings) -> Solution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it becomes a notice
        return model.solve(y, algorithm=FISTA(), tolerance=settings.tolerance, max_iterations=settings.max_iterations, start=start)


def unevenness(coarse: Tensor, sigma: Tensor, settings: DetectSettings) -> Tensor:
    """How sure it is that pixels around are too uneven for light, 0 to 1, (fields, h, w); a lone grain counts little."""
    rough = (coarse - gaussian_blur(coarse, _NARROW)).square().mean(dim=1) / (settings.texture * sigma[:, None, None].square())
    share = gaussian_blur(rough.clamp_max(1.0), _WIDE) / settings.dense
    return share.square() / (1 + share.square())


def noise_of_differences(planes: Tensor) -> Tensor:
    """Noise of (fields, h, w) by the small ones among the differences of neighbours, which cells make no larger; (fields,)."""
    down, right = planes.diff(dim=-2).abs().flatten(1), planes.diff(dim=-1).abs().flatten(1)
    low = torch.cat((down, right), dim=1).quantile(_LOW_SHARE, dim=1) / _LOW_DIFFERENCE
    return low.clamp_min(NOISE_FLOOR)


def lower_noise(residual: Tensor) -> Tensor:
    """Standard deviation of background noise by what is below 0, where no cell is; (fields, n) -> (fields,)."""
    below = torch.where(residual < 0, residual.abs(), residual.new_full((), math.nan))
    return (below.nanmedian(dim=1).values / _HALF_NORMAL).nan_to_num(0.0)


def reduced(planes: Tensor, factor: int) -> Tensor:
    """Means of squares of ``factor`` pixels; those at the right and below may be cut."""
    if factor == 1:
        return planes
    return functional.avg_pool2d(planes, factor, ceil_mode=True, count_include_pad=False)


def at_size(surface: Tensor, size: tuple[int, int]) -> Tensor:
    """A smooth surface (channels, h, w) of the coarse grid at full size."""
    return at_pixels(surface, max(1, math.ceil(max(size) / max(surface.shape[-2:]))), size)
