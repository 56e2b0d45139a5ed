"""Small tensor manipulations along an axis that several operators share."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError
from foreknow.shapes import Shape


def pad_axis(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Zeros before and after along one axis, counted from the end; a negative number cuts."""
    return functional.pad(x, (0, 0) * (-axis - 1) + (before, after)) if before or after else x


def resize_event(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Zero-pad or cut the last axes of ``x`` at their ends so that they have the sizes ``shape``."""
    for axis, size in enumerate(shape, start=-len(shape)):
        x = pad_axis(x, axis, 0, size - x.shape[axis])
    return x


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """The adjoint of ``x.unfold(-1, size, hop)``, frames summed where they lie: (..., T, size) -> (..., (T - 1) hop + size)."""
    count, size = frames.shape[-2:]
    chunks = -(-size // hop)
    # One addition for each of the few chunks of length hop in a frame, each over all frames at once.
    total = functional.pad(frames[..., :hop], (0, max(0, hop - size), 0, chunks - 1))
    for chunk in range(1, chunks):
        part = frames[..., chunk * hop : (chunk + 1) * hop]
        total[..., chunk : chunk + count, : part.shape[-1]] += part
    return total.flatten(-2)[..., : (count - 1) * hop + size]


def fast_length(length: int) -> int:
    """The smallest number >= ``length`` with no prime factor above 5, for which FFTs are quick."""
    best = 1 << (length - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            candidate = three << max(0, (-(-length // three) - 1).bit_length())
            best = min(best, candidate)
            three *= 3
        five *= 5
    return best


def split_complex(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a real-linear map to the real and the imaginary part."""
    return torch.complex(function(x.real), function(x.imag)) if x.is_complex() else function(x)


def per_axis(value: int | Sequence[int], dims: int, name: str) -> Shape:
    """One integer an axis from one integer or a sequence of ``dims``.

    Raises:
        ParameterError: if the sequence has another length.
    """
    values = (value,) * dims if isinstance(value, int) else tuple(int(number) for number in value)
    if len(values) != dims:
        message = f"{name} needs one number for each of the {dims} axes, not {values}"
        raise ParameterError(message)
    return values
