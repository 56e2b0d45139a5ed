"""Weights of robust PCA that the data themselves suggest."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.noise import Exact
from foreknow.priors import L1, NuclearNorm
from foreknow.priors.gram import spectral_norm
from foreknow.priors.nuclear import casorati
from foreknow.priors.shrinkage import POLAR
from foreknow.priors.singular_value import shrink_singular_values
from foreknow.problem import Component, Problem
from foreknow.shapes import expand_event
from foreknow.solve.driver import minimize
from foreknow.solve.fused_robust_pca import FusedRobustPCA

_NORMAL_MEDIAN = 0.6744897501960817  # median of |z| for Gaussian z of unit variance
_CLIP = 2.5  # standard deviations beyond which a difference is not counted as noise
_CLIPPED_DEVIATION = 0.954597  # of z, given |z| < 2.5: sqrt(1 - 5 p(2.5) / P(|z| < 2.5)) with the density p of the normal law
_CLIPPINGS = 12  # each takes the error to a quarter
_MOST_SAMPLES = 2**20  # so many differences tell the level to a part in a thousand
_LEADING = 1e-2  # of the largest singular value: what counts as a direction of the low-rank part
_PILOT_STEPS = 30


@dataclass(frozen=True)
class RobustPCAWeights:
    r"""Weights for data with Gaussian noise, each of shape (\*batch, 1, ..., 1), for `Gaussian`, `NuclearNorm` and `L1`.

    Attributes:
        sigma: standard deviation of the noise.
        low_rank: weight of the nuclear norm.
        sparse: weight of the L1 norm.
    """

    sigma: Tensor
    low_rank: Tensor
    sparse: Tensor


def classical_sparse_weight(y: Tensor, event_dims: int = 2) -> float:
    """1 / sqrt(max(N, T)), the weight of the L1 norm beside a nuclear norm of weight 1 (Candes et al. 2011, theorem 1.1)."""
    return 1 / math.sqrt(max(_matrix(y, event_dims).shape[-2:]))


def balanced_sparse_weight(y: Tensor, event_dims: int = 2) -> Tensor:
    r"""The weight v of the L1 norm, beside a nuclear norm of weight 1, that leaves both parts equal room to be recovered exactly.

    With L = U s V^T and the signs E of S, a dual certificate of exact recovery has the entries of U V^T below v in modulus where S
    is zero, and v E below 1 in spectral norm on the other side (Candes et al. 2011, section 2.2): |U V^T|_inf < v < 1 / |E|_2, say.
    The value returned is the geometric mean of the two ends, which a short run with the classical weight estimates. For few, long
    frames the classical weight itself lies below the lower end (its theory wants a smaller rank than 10 of 50, say).

    Args:
        y: exact data, (*batch, *event), real or complex.
        event_dims: number of event axes; of more than two, the first makes the rows of the matrix and the others the columns.

    Returns:
        (*batch, 1, ..., 1), real; the classical weight where the short run finds no sparse part.

    Raises:
        DataError, ShapeError: if y does not fit.
    """
    classical = classical_sparse_weight(y, event_dims)
    components = {"low_rank": Component(NuclearNorm(event_dims=event_dims)), "sparse": Component(L1(classical, event_dims))}
    pilot = minimize(Problem(components, Exact()), y, FusedRobustPCA(), tolerance=1e-3, max_iterations=_PILOT_STEPS)
    low_rank, sparse = casorati(pilot["low_rank"], event_dims), casorati(pilot["sparse"], event_dims)
    level = _LEADING * spectral_norm(low_rank)
    largest = shrink_singular_values(low_rank, level, POLAR).abs().amax(dim=(-2, -1)).to(torch.float64)
    signs = spectral_norm(sparse.sgn())
    weight = torch.where((signs > 0) & (largest > 0), (largest / signs.clamp_min(1e-290)).sqrt(), classical)
    return expand_event(weight.to(y.real.dtype), event_dims)


def noise_level(y: Tensor, time_axis: int = -1) -> Tensor:
    r"""Standard deviation of white noise on a nearly still film, from the differences of neighbouring frames.

    What moves touches less than half of the differences. Their median absolute value (Hampel 1974) is therefore finite, but a
    third too large where a fifth of them is touched. From it on, the root mean square of what is within 2.5 standard deviations is
    taken again and again, divided by what it is for Gaussian noise (Rousseeuw and Leroy 1987, section 4.4): its only fixed point
    above 0 for pure noise is sigma, and what moves enters by the little that lies within that range.

    Args:
        y: (\*batch, \*event), real; the event axes are the time axis and all after it, at least two.
        time_axis: the axis along which frames follow each other, counted from the end; -1 for a matrix with one frame a column,
            which makes the last two axes the event.

    Returns:
        (\*batch,), of the dtype of y; 0 where most neighbours are equal.

    Raises:
        ShapeError: if there are fewer than two frames, or the axis is none of the last ones.
    """
    event_dims = max(2, -time_axis)
    if not -y.ndim <= time_axis <= -1 or y.ndim < event_dims or y.shape[time_axis] < 2:
        message = (
            f"the level of noise is measured on two or more frames along a time axis that is counted from the end, "
            f"not on axis {time_axis} of {tuple(y.shape)}"
        )
        raise ShapeError(message)
    differences = y.diff(dim=time_axis).flatten(y.ndim - event_dims)
    stride = -(-differences.shape[-1] // _MOST_SAMPLES)
    if stride > 1:
        stride += 1 - stride % 2  # an odd stride, so that no frame or row of an even size is seen alone
    sizes = differences[..., ::stride].abs()
    level = sizes.median(dim=-1, keepdim=True).values / _NORMAL_MEDIAN
    squares = (sizes / level.clamp_min(torch.finfo(y.dtype).tiny)).square()  # so that none overflows
    factor = torch.ones_like(level)
    for _ in range(_CLIPPINGS):
        near = squares <= (_CLIP * factor).square()
        factor = (torch.where(near, squares, 0.0).sum(-1, keepdim=True) / near.sum(-1, keepdim=True)).sqrt() / _CLIPPED_DEVIATION
    return torch.where(level > 0, level * factor, 0.0).squeeze(-1) / math.sqrt(2.0)


def noise_weights(y: Tensor, time_axis: int = -1, deviations: float = 3.0) -> RobustPCAWeights:
    r"""Weights for a film with white noise, by what the noise alone would do.

    The nuclear norm of weight (sqrt(N) + sqrt(T)) / sigma removes a matrix of noise entirely, the largest singular value of which
    is about sigma (sqrt(N) + sqrt(T)) (Davidson and Szarek 2001; Zhou et al. 2010); the L1 norm of weight ``deviations`` / sigma
    leaves entries in the sparse part that exceed the background by as many standard deviations.

    Args:
        y: (\*batch, \*event), real; see `noise_level`.
        time_axis: see `noise_level`.
        deviations: positive; 3 lets one entry of pure noise in 370 into the sparse part.

    Raises:
        DataError: if no noise is found.
        ParameterError: if ``deviations`` is not positive.
        ShapeError: see `noise_level`.
    """
    if not deviations > 0:
        message = f"the sparse part begins a positive number of standard deviations above the background, not {deviations}"
        raise ParameterError(message)
    sigma = noise_level(y, time_axis)
    if not bool((sigma > 0).all()):
        message = "most entries equal those of the frame before, so that no level of noise can be measured; use Exact() data"
        raise DataError(message)
    event_dims = max(2, -time_axis)
    rows, columns = _matrix(y, event_dims).shape[-2:]
    sigma = expand_event(sigma, event_dims)
    return RobustPCAWeights(sigma, (math.sqrt(rows) + math.sqrt(columns)) / sigma, deviations / sigma)


def _matrix(y: Tensor, event_dims: int) -> Tensor:
    if event_dims < 2 or y.ndim < event_dims:
        message = f"robust PCA is about matrices, so events of two or more axes, not {event_dims} of the shape {tuple(y.shape)}"
        raise ShapeError(message)
    return casorati(y, event_dims)
