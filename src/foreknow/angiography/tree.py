"""The vessel tree of a run: centre lines, branches, their width and length, and how their contrast goes over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

_EIGHT = np.ones((3, 3), dtype=np.int64)
_FORK = 3  # neighbours on the centre line from which a pixel is a fork
_WHOLE = 2**0.5
_SHORTEST = 5.0  # pixels; shorter ends are what thinning leaves of an edge, and are no branches


@dataclass(frozen=True)
class Branch:
    """A piece of the tree between forks and ends.

    Attributes:
        number: from 1, in the order of length.
        pixels: (n, 2) row and column on the centre line, int64; along the raster, not the vessel.
        length: along the centre line, pixels.
        width: median diameter of the mask along it, pixels.
        contrast: (frames,) mean vessel attenuation on the centre line, float64.
    """

    number: int
    pixels: NDArray[np.int64] = field(repr=False)
    length: float
    width: float
    contrast: NDArray[np.float64] = field(repr=False)

    @property
    def peak_frame(self) -> int:
        """The frame of the highest contrast, from 0."""
        return int(self.contrast.argmax())


@dataclass(frozen=True)
class VesselTree:
    """What one frame shows of the tree.

    Attributes:
        frame: which, from 0: the one with the largest vessel area, or as chosen.
        skeleton: (height, width) bool, centre lines.
        width: (height, width) float32, diameter in pixels on the centre lines, 0 elsewhere.
        branches: the longest first.
    """

    frame: int
    skeleton: NDArray[np.bool_] = field(repr=False)
    width: NDArray[np.float32] = field(repr=False)
    branches: tuple[Branch, ...]

    @property
    def length(self) -> float:
        """Of all branches, pixels."""
        return sum(branch.length for branch in self.branches)


def vessel_tree(mask: NDArray[np.bool_], vessels: NDArray[np.float32], frame: int | None = None) -> VesselTree:
    """Measure the tree of one frame.

    Widths are twice the distance of the centre line from the outside of the mask. The heart moves, so contrast over time is the
    mean over the branch's places, each the largest value within two pixels (vessels that move farther lower it).

    Args:
        mask: (frames, height, width).
        vessels: (frames, height, width) attenuation.
        frame: which to measure; the one with the largest mask if None.
    """
    frame = int(mask.sum(axis=(1, 2)).argmax()) if frame is None else frame
    skeleton: NDArray[np.bool_] = skeletonize(mask[frame])
    distance = ndimage.distance_transform_edt(np.pad(mask[frame], 1))[1:-1, 1:-1]
    width = np.where(skeleton, np.maximum(2 * distance - 1, 1), 0).astype(np.float32)
    near = ndimage.convolve(skeleton.astype(np.int64), _EIGHT, mode="constant") - 1
    forks = ndimage.binary_dilation(skeleton & (near >= _FORK), _EIGHT) & skeleton
    label, count = ndimage.label(skeleton & ~forks, _EIGHT)
    if not count:
        return VesselTree(frame, skeleton, width, ())
    rows, columns = np.nonzero(label)
    owner = label[rows, columns]
    lengths = _lengths(label, count)
    high = np.stack([ndimage.maximum_filter(layer, size=5)[rows, columns] for layer in vessels]).astype(np.float64)
    kept = [number for number in np.argsort(-lengths[1:], kind="stable") + 1 if lengths[number] >= _SHORTEST]
    branches = [
        _branch(rank, owner == number, rows, columns, lengths[number], width, high) for rank, number in enumerate(kept, start=1)
    ]
    return VesselTree(frame, skeleton, width, tuple(branches))


def _branch(
    rank: int,
    mine: NDArray[np.bool_],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    length: float,
    width: NDArray[np.float32],
    high: NDArray[np.float64],
) -> Branch:
    pixels = np.stack((rows[mine], columns[mine]), axis=1)
    return Branch(rank, pixels, float(length), float(np.median(width[rows[mine], columns[mine]])), high[:, mine].mean(axis=1))


def _lengths(label: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Length of every labelled line: 1 for each step along an axis, root 2 for each diagonal one, and 1 for its ends."""
    lengths = np.zeros(count + 1)
    lengths[1:] = 1.0
    pairs = (
        (label[:, :-1], label[:, 1:], 1.0),
        (label[:-1], label[1:], 1.0),
        (label[:-1, :-1], label[1:, 1:], _WHOLE),
        (label[:-1, 1:], label[1:, :-1], _WHOLE),
    )
    for first, second, step in pairs:
        joined = first[(first > 0) & (first == second)]
        lengths += step * np.bincount(joined, minlength=count + 1)
    return lengths
