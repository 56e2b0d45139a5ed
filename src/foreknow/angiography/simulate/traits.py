"""What noise, grain and structure a run has, in numbers without labels: what a simulated device is matched by."""

from itertools import pairwise

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.simulate.blur import gaussian_blur

NAMES = (
    "contrast",
    *(f"noise at {pixels} pixels" for pixels in (1, 2, 4)),
    "noise of bright parts",
    *(f"structure at {pixels} pixels" for pixels in (1, 2, 4, 8, 16)),
)
_WIDTHS = (0.7, 1.4, 2.8, 5.6, 11.2)  # pixels: bands lie between them
_SHADES = 20.0  # pixels: coarser than this is exposure
_NOISY = 3  # bands of the differences between frames; in coarser ones movement outweighs noise
_LEAST = 1e-4
_NORMAL = 0.6745  # median modulus of a standard normal number


def run_traits(attenuation: Tensor) -> Tensor:
    """Logarithms of how strong details, noise and structure are, (10,) float64, in the order of `NAMES`.

    The first is that of the mean modulus of the run's details, attenuation, in units of which all others are, so that exposure
    does not matter, and how values follow from it matters only by what it does to the picture. Bands are differences of Gaussians;
    their strength is the median modulus, which vessels, catheter and edges hardly move. Noise is what successive frames do not
    share; that of the brighter half, relative to the darker one, falls with the number of quanta, and with the exponent of
    processed frames.

    Args:
        attenuation: (frames, height, width), two frames or more of 64 pixels a side or more.

    Raises:
        ShapeError: if it is smaller.
    """
    if attenuation.ndim != 3 or len(attenuation) < 2 or min(attenuation.shape[1:]) < 64:
        message = f"traits are those of runs of 2 frames or more of 64 pixels a side or more, not of {tuple(attenuation.shape)}"
        raise ShapeError(message)
    detail, shades, unit = _detail(attenuation)
    noise = _bands((detail[1:] - detail[:-1]) / 2**0.5)[:_NOISY]
    dark = shades[:-1] > shades.median()
    bright = (_strength(noise[0][~dark]) / _strength(noise[0][dark])).log()
    return torch.stack(
        [unit.log(), *(_strength(band).log() for band in noise), bright, *(_strength(band).log() for band in _bands(detail))]
    )


def structure_traits(attenuation: Tensor) -> Tensor:
    """The last five of them, (5,) float64, which a single frame has too.

    Args:
        attenuation: (frames, height, width).
    """
    return torch.stack([_strength(band).log() for band in _bands(_detail(attenuation)[0])])


def _detail(attenuation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """In units of its mean modulus, the shades that it lies on, and that unit."""
    film = attenuation.double()
    shades = gaussian_blur(film, _SHADES)
    detail = film - shades
    unit = detail.abs().mean().clamp_min(_LEAST)
    return detail / unit, shades, unit


def _bands(frames: Tensor) -> list[Tensor]:
    """What lies between two blurs, from the finest to the coarsest."""
    blurred = [frames, *(gaussian_blur(frames, width) for width in _WIDTHS)]
    return [fine - coarse for fine, coarse in pairwise(blurred)]


def _strength(band: Tensor) -> Tensor:
    return (band.abs().median() / _NORMAL).clamp_min(_LEAST)
