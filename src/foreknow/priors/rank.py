"""The rank itself: as a penalty and as a bound. Neither is convex; both proximal maps are exact."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import attached_zero
from foreknow.priors.gram import singular_values
from foreknow.priors.indicator import Indicator
from foreknow.priors.nuclear import casorati, dead_level, require_matrix
from foreknow.priors.shrinkage import HARD, LeadingShrinkage
from foreknow.priors.singular_value import shrink_singular_values


class Rank(Prior):
    r"""w rank(X). Not convex.

    The proximal map keeps the singular values above sqrt(2 step w) as they are and removes the others: a global minimiser, by the
    theorem of Eckart and Young (1936). A singular value counts if it exceeds 4 eps |X|_F. The gradient of the value is 0. x may
    be complex; an event of more than two axes is taken as a matrix as in `NuclearNorm`.

    Args:
        weight: a number, a tensor (\*batch, 1, ..., 1), or a `Parameter`.
        event_dims: number of trailing axes of one event, at least 2.

    Raises:
        ParameterError: if ``event_dims`` is below 2.
    """

    convex = False
    homogeneity = 0.0

    def __init__(self, weight: float | Tensor | Parameter = 1.0, event_dims: int = 2) -> None:
        require_matrix(event_dims, "Rank")
        super().__init__(weight, event_dims)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        values = singular_values(casorati(x, self.event_dims))
        rank = (values > dead_level(values, x.dtype).unsqueeze(-1)).sum(-1)
        return self._per_item(weight) * (rank.to(x.real.dtype) + attached_zero(x, self.event_dims))

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        level = (2 * self._per_item(threshold)).sqrt()
        return shrink_singular_values(casorati(x, self.event_dims), level, HARD).reshape(x.shape)

    def _symbol(self) -> str:
        return "rank({x})"


class RankBall(Indicator):
    r"""rank(X) <= rank. Not convex; the projection keeps the largest singular values (Eckart and Young 1936).

    x may be complex; an event of more than two axes is taken as a matrix as in `NuclearNorm`.

    Args:
        rank: the largest rank, 0 or more.
        event_dims: number of trailing axes of one event, at least 2.

    Raises:
        ParameterError: if the rank is negative or ``event_dims`` is below 2.
    """

    convex = False
    homogeneity = 0.0

    def __init__(self, rank: int, event_dims: int = 2) -> None:
        require_matrix(event_dims, "RankBall")
        if rank < 0:
            message = f"a rank is a non-negative whole number, not {rank}"
            raise ParameterError(message)
        super().__init__(event_dims)
        self.rank = rank

    def _project(self, x: Tensor) -> Tensor:
        return shrink_singular_values(casorati(x, self.event_dims), 0.0, LeadingShrinkage(self.rank)).reshape(x.shape)

    def _contains(self, x: Tensor, tolerance: float) -> Tensor:
        values = singular_values(casorati(x, self.event_dims))
        if self.rank >= values.shape[-1]:
            return torch.ones_like(values[..., 0], dtype=torch.bool)
        return values[..., self.rank] <= tolerance * torch.linalg.vector_norm(values, dim=-1)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return self._conjugate(z, weight)  # raises: there is none

    def _symbol(self) -> str:
        return f"[rank({{x}}) <= {self.rank}]"
