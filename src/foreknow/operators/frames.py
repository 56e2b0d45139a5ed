"""Cutting a signal into overlapping windowed frames such that summing them back is exact."""

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError
from foreknow.operators.axes import overlap_add


def tight_window(window: int | Tensor, hop: int | None) -> tuple[Tensor, int]:
    """A window whose squared copies at distances of ``hop`` add up to one everywhere, and the hop.

    Dividing by the root of that sum (periodic in the hop) is the least change that makes cutting into frames an isometry.

    Args:
        window: its length (a periodic Hann window is made) or the window, (size,).
        hop: distance of neighbouring windows; a quarter of the length if None.

    Returns:
        The normalised window, float64, and the hop.

    Raises:
        ParameterError: if the hop is not between 1 and the window's length, or the windows leave gaps.
    """
    if isinstance(window, int):
        if window < 1:
            message = f"a window needs a positive length, not {window}"
            raise ParameterError(message)
        values = torch.hann_window(window, periodic=True, dtype=torch.float64)
    else:
        values = window.detach().to(torch.float64)
        if values.ndim != 1 or values.shape[0] < 1:
            message = f"a window has one axis; this tensor has the shape {tuple(values.shape)}"
            raise ParameterError(message)
    size = values.shape[0]
    hop = max(1, size // 4) if hop is None else hop
    if not 1 <= hop <= size:
        message = f"the hop must be between 1 and the window's length {size}, not {hop}"
        raise ParameterError(message)
    chunks = -(-size // hop)
    energy = functional.pad(values.square(), (0, chunks * hop - size)).reshape(chunks, hop).sum(dim=0)
    if float(energy.min()) <= 1e-12 * float(energy.max()):
        message = f"windows of length {size} at a hop of {hop} leave samples uncovered; use a smaller hop or a window without zeros"
        raise ParameterError(message)
    return values / energy.sqrt().repeat(chunks)[:size], hop


def frame_count(length: int, size: int, hop: int) -> int:
    """The number of frames that have a sample in common with a signal of ``length`` samples."""
    return (length - 1 + size - hop) // hop + 1


def split_frames(x: Tensor, size: int, hop: int) -> Tensor:
    """Every frame that meets the signal, zero outside it: (..., n) -> (..., frames, size). Frame t starts at (t + 1) hop - size."""
    before = size - hop
    total = (frame_count(x.shape[-1], size, hop) - 1) * hop + size
    return functional.pad(x, (before, total - before - x.shape[-1])).unfold(-1, size, hop)


def join_frames(frames: Tensor, hop: int, length: int) -> Tensor:
    """The adjoint of `split_frames`: sum the frames where they lie, (..., frames, size) -> (..., n)."""
    before = frames.shape[-1] - hop
    return overlap_add(frames, hop)[..., before : before + length]
