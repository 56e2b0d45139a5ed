"""The nuclear norm with one weight a singular value: low rank without shrinking what is strong."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Fixed, Parameter, as_parameter
from foreknow.priors.base import Prior
from foreknow.priors.nuclear import casorati, require_matrix, weighted_singular_values
from foreknow.priors.shrinkage import SOFT
from foreknow.priors.singular_value import shrink_singular_values


class WeightedNuclearNorm(Prior):
    r"""w sum_i v_i s_i(X), with weights v_i that do not fall as the singular values s_1 >= s_2 >= ... do.

    For such weights the proximal map, max(s_i - step w v_i, 0), is the global minimiser although R is not convex (Chen, Dong and
    Chan 2013, theorem 2.3; Gu et al. 2014, corollary 1). It jumps where two singular values with different weights tie. R is
    convex only if all v_i are equal, and ``convex`` says so; there is no conjugate. x may be complex; an event of more than two
    axes is taken as a matrix as in `NuclearNorm`.

    Args:
        singular_weights: v, one number a singular value, ascending, shape (min(N, T),); a `Parameter` makes them learnable, whose
            order is then checked at each use.
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes of one event, at least 2.

    Raises:
        ParameterError: if the singular weights fall or are negative, or ``event_dims`` is below 2.
    """

    homogeneity = 1.0

    def __init__(
        self, singular_weights: Sequence[float] | Tensor | Parameter, weight: float | Tensor | Parameter = 1.0, event_dims: int = 2
    ) -> None:
        require_matrix(event_dims, "WeightedNuclearNorm")
        super().__init__(weight, event_dims)
        given = singular_weights
        self.singular_weight_parameter = as_parameter(
            given if isinstance(given, (Tensor, Parameter)) else torch.as_tensor(given, dtype=torch.float64)
        )
        weights = self.singular_weights
        self.convex = isinstance(self.singular_weight_parameter, Fixed) and bool((weights == weights[..., :1]).all())

    @property
    def singular_weights(self) -> Tensor:
        """The weights v, ascending.

        Raises:
            ParameterError: if they fall, in which case the proximal map would not be the one of R.
        """
        weights = self.singular_weight_parameter()
        if weights.ndim != 1 or bool((weights.diff() < 0).any()):
            message = "the weights of the singular values must be one axis of numbers that do not fall: small weights first"
            raise ParameterError(message)
        return weights

    def _matrix(self, x: Tensor) -> tuple[Tensor, Tensor]:
        matrix, weights = casorati(x, self.event_dims), self.singular_weights.to(x.device)
        if weights.shape[0] != min(matrix.shape[-2:]):
            message = f"{weights.shape[0]} weights do not fit the {min(matrix.shape[-2:])} singular values of {tuple(matrix.shape)}"
            raise ParameterError(message)
        return matrix, weights

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        matrix, weights = self._matrix(x)
        return self._per_item(weight) * weighted_singular_values(matrix, weights.to(x.real.dtype))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        matrix, weights = self._matrix(x)
        levels = self._per_item(threshold).to(torch.float64).expand(matrix.shape[:-2]).unsqueeze(-1) * weights.to(torch.float64)
        return shrink_singular_values(matrix, levels, SOFT).reshape(x.shape)

    def _symbol(self) -> str:
        return "|{x}|_v,*"
