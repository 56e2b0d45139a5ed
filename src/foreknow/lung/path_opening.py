"""Continuity in time: how strong a line through a spectrogram is at its weakest place."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad


def path_opening(x: Tensor, length: int, slope: int = 1) -> Tensor:
    r"""The largest value that a path of some length through each element nowhere falls below (grayscale path opening).

    A path goes through one element of every frame and moves by at most ``slope`` bins from a frame to the next. What lasts less
    than ``length`` frames, such as a crackle, loses its strength however loud it is; a gliding tone keeps it. The result is never
    above x, and opening it again changes nothing (Heijmans, Buckley and Talbot 2005; Talbot and Appleton 2007).

    Args:
        x: (\*batch, bins, frames), real.
        length: of a path, frames, at least 1.
        slope: bins from a frame to the next, at most.

    Returns:
        The same shape; minus infinity where no path fits, because there are fewer frames.
    """
    ending, starting = [x], [x]  # the best weakest place of paths of 1, 2, ... elements that end or start here
    for _ in range(length - 1):
        before = pad(widest(ending[-1], slope)[..., :-1], (1, 0), value=-torch.inf)
        after = pad(widest(starting[-1], slope)[..., 1:], (0, 1), value=-torch.inf)
        ending.append(torch.minimum(x, before))
        starting.append(torch.minimum(x, after))
    best = torch.full_like(x, -torch.inf)
    for first, second in zip(ending, reversed(starting), strict=True):
        best = torch.maximum(best, torch.minimum(first, second))
    return best


def widest(x: Tensor, slope: int) -> Tensor:
    """The largest of the bins within ``slope``."""
    images = x.reshape(-1, 1, *x.shape[-2:])
    return max_pool2d(images, (2 * slope + 1, 1), stride=1, padding=(slope, 0)).reshape(x.shape)
