"""Events seen as tall matrices: rows along the longer side, so that the Gram matrix is the small one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.shapes import Shape

_BLOCK_BYTES = {"cpu": 2**20, "cuda": 2**28}


@dataclass(frozen=True)
class MatrixLayout:
    r"""How (\*batch, \*shape) is viewed as (items, rows, columns) with rows >= columns, the first event axis against all others.

    Attributes:
        batch: the batch shape.
        shape: the shape of one event, of two or more axes.
    """

    batch: Shape
    shape: Shape

    @property
    def wide(self) -> bool:
        """Whether the first event axis is the shorter side, so that the tall view is a transpose."""
        return self.shape[0] < _product(self.shape[1:])

    @property
    def columns(self) -> int:
        """The size of the shorter side."""
        return min(self.shape[0], _product(self.shape[1:]))

    @property
    def rows(self) -> int:
        """The size of the longer side."""
        return max(self.shape[0], _product(self.shape[1:]))

    @property
    def items(self) -> int:
        """Number of matrices in the batch."""
        return _product(self.batch)

    def matrix(self, x: Tensor) -> Tensor:
        """The tall view (items, rows, columns) of a contiguous x, (*batch, *shape)."""
        flat = x.reshape(self.items, self.shape[0], _product(self.shape[1:]))
        return flat.mT if self.wide else flat

    def event(self, matrix: Tensor) -> Tensor:
        """The inverse of `matrix`."""
        return (matrix.mT if self.wide else matrix).reshape(self.batch + self.shape)

    def empty(self, like: Tensor, rows: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """An uninitialised tall matrix, (items, rows, columns), laid out in memory as the views are."""
        rows = self.rows if rows is None else rows
        dtype = like.dtype if dtype is None else dtype
        if self.wide:
            return torch.empty(self.items, self.columns, rows, dtype=dtype, device=like.device).mT
        return torch.empty(self.items, rows, self.columns, dtype=dtype, device=like.device)

    def blocks(self, like: Tensor) -> list[slice]:
        """Slices of rows whose blocks stay in the cache of the device while several operations pass over them."""
        budget = _BLOCK_BYTES.get(like.device.type, _BLOCK_BYTES["cpu"])
        size = max(64, budget // (like.element_size() * self.items * self.columns))
        return [slice(start, min(start + size, self.rows)) for start in range(0, self.rows, size)]

    def number(self, value: Tensor, like: Tensor) -> "float | Tensor":
        """One number an item, (items,), ready for arithmetic with a tall matrix.

        A Python number where there is one item on the CPU (the fastest kernels take those), else (items, 1, 1).
        """
        if self.items == 1 and value.device.type == "cpu":
            return float(value)
        return value.to(like.real.dtype).reshape(-1, 1, 1)


def _product(sizes: Shape) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
