"""Stain vectors, background and illumination learned back from an image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError

_LEAST = 0.06  # mean optical density from which a pixel counts as stained
_SAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class BackgroundFit:
    """Empty glass as a quadratic surface in the logarithm.

    Attributes:
        coefficients: (channels, 6) of 1, x, y, x^2, xy, y^2 with x and y from -1 to 1; log10 of the value over the largest.
        surface: (height, width, channels) float32, the value of empty glass over the largest.
        spread: (channels,) standard deviation of the logarithm about the surface where it is seen.
        seen: share of pixels that count as empty glass.
    """

    coefficients: Tensor
    surface: Tensor
    spread: Tensor
    seen: float


@dataclass(frozen=True, slots=True)
class StainFit:
    """Dyes of an image.

    Attributes:
        vectors: (stains, 3) float32 unit vectors of optical density, ordered by how red they absorb (blue dyes first).
        amounts: (stains, height, width) float32, non-negative.
        background: what the densities refer to.
        residual: root mean square of the optical density that the stains do not explain, in stained pixels.
    """

    vectors: Tensor
    amounts: Tensor
    background: BackgroundFit
    residual: float


def fit_background(image: Tensor, *, rounds: int = 12) -> BackgroundFit:
    """Fit empty glass by least squares that gives up pixels darker than the surface, round by round.

    Starts from the mode of brightness and keeps what lies within three deviations of the surface; works where glass is seen in a
    tenth of the image or more.

    Args:
        image: (height, width, channels) or (height, width), uint8 or floating point within 0..1.
        rounds: of fitting.

    Raises:
        ShapeError: if the image has other axes.
        DataError: if it is constant black or not finite.
    """
    values = _values(image)
    height, width, channels = values.shape
    logarithm = values.clamp_min(0.5 / 255).log10().reshape(-1, channels)
    step = max(1, height * width // 200_000)
    design = _design(height, width)
    some, chosen = logarithm[::step], design[::step]
    mean = some.mean(dim=1)
    counts = torch.histc(mean, bins=200, min=float(mean.min()), max=float(mean.max()) + 1e-6)
    bright = counts * (torch.arange(200) >= 100)  # glass is brighter than the middle of the range
    mode = float(mean.min()) + (float(bright.argmax()) + 0.5) * (float(mean.max()) - float(mean.min())) / 200
    keep = (mean - mode).abs() < 0.06
    ridge = 1e-6 * torch.eye(6, dtype=torch.float64)
    coefficients = torch.zeros(6, channels, dtype=torch.float64)
    for _ in range(rounds):
        a = chosen[keep].double()
        coefficients = torch.linalg.solve(a.mT @ a / len(a) + ridge, a.mT @ some[keep].double() / len(a))
        residual = some - (chosen.double() @ coefficients).float()
        spread = (1.4826 * residual[keep].abs().median(dim=0).values).clamp_min(0.002)
        keep = ((residual.abs() / spread).amax(dim=1) < 3) & (residual.mean(dim=1).abs() < 0.05)
        if int(keep.sum()) < 50:
            message = "no empty glass is seen in the image, so that densities have no reference; use a field with some background"
            raise DataError(message)
    surface = 10 ** (design.double() @ coefficients).float().reshape(height, width, channels)
    return BackgroundFit(coefficients.mT.float(), surface, residual[keep].std(dim=0), float(keep.float().mean()))


def fit_stains(image: Tensor, stains: int = 3, *, sparsity: float = 0.02, rounds: int = 150) -> StainFit:
    r"""Estimate the colour vectors of dyes and how much of each there is.

    Optical density against the fitted background is factored as amounts times vectors, both non-negative, vectors of unit length,
    with a penalty on the sum of amounts that prefers vectors at the edges of the cloud of colours (sparse non-negative
    factorisation, after Vahadane 2016). It starts from the most different colours among clusters of directions (successive
    projection), where Macenko 2009 takes the extreme angles, and alternates exact steps of coordinate descent.

    Args:
        image: (height, width, 3), uint8 or floating point within 0..1.
        stains: how many dyes; of a Papanicolaou stain three can be told apart in three channels.
        sparsity: weight of the penalty, in units of the mean density.
        rounds: of alternation.

    Raises:
        ShapeError: if it is no colour image.
        ParameterError: if there are not two or three stains.
        DataError: if there is no empty glass, or nothing stained.
    """
    if image.ndim != 3 or image.shape[-1] != 3:
        message = f"an image to unmix has shape {tuple(image.shape)}, but must be (height, width, 3)"
        raise ShapeError(message)
    if stains not in {2, 3}:
        message = f"three channels tell two or three stains apart, not {stains}"
        raise ParameterError(message)
    background = fit_background(image)
    values = _values(image).clamp_min(0.5 / 255)
    density = (background.surface.log10() - values.log10()).clamp_min(0).reshape(-1, 3)
    usable = (density.mean(dim=1) > _LEAST) & (values.reshape(-1, 3).amin(dim=1) > 0.03)
    if int(usable.sum()) < 200:
        message = "hardly anything is stained in the image, so that stains cannot be estimated; use a field with cells"
        raise DataError(message)
    cloud = density[usable]
    cloud = cloud[:: max(1, len(cloud) // _SAMPLES)]
    vectors = _extreme_directions(cloud, stains)
    amounts = (cloud @ torch.linalg.pinv(vectors)).clamp_min(0)
    penalty = sparsity * float(cloud.mean())
    for _ in range(rounds):
        amounts = _amounts(cloud, vectors, penalty, amounts, rounds=2)
        vectors = _vectors(cloud, amounts, vectors)
    order = (vectors[:, 0] / vectors.sum(dim=1)).argsort(descending=True)
    vectors = vectors[order]
    every = _amounts(density, vectors, 0.0, (density @ torch.linalg.pinv(vectors)).clamp_min(0), rounds=30)
    residual = (every @ vectors - density)[usable].square().mean().sqrt()
    height, width, _ = image.shape
    return StainFit(vectors, every.mT.reshape(stains, height, width).contiguous(), background, float(residual))


def stain_angles(found: Tensor, true: Tensor) -> Tensor:
    """Degrees between each of the vectors ``found`` (n, 3) and the nearest of ``true`` (m, 3), each used once; (n,)."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    cosine = torch.nn.functional.normalize(found.double(), dim=1) @ torch.nn.functional.normalize(true.double(), dim=1).mT
    angles = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
    rows, columns = linear_sum_assignment(angles.numpy())
    return angles[torch.as_tensor(rows), torch.as_tensor(columns)]


