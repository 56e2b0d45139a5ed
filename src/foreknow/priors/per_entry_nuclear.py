"""The nuclear norm in a unit that does not depend on the size of the matrix."""

import math

from torch import Tensor

from foreknow.priors.nuclear import NuclearNorm


class PerEntryNuclearNorm(NuclearNorm):
    r"""w sqrt(N T) \|X\|_* for a matrix of N x T entries: low rank, with one weight for batches and images of all sizes.

    The plain nuclear norm of a still picture shown T times grows like sqrt(N T), while a data term and an L1 norm grow like N T:
    with the same weights a larger batch would count its rank less. Here all grow alike, and the value for a constant matrix is
    that of w \|X\|_1, so that the weight is an intensity: a still picture loses w in each entry (in the mean square) whatever the
    number of frames. The rule of robust PCA, weights of 1 and 1 / sqrt(N) (Candes et al. 2011), is PerEntryNuclearNorm(s / sqrt(T))
    beside L1(s). In all else a `NuclearNorm`.
    """

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return super()._value(x, self._unit(x) * weight)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        return super()._prox(x, self._unit(x) * threshold)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        return super()._conjugate(z, self._unit(z) * weight)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return super()._dual_scale(z, self._unit(z) * weight)

    def _unit(self, x: Tensor) -> float:
        return math.sqrt(math.prod(x.shape[-self.event_dims :]))

    def _symbol(self) -> str:
        return "sqrt(size) |{x}|_*"
