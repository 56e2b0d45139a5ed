"""Connected pixels that rise high somewhere: a threshold with hysteresis (Canny 1986)."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

_EIGHT = np.ones((3, 3), dtype=bool)


def components_that_rise(score: Tensor, low: float, high: float, area: float) -> Tensor:
    """Pixels above ``low`` whose connected component (8 neighbours) has ``area`` pixels or more and exceeds ``high`` somewhere.

    Args:
        score: (frames, height, width) float32; frames are looked at one by one.
        low: threshold.
        high: of the largest value of a component.
        area: pixels.

    Returns:
        (frames, height, width) bool.
    """
    found = torch.zeros(score.shape, dtype=torch.bool)
    for kept, frame in zip(found, score.numpy(), strict=True):
        label, count = ndimage.label(frame > low, _EIGHT)
        if not count:
            continue
        sizes = np.bincount(label.ravel(), minlength=count + 1)
        peaks = np.zeros(count + 1, dtype=frame.dtype)
        np.maximum.at(peaks, label.ravel(), frame.ravel())
        rising = (sizes >= area) & (peaks > high)
        rising[0] = False
        kept.copy_(torch.as_tensor(rising[label]))
    return found
