"""Fields on which cell finding is judged: real ones with truth for measuring only, as they are and made worse."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.io import imread

from foreknow.cytology.simulate import deteriorate

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "cytology"
SUBSETS = ("oral", "isbi", "edf", "lbc", "bccd")
WORSE_SEED = 20_000


@dataclass(frozen=True)
class Case:
    """A field and what is known of it.

    Attributes:
        name: of the image.
        subset: it belongs to.
        image: (height, width) or (height, width, 3) uint8.
        region: (height, width) uint8: 0 background, 255 cell, 127 not scored; None if not known.
        nuclei: (n, 2) x, y of true nuclei.
        nuclei_complete: whether these are all there are.
        boxes: (n, 4) x0, y0, x1, y1 of whole cells.
    """

    name: str
    subset: str
    image: NDArray[np.uint8] = field(repr=False)
    region: NDArray[np.uint8] | None = field(repr=False)
    nuclei: NDArray[np.float64] = field(repr=False)
    nuclei_complete: bool
    boxes: NDArray[np.float64] = field(repr=False)


def cases(subset: str, *, worse: bool = False, limit: int | None = None, last: int | None = None) -> Iterator[Case]:
    """The fields of a subset; none where the folder is absent.

    Args:
        subset: one of `SUBSETS`.
        worse: whether each gets a colour cast, uneven light, dust, scratches, blur and noise, all by its own seed.
        limit: at most so many, the first by name.
        last: at most so many, the last by name.
    """
    numbered = list(enumerate(sorted((FOLDER / "images").glob(f"{subset}_*.png"))))[:limit]
    for number, path in numbered if last is None else numbered[-last:]:
        image = imread(path)
        image = image[..., :3] if image.ndim == 3 else image
        if worse:
            image = deteriorate(torch.as_tensor(image), generator=torch.Generator().manual_seed(WORSE_SEED + number)).numpy()
        region = FOLDER / "region" / path.name
        nuclei, complete = _nuclei(path.stem)
        yield Case(path.stem, subset, image, imread(region) if region.is_file() else None, nuclei, complete, _boxes(path.stem))


def _nuclei(name: str) -> tuple[NDArray[np.float64], bool]:
    labels = FOLDER / "nuclei" / f"{name}.png"
    if labels.is_file():
        from skimage.measure import regionprops

        return np.array([region.centroid[::-1] for region in regionprops(imread(labels).astype(np.int32))]).reshape(-1, 2), True
    points = FOLDER / "points" / f"{name}.csv"
    if points.is_file():
        return np.loadtxt(points, delimiter=",", skiprows=1, ndmin=2).reshape(-1, 2), False
    return np.zeros((0, 2)), False


def _boxes(name: str) -> NDArray[np.float64]:
    path = FOLDER / "boxes" / f"{name}.csv"
    if not path.is_file():
        return np.zeros((0, 4))
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1, 2, 3), ndmin=2).reshape(-1, 4)
