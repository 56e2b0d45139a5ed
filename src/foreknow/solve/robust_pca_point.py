"""The one array of robust PCA, and the multiplier that it holds, entry by entry."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.solve.robust_pca_form import RobustPCAForm
from foreknow.solve.sparse_part import Number


@dataclass(frozen=True)
class RobustPCAPoint:
    """T = Z + Y / mu, of which Z = prox_{Q / mu}(T) is S with the noise, and L = D - Z.

    Attributes:
        form: the problem.
        data: D, (items, rows, columns).
        array: T, of the same shape.
        penalty: mu, (items,), float64.
    """

    form: RobustPCAForm
    data: Tensor
    array: Tensor
    penalty: Tensor

    @property
    def everything(self) -> slice:
        """All rows."""
        return slice(0, self.form.layout.rows)

    def blocks(self) -> list[slice]:
        """The slices of rows that are treated together."""
        return self.form.layout.blocks(self.data) if self.form.part.rowwise else [self.everything]

    def steps(self) -> tuple[Number, Number]:
        """1 / mu and the variance of the noise, for arithmetic with the array."""
        return self.form.layout.number(1 / self.penalty, self.data), self.form.noise(self.data)

    def residual(self, rows: slice, out: Tensor | None = None) -> Tensor:
        """Y / mu of a block of rows."""
        point = self.array[:, rows]
        step, noise = self.steps()
        return self.form.part.residual(point, rows, step, noise, torch.empty_like(point) if out is None else out)

    def multiplier(self) -> Tensor:
        """Y, (items, rows, columns)."""
        return self.residual(self.everything).mul_(self.form.layout.number(self.penalty, self.data))

    def cut_multiplier(self, cut: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Y (I - cut) by blocks of rows, for a cut (items, columns, columns)."""
        number = self.form.layout.number(self.penalty, self.data)
        narrow = cut.to(self.data.dtype)
        for rows in self.blocks():
            dual = self.residual(rows).mul_(number)
            yield rows, torch.baddbmm(dual, dual, narrow, alpha=-1)
