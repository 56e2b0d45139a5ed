"""Images as optical density (Beer-Lambert): what dyes and glass take away adds up."""

import torch
from torch import Tensor

from foreknow.cytology.bands import bands
from foreknow.errors import DataError, ShapeError

_LEAST_SIDE = 32


def optical_density_of(image: Tensor, name: str = "the image") -> Tensor:
    """Optical density, -log10 of the value over the largest that its type can have; (channels, height, width) float32.

    Args:
        image: (height, width), (height, width, 1) or (height, width, 3) of uint8, uint16, or floats within 0 and 1.
        name: what sentences call it.

    Raises:
        ShapeError: if it has other axes.
        DataError: if it is not finite, negative, too small or of one value all over.
    """
    if image.ndim not in {2, 3} or (image.ndim == 3 and image.shape[-1] not in {1, 3}):
        message = f"{name} has shape {tuple(image.shape)}, but must be (height, width) or (height, width, 3)"
        raise ShapeError(message)
    if min(image.shape[:2]) < _LEAST_SIDE:
        message = f"{name} has {image.shape[1]} x {image.shape[0]} pixels; cells are found in {_LEAST_SIDE} x {_LEAST_SIDE} or more"
        raise DataError(message)
    values, largest = planes_of(image)
    low, high = (float(value) for value in values.aminmax())
    if not (low >= 0 and high < float("inf")):
        message = f"{name} has values that are negative or not numbers; export it again as 8 or 16 bits"
        raise DataError(message)
    if high > largest * 1.001:
        message = f"{name} has floating-point values above 1; scale them to 0 to 1, or export it as 8 or 16 bits"
        raise DataError(message)
    if high - low < 2 * largest / 255:
        message = f"{name} has the same value everywhere: there is nothing to find"
        raise DataError(message)
    return density_of_values(values, largest)


def density_of_values(values: Tensor, largest: float) -> Tensor:
    """Optical density of values (channels, height, width), each taken for the middle of its step of 255, in their place."""
    for plane in values:
        for band in bands(plane.shape[0]):
            plane[band].add_(largest / 510).div_(largest * (1 + 1 / 510)).log10_().neg_()
    return values


def planes_of(image: Tensor) -> tuple[Tensor, float]:
    """A copy (channels, height, width) float32 of an image, and the largest value that its type can have."""
    planes = image[None] if image.ndim == 2 else image.movedim(-1, 0)
    copy = torch.empty(planes.shape, dtype=torch.float32, device=planes.device).copy_(planes)
    return copy, {torch.uint8: 255.0, torch.uint16: 65535.0}.get(planes.dtype, 1.0)


def light_of(density: Tensor) -> Tensor:
    """The image of an optical density (channels, height, width): (height, width[, channels]) uint8."""
    image = (255 * 10**-density).round().clamp(0, 255).to(torch.uint8).movedim(0, -1)
    return image[..., 0] if image.shape[-1] == 1 else image
