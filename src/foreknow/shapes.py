"""Helpers for the batch-first convention: a tensor is (*batch, *event), the event being one item's own axes."""

from collections.abc import Sequence

from torch import Tensor

from foreknow.errors import ShapeError

Shape = tuple[int, ...]


def as_shape(shape: int | Sequence[int]) -> Shape:
    """Turn ``n`` or a sequence of sizes into a tuple of positive sizes.

    Raises:
        ShapeError: if a size is not positive.
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)
    if not sizes or min(sizes) < 1:
        message = f"a shape needs one or more positive sizes, not {sizes}"
        raise ShapeError(message)
    return sizes


def event_axes(event_dims: int) -> tuple[int, ...]:
    """The last ``event_dims`` axes, counted from the end: ``2 -> (-2, -1)``."""
    return tuple(range(-event_dims, 0))


def sum_event(x: Tensor, event_dims: int) -> Tensor:
    """Sum over the last ``event_dims`` axes; over none if it is 0."""
    return x.sum(dim=event_axes(event_dims)) if event_dims else x


def expand_event(value: Tensor, event_dims: int) -> Tensor:
    """Append ``event_dims`` axes of size 1, so that a value per batch item broadcasts against the items."""
    return value.reshape(value.shape + (1,) * event_dims)


def inner(x: Tensor, y: Tensor, event_dims: int) -> Tensor:
    """Real inner product Re<x, y> of each batch item, (*batch,)."""
    product = (x.conj() * y).real if x.is_complex() or y.is_complex() else x * y
    return sum_event(product, event_dims)


def squared_norm(x: Tensor, event_dims: int) -> Tensor:
    """Squared Euclidean norm of each batch item, (*batch,)."""
    square = x.real.square() + x.imag.square() if x.is_complex() else x.square()
    return sum_event(square, event_dims)


def require_event(x: Tensor, event_shape: Shape, name: str) -> None:
    """Check that the trailing axes of ``x`` are ``event_shape``.

    Raises:
        ShapeError: naming ``name``, the shape that was given and the one that is needed.
    """
    if x.shape[x.ndim - len(event_shape) :] != event_shape or x.ndim < len(event_shape):
        message = f"{name} has shape {tuple(x.shape)}, but its last axes must be {event_shape} (batch axes come first)"
        raise ShapeError(message)
