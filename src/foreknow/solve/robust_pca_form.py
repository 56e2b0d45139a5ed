"""The robust PCA that a declared problem is: which component is of low rank, which is sparse, what was observed, and the noise."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, UnsupportedError
from foreknow.noise import Exact, Gaussian
from foreknow.operators import Identity, Mask, Sampling
from foreknow.operators.base import LinearOperator
from foreknow.priors import NuclearNorm
from foreknow.problem import Coefficients, Problem
from foreknow.solve.matrix_layout import MatrixLayout
from foreknow.solve.sparse_part import Number, SparsePart, is_soft_threshold, sparse_part

_EVERYTHING = "use ADMM() or PDHG() for other models"


@dataclass(frozen=True)
class RobustPCAForm:
    r"""min w |L|_* + R(S) + (the data term of L + S), on the observed entries.

    Attributes:
        low_rank: index of the component with the nuclear norm.
        sparse: index of the other component.
        layout: how events are viewed as tall matrices.
        weight: w, (items,), float64.
        part: the prior R.
        variance: of the noise, (items,), float64; None for exact data.
        operator: the operator of both components: the identity, a mask, or a sampling.
    """

    low_rank: int
    sparse: int
    layout: MatrixLayout
    weight: Tensor
    part: SparsePart
    variance: Tensor | None
    operator: LinearOperator

    def data(self, y: Tensor) -> Tensor:
        """The data as a tall matrix with zeros where nothing was observed, (items, rows, columns); a view of y where it can be."""
        return self.layout.matrix(self.operator.adjoint(y).contiguous())

    def noise(self, like: Tensor) -> Number:
        """The variance of the noise for arithmetic with ``like``; 0.0 for exact data."""
        return 0.0 if self.variance is None else self.layout.number(self.variance, like)

    def matrices(self, coefficients: Coefficients) -> tuple[Tensor, Tensor]:
        """The component of low rank and the sparse one as tall matrices."""
        first, second = (self.layout.matrix(coefficients[index].contiguous()) for index in (self.low_rank, self.sparse))
        return first, second

    def coefficients(self, low_rank: Tensor, sparse: Tensor) -> Coefficients:
        """Tall matrices as coefficients in the order of the components."""
        pair = self.layout.event(low_rank), self.layout.event(sparse)
        return pair if self.low_rank == 0 else (pair[1], pair[0])


def require_robust_pca(problem: Problem) -> tuple[int, int]:
    """Check that a problem is a robust PCA.

    Returns:
        The indices of the component of low rank and of the sparse component.

    Raises:
        UnsupportedError: naming what stands in the way.
    """
    name = "FusedRobustPCA"
    priors = problem.declared_priors()
    nuclear = [index for index, prior in enumerate(priors) if type(prior) is NuclearNorm]
    if len(priors) != 2 or not nuclear:
        message = f"{name} separates two components, one of which has the prior NuclearNorm(); {_EVERYTHING}"
        raise UnsupportedError(message)
    low_rank = nuclear[0]
    sparse = 1 - low_rank
    prior = priors[sparse]
    if priors[low_rank].event_dims != problem.component_dims(low_rank):
        message = (
            f"the nuclear norm of component {problem.names[low_rank]!r} is of {priors[low_rank].event_dims} axes, "
            f"but the component has {problem.component_dims(low_rank)}; {_EVERYTHING}"
        )
        raise UnsupportedError(message)
    if not prior.convex or not prior.has_prox or not prior.has_value or prior.split()[0] is not prior:
        message = f"{name} needs a convex prior with a proximal map for component {problem.names[sparse]!r}; {_EVERYTHING}"
        raise UnsupportedError(message)
    if not isinstance(problem.noise, (Exact, Gaussian)):
        message = f"{name} treats Exact() and Gaussian() data terms, not {type(problem.noise).__name__}; {_EVERYTHING}"
        raise UnsupportedError(message)
    _require_operators(problem, name)
    weights = priors[low_rank].weight
    if not bool((weights > 0).all()):
        message = f"{name} needs a positive weight of the nuclear norm of component {problem.names[low_rank]!r}; {_EVERYTHING}"
        raise UnsupportedError(message)
    return low_rank, sparse


def robust_pca_form(problem: Problem, y: Tensor) -> RobustPCAForm:
    """The robust PCA of a problem and its data.

    Raises:
        UnsupportedError: if the problem is none.
        DataError: if the data are not zero where a mask says that nothing was observed.
    """
    low_rank, sparse = require_robust_pca(problem)
    operator = problem.linear_operators()[low_rank]
    layout = MatrixLayout(problem.batch_shape(y), operator.domain)
    mask = _mask_of(operator)
    if isinstance(operator, Mask) and bool((y != operator(y)).any()):
        message = "the data are not zero where the mask says that nothing was observed; multiply them by the mask"
        raise DataError(message)
    declared = problem.declared_priors()
    items, dims = layout.items, problem.event_dims
    weight = _per_item(declared[low_rank].weight, layout.batch, y, len(layout.shape)).reshape(items)
    variance = None
    if isinstance(problem.noise, Gaussian):
        variance = _per_item(problem.noise.sigma, layout.batch, y, dims).reshape(items).square()
    full = None if mask is None else mask.to(y.device).expand(layout.shape).contiguous()
    like = operator.adjoint(y)
    return RobustPCAForm(low_rank, sparse, layout, weight, sparse_part(declared[sparse], like, layout, full), variance, operator)


def _require_operators(problem: Problem, name: str) -> None:
    first, second = problem.linear_operators()
    if isinstance(first, Identity) and isinstance(second, Identity):
        return
    one, other = _mask_of(first), _mask_of(second)
    same = type(first) is type(second) and one is not None and other is not None and torch.equal(one, other)
    if not same:
        message = (
            f"{name} takes components without operators (the identity), or both behind one Mask or Sampling (missing data); "
            f"{_EVERYTHING}"
        )
        raise UnsupportedError(message)
    for index, prior in enumerate(problem.declared_priors()):
        if type(prior) is not NuclearNorm and not is_soft_threshold(prior):
            message = (
                f"{name} treats missing data where component {problem.names[index]!r} has the prior L1(), "
                f"with or without a sign; {_EVERYTHING}"
            )
            raise UnsupportedError(message)


def _mask_of(operator: LinearOperator) -> Tensor | None:
    """The mask of the observed entries, boolean, that broadcasts to the domain; None for the identity and other operators."""
    if isinstance(operator, Mask):
        return operator.mask
    if isinstance(operator, Sampling):
        mask = torch.zeros(operator.domain, dtype=torch.bool, device=operator.index.device)
        mask.view(-1)[operator.index] = True
        return mask
    return None


def _per_item(value: Tensor, batch: tuple[int, ...], y: Tensor, dims: int) -> Tensor:
    """A parameter () or (*batch, 1, ..., 1) as (*batch,), float64."""
    value = value.detach().to(device=y.device, dtype=torch.float64)
    return value.reshape(value.shape[: max(0, value.ndim - dims)]).expand(batch) if value.ndim else value.expand(batch)
