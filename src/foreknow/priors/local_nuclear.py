"""The locally low-rank prior: a nuclear norm on each patch of a film."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.gram import spectral_norm
from foreknow.priors.nuclear import nuclear_norm
from foreknow.priors.singular_value import singular_value_threshold


class Grid(ABC):
    """Where the patches of a `LocalNuclearNorm` begin."""

    @abstractmethod
    def advance(self, patch: Sequence[int]) -> None:
        """Choose the offset for the next proximal map."""

    @abstractmethod
    def offset(self, patch: Sequence[int]) -> tuple[int, ...]:
        """How many samples the first patch lacks along each axis, 0 to patch - 1."""


class FixedGrid(Grid):
    """Patches begin at the first sample: the prior is one convex function."""

    def advance(self, patch: Sequence[int]) -> None:
        """Nothing changes."""

    def offset(self, patch: Sequence[int]) -> tuple[int, ...]:
        """Zero."""
        return (0,) * len(patch)


class RandomGrid(Grid):
    """A new random grid at each proximal map (cycle spinning), which leaves no block edges in an iteration.

    The value, gradient and conjugate are those of the grid of the last proximal map. An iteration then has no single objective;
    use `FixedGrid` where a certificate is wanted.

    Args:
        seed: of the sequence of grids.
    """

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._offset: tuple[int, ...] | None = None

    def advance(self, patch: Sequence[int]) -> None:
        """Draw an offset."""
        self._offset = tuple(int(torch.randint(size, (), generator=self._generator)) for size in patch)

    def offset(self, patch: Sequence[int]) -> tuple[int, ...]:
        """The offset that was drawn last; zero before the first."""
        return self._offset or (0,) * len(patch)


class LocalNuclearNorm(Prior):
    r"""w sum_b \|X_b\|_*, one nuclear norm a patch: what is low rank near by, though not as a whole (Trzasko and Manduca 2011).

    The event is a film (T, \*space), which non-overlapping patches divide; X_b is the matrix of the T frames against the samples of
    patch b. Patches that reach beyond the border are cut there. x may be complex.

    Args:
        patch: size of a patch along each axis of space.
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        grid: where the patches begin; default `FixedGrid`.

    Raises:
        ParameterError: if a size is not positive.
    """

    homogeneity = 1.0

    def __init__(self, patch: Sequence[int], weight: float | Tensor | Parameter = 1.0, grid: Grid | None = None) -> None:
        self_patch = tuple(int(size) for size in patch)
        if not self_patch or min(self_patch) < 1:
            message = f"a patch has one positive size for each axis of space, not {self_patch}"
            raise ParameterError(message)
        super().__init__(weight, len(self_patch) + 1)
        self.patch = self_patch
        self.grid = grid or FixedGrid()

    def _blocks(self, x: Tensor) -> Tensor:
        """The matrices of all patches, (*batch, blocks, T, samples); 0 beyond the border, which changes no nuclear norm."""
        dims, first = len(self.patch), self.grid.offset(self.patch)
        sizes = x.shape[-dims:]
        padding: list[int] = []
        for size, length, start in reversed(list(zip(self.patch, sizes, first, strict=True))):
            padding += [start, -(length + start) % size]
        padded = functional.pad(x, padding)
        split: list[int] = []
        for length, size in zip(padded.shape[-dims:], self.patch, strict=True):
            split += [length // size, size]
        batch = x.shape[: x.ndim - dims - 1]
        blocks = padded.reshape(*batch, x.shape[-dims - 1], *split)
        lead = len(batch)
        counts, inner = [lead + 1 + 2 * k for k in range(dims)], [lead + 2 + 2 * k for k in range(dims)]
        blocks = blocks.permute(*range(lead), *counts, lead, *inner)
        return blocks.flatten(-dims).flatten(lead, lead + dims - 1)

    def _film(self, blocks: Tensor, like: Tensor) -> Tensor:
        """What `_blocks` undoes."""
        dims, first = len(self.patch), self.grid.offset(self.patch)
        sizes = like.shape[-dims:]
        numbers = [-(-(length + start) // size) for length, start, size in zip(sizes, first, self.patch, strict=True)]
        batch = like.shape[: like.ndim - dims - 1]
        lead = len(batch)
        x = blocks.reshape(*batch, *numbers, like.shape[-dims - 1], *self.patch)
        order = [axis for k in range(dims) for axis in (lead + k, lead + dims + 1 + k)]
        x = x.permute(*range(lead), lead + dims, *order)
        x = x.reshape(*batch, like.shape[-dims - 1], *(n * size for n, size in zip(numbers, self.patch, strict=True)))
        for axis, (length, start) in enumerate(zip(sizes, first, strict=True), start=-dims):
            x = x.narrow(axis, start, length)
        return x

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._per_item(weight) * nuclear_norm(self._blocks(x)).sum(-1)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        self.grid.advance(self.patch)
        level = self._per_item(threshold)
        return self._film(singular_value_threshold(self._blocks(x), level.unsqueeze(-1) if level.ndim else level), x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        largest = spectral_norm(self._blocks(z)).amax(-1).to(z.real.dtype)
        return zero_or_infinite(within(largest, self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(self._per_item(weight), spectral_norm(self._blocks(z)).amax(-1).to(z.real.dtype), 0)

    def _symbol(self) -> str:
        return "sum_b |{x}_b|_*"

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"patch={self.patch}, grid={type(self.grid).__name__}"
