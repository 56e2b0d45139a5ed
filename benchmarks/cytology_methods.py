"""Cell regions of fields by foreknow and by what is commonly done: images of a subset -> what is found in each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2hed, rgb2hsv
from skimage.filters import threshold_otsu
from skimage.transform import resize
from torch import Tensor

from benchmarks.cytology_scores import Found
from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.cytology import detect
from foreknow.cytology.density import optical_density_of
from foreknow.cytology.detect import Detection
from foreknow.cytology.finder import BackgroundFinder
from foreknow.simulate.blur import gaussian_blur

FIXED = 0.05  # mean optical density
_SIDE = (256, 320)  # of the fields of plain robust PCA
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to find cells.

    Attributes:
        name: in tables.
        find: images of a subset to what is found in each.
    """

    name: str
    find: Callable[[Sequence[Image]], list[Found]]


def methods(finder: BackgroundFinder | None) -> list[Method]:
    """All of them; with ``finder`` also foreknow's network."""
    rows = [Method("foreknow, certified solver", lambda images: [of_detection(detect(image)) for image in images])]
    if finder is not None:
        rows.append(
            Method("foreknow, shipped network", lambda images: [of_detection(detect(image, None, finder)) for image in images])
        )
    return [
        *rows,
        Method("Otsu, grey", lambda images: [Found(_dark(_grey(image))) for image in images]),
        Method("Otsu, saturation", lambda images: [Found(_saturated(image)) for image in images]),
        Method("colour deconvolution, Otsu", lambda images: [Found(_deconvolved(image)) for image in images]),
        Method("flat field, density > 0.05", lambda images: [Found(_flat_field(image)) for image in images]),
        Method("plain robust PCA", _robust_pca),
    ]


def of_detection(found: Detection) -> Found:
    """Mask, boxes of cells and centres of nuclei."""
    parts = [part for part in ndimage.find_objects(found.cells) if part is not None]
    boxes = np.array([[x.start, y.start, x.stop, y.stop] for y, x in parts], dtype=float).reshape(-1, 4)
    return Found(found.mask, boxes, found.nuclei.centres)


def _grey(image: Image) -> NDArray[np.float64]:
    return image.astype(float) if image.ndim == 2 else image.mean(axis=-1)


def _dark(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return values < threshold_otsu(values)


def _saturated(image: Image) -> NDArray[np.bool_]:
    if image.ndim == 2:
        return _dark(_grey(image))
    saturation = rgb2hsv(image)[..., 1]
    return saturation > threshold_otsu(saturation)


def _deconvolved(image: Image) -> NDArray[np.bool_]:
    """Sum of hematoxylin and eosin (Ruifrok and Johnston 2001)."""
    if image.ndim == 2:
        return _dark(_grey(image))
    stain = rgb2hed(image)[..., :2].sum(axis=-1)
    return stain > threshold_otsu(stain)


def _flat_field(image: Image) -> NDArray[np.bool_]:
    """Density against a wide blur of a bright envelope, as flat-field correction without a blank image is commonly done."""
    density = optical_density_of(torch.as_tensor(image)).mean(dim=0)
    small = density[::4, ::4].numpy()
    bright = ndimage.percentile_filter(small, 10, size=max(3, min(small.shape) // 3))
    wide = gaussian_blur(torch.as_tensor(bright), min(small.shape) / 8)
    background = torch.nn.functional.interpolate(wide[None, None], size=density.shape, mode="bilinear")[0, 0]
    return (density - background).numpy() > FIXED


def _robust_pca(images: Sequence[Image]) -> list[Found]:
    """All fields of the subset at 320 x 256, density of all channels, one a row (weights of Candes et al. 2011)."""
    y = torch.stack([_small(image) for image in images])
    weight = 1 / math.sqrt(y[0].numel())
    model = Model(background=Component(NuclearNorm(event_dims=3)), cells=Component(L1(weight, event_dims=3)), noise=Exact())
    cells = model.solve(y, tolerance=1e-3, max_iterations=300)["cells"].abs().mean(dim=1).reshape(len(images), *_SIDE)
    return [Found(resize(part.numpy(), image.shape[:2], order=1) > FIXED) for part, image in zip(cells, images, strict=True)]


def _small(image: Image) -> Tensor:
    density = optical_density_of(torch.as_tensor(image))
    small = torch.nn.functional.interpolate(density[None], size=_SIDE, mode="bilinear", antialias=True)[0]
    return small.flatten(1)