def _amounts(density: Tensor, vectors: Tensor, penalty: float, amounts: Tensor, rounds: int) -> Tensor:
    """Non-negative amounts (pixels, stains) by coordinate descent on ||density - amounts vectors||^2 / 2 + penalty sum."""
    gram, target = vectors @ vectors.mT, density @ vectors.mT - penalty
    columns = list(amounts.unbind(dim=1))
    for _ in range(rounds):
        for stain in range(len(vectors)):
            others = sum(gram[stain, other] * columns[other] for other in range(len(vectors)) if other != stain)
            columns[stain] = ((target[:, stain] - others) / gram[stain, stain]).clamp_min(0)
    return torch.stack(columns, dim=1)


def _vectors(density: Tensor, amounts: Tensor, vectors: Tensor) -> Tensor:
    """One round of coordinate descent over non-negative vectors, each made to unit length; an unused one stays."""
    rows = list(vectors.unbind(dim=0))
    for stain in range(len(rows)):
        column = amounts[:, stain]
        weight = column.square().sum()
        if float(weight) <= 1e-9:
            continue
        others = sum(amounts[:, other, None] * rows[other] for other in range(len(rows)) if other != stain)
        row = (column @ (density - others) / weight).clamp_min(1e-3)
        rows[stain] = row / row.norm()
    return torch.stack(rows)


def _extreme_directions(cloud: Tensor, stains: int, clusters: int = 40) -> Tensor:
    """The most different of the mean directions of clusters, by successive projection; (stains, 3)."""
    directions = torch.nn.functional.normalize(cloud, dim=1)
    centres = directions[torch.linspace(0, len(cloud) - 1, clusters).long()]
    for _ in range(20):
        nearest = (directions @ centres.mT).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, directions)
        counts = torch.bincount(nearest, minlength=clusters)
        centres = torch.where(counts[:, None] > 0, torch.nn.functional.normalize(sums, dim=1), centres)
    centres = centres[counts > 0.003 * len(cloud)]
    chosen = [int((centres - directions.mean(dim=0)).norm(dim=1).argmax())]
    while len(chosen) < min(stains, len(centres)):
        basis = torch.linalg.qr(centres[chosen].mT).Q
        rest = centres - centres @ basis @ basis.mT
        chosen.append(int(rest.norm(dim=1).argmax()))
    picked = centres[chosen]
    if len(picked) < stains:
        picked = torch.cat((picked, torch.full((stains - len(picked), 3), 3**-0.5)))
    return picked


def _design(height: int, width: int) -> Tensor:
    y = torch.linspace(-1, 1, height)[:, None].expand(height, width).reshape(-1)
    x = torch.linspace(-1, 1, width)[None].expand(height, width).reshape(-1)
    return torch.stack((torch.ones_like(x), x, y, x * x, x * y, y * y), dim=1)


def _values(image: Tensor) -> Tensor:
    """(height, width, channels) float32 over the largest value."""
    if image.ndim not in {2, 3} or (image.ndim == 3 and image.shape[-1] not in {1, 3}):
        message = f"an image has shape {tuple(image.shape)}, but must be (height, width) or (height, width, 3)"
        raise ShapeError(message)
    values = (image.to(torch.float32) / 255 if image.dtype is torch.uint8 else image.to(torch.float32)).reshape(
        *image.shape[:2], -1
    )
    if not bool(values.isfinite().all()) or float(values.max()) <= 0:
        message = "the image is black or not finite: there is nothing to fit"
        raise DataError(message)
    return values
