"""Continuity in time: how strong a line through a spectrogram is at its weakest place."""

import torch
from torch import Tensor


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
    frames = x.shape[-1]
    best = torch.full_like(x, -torch.inf)
    if frames < length:
        return best
    # The best weakest place of paths of 1, 2, ... elements: of those that end at frames from the 1st, 2nd, ... on, of those that
    # start at frames up to the last, the last but one, ...
    ending, starting = [x], [x]
    for count in range(1, length):
        ending.append(torch.minimum(x[..., count:], widest(ending[-1][..., :-1], slope)))
        starting.append(torch.minimum(x[..., : frames - count], widest(starting[-1][..., 1:], slope)))
    for before, (first, second) in enumerate(zip(ending, reversed(starting), strict=True)):
        inside = best[..., before : frames - (length - 1 - before)]
        count = inside.shape[-1]
        torch.maximum(inside, torch.minimum(first[..., :count], second[..., before:]), out=inside)
    return best


def widest(x: Tensor, slope: int) -> Tensor:
    """The largest of the bins within ``slope``."""
    largest = x.clone()
    for shift in range(1, min(slope, x.shape[-2] - 1) + 1):
        above, below = largest[..., shift:, :], largest[..., :-shift, :]
        torch.maximum(above, x[..., :-shift, :], out=above)
        torch.maximum(below, x[..., shift:, :], out=below)
    return largest
