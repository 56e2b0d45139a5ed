r"""The certified duality gap of robust PCA, in three passes over memory.

The candidate is that of `RobustPCACandidate`. For the dual point P the multiplier Y, which obeys the conjugate of R, is moved
towards the ball of the spectral norm and back: singular values above w are cut down to w, and the result goes into the domain of
R^* again (one cycle of alternating projections). What is left of the excess of the singular values over w is scaled off. This bound
is several times sharper than that of scaling Y alone.

Sums, Gram matrices and the singular values that decide are in double precision, and what their rounding may amount to is added to
the gap.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import DataError, UnsupportedError
from foreknow.priors.gram import add_upper_gram, cross_gram, mirror_upper, singular_values
from foreknow.problem import Problem
from foreknow.solve.algorithm import Iterate
from foreknow.solve.certificate import Certificate, CertificateKind, duality_gap, in_double
from foreknow.solve.robust_pca_candidate import RobustPCACandidate
from foreknow.solve.robust_pca_point import RobustPCAPoint
from foreknow.solve.robust_pca_sweep import eigh
from foreknow.solve.sparse_part import SoftThreshold

_EPS = torch.finfo(torch.float64).eps
_GRAM_ERROR = 16 * _EPS  # of the trace of a Gram matrix: what its sums and its eigenvalues are exact to
_SHARE = 0.25  # of the tolerance: a rounding term above it is worth a decomposition without the Gram matrix


@dataclass(frozen=True)
class Examination:
    """What is found of one point.

    Attributes:
        primal: the objective of the candidate, (items,), float64.
        doubt: by how much rounding may have lowered it, (items,).
        bound: what the optimum is known not to be below, (items,).
        candidate: what these are of.
        cut: takes the multiplier towards the spectral ball, Y -> Y (I - cut), (items, columns, columns), float64 or complex128.
        dual: the dual point before it is scaled, (items, rows, columns), kept where the tolerance is met.
        sparse: S, kept where the tolerance is met and D - L equals it (exact data, all observed).
    """

    primal: Tensor
    doubt: Tensor
    bound: Tensor
    candidate: RobustPCACandidate
    cut: Tensor
    dual: Tensor | None = None
    sparse: Tensor | None = None

    @property
    def gap(self) -> Tensor:
        """The distance of the objective to the bound, and what rounding may have hidden, (items,)."""
        return (self.primal - self.bound).clamp_min(0) + self.doubt

    @property
    def relative(self) -> Tensor:
        """The gap over the objective, (items,)."""
        return self.gap / self.primal.abs().clamp_min(torch.finfo(torch.float64).tiny)

    def within(self, tolerance: float) -> bool:
        """Whether every item has a relative gap of at most the tolerance."""
        return bool((self.relative <= tolerance).all())

    def certificate(self, batch: tuple[int, ...]) -> Certificate:
        """The gap as a certificate of the batch."""
        absolute, relative, primal, bound = (x.reshape(batch) for x in (self.gap, self.relative, self.primal, self.bound))
        return Certificate(CertificateKind.DUALITY_GAP, absolute, relative, primal, bound)

    def iterate(self) -> Iterate:
        """The candidate, with the dual point that the bound is of (before it is scaled)."""
        dual = _dual_point(self.candidate.point, self.cut) if self.dual is None else self.dual
        return self.candidate.iterate(dual, self.sparse)


def examine(
    problem: Problem, y: Tensor, point: RobustPCAPoint, gram: Tensor, tolerance: float, bound: Tensor | None = None
) -> Examination:
    """The gap of a point; of the sparsest candidate that the tolerance allows, where it is met.

    Args:
        problem: what is minimised, bound to the shape of y.
        y: the data, (*batch, *shape).
        point: the point.
        gram: of the matrix X = D - Z + Y / mu whose singular values are thresholded next, (items, columns, columns).
        tolerance: relative gap that is asked for: decides how exactly small singular values are computed.
        bound: a lower bound of the optimum that is known already (of an earlier point), (items,); the better one counts.

    Raises:
        DataError: if the point is not finite.
    """
    form, part = point.form, point.form.part
    candidate = RobustPCACandidate.of(point, gram, tolerance)
    if not isinstance(part, SoftThreshold):
        return _by_conjugates(problem, y, candidate, bound)
    dual = form.layout.empty(point.data)
    sparse = form.layout.empty(point.data) if form.variance is None and part.mask is None else None
    cut, own = _dual(point, dual)
    bound = own if bound is None else torch.maximum(own, bound)
    found = _compared(candidate, part, cut, bound, tolerance, sparse)
    if not found.within(tolerance):
        return found
    if form.variance is None:
        for sparser in candidate.sparser():
            other = _compared(sparser, part, cut, bound, tolerance, None)
            if other.within(tolerance):
                return replace(other, dual=dual)
    return replace(found, dual=dual, sparse=sparse)


def _by_conjugates(problem: Problem, y: Tensor, candidate: RobustPCACandidate, bound: Tensor | None) -> Examination:
    """For any prior: the general duality gap of the candidate and the dual point."""
    point = candidate.point
    multiplier = point.multiplier()
    cut = _spectral_cut(cross_gram(multiplier, multiplier), point.form.weight)
    double = in_double(problem, y, candidate.iterate(_dual_point(point, cut)))
    certificate = duality_gap(problem, y, double, bound=None if bound is None else bound.reshape(point.form.layout.batch))
    if certificate is None or certificate.objective is None or certificate.bound is None:
        message = (
            f"no duality gap can be had of component {problem.names[point.form.sparse]!r}: its prior has no conjugate, "
            "or its value is infinite; use ADMM()"
        )
        raise UnsupportedError(message)
    primal, below = certificate.objective.reshape(-1), certificate.bound.reshape(-1)
    return Examination(primal, 8 * _EPS * primal.abs(), below, candidate, cut)


def _compared(
    candidate: RobustPCACandidate, part: SoftThreshold, cut: Tensor, bound: Tensor, tolerance: float, kept: Tensor | None
) -> Examination:
    """The gap between a candidate, whose S is kept where there is room for it, and a lower bound."""
    form, point = candidate.point.form, candidate.point
    value, gram = _primal(candidate, part, kept)
    if not bool(torch.isfinite(value).all()):
        message = "robust PCA left the finite numbers; scale the data nearer to 1 or use float64"
        raise DataError(message)
    nuclear, rounding = _nuclear_norm(gram)
    if bool((form.weight * rounding > _SHARE * tolerance * (form.weight * nuclear + value)).any()):
        _, _, removed = candidate.parts(point.everything, point.residual(point.everything))
        values = singular_values(candidate.low_rank(point.everything, removed))
        nuclear, rounding = values.sum(-1), 16 * _EPS * values.shape[-1] * values[..., 0]
    primal = form.weight * nuclear + value
    return Examination(primal, form.weight * rounding + 64 * _EPS * primal.abs(), bound, candidate, cut)


def _primal(candidate: RobustPCACandidate, part: SoftThreshold, kept: Tensor | None) -> tuple[Tensor, Tensor]:
    """R(S) with the data term, and L^T L; S is kept where there is room for it."""
    point, variance = candidate.point, candidate.point.form.variance
    value, gram = _zeros(point), _square(point)
    buffer = point.form.layout.empty(point.data, point.blocks()[0].stop)
    for rows in point.blocks():
        sparse, rest, removed = candidate.parts(rows, point.residual(rows, buffer[:, : rows.stop - rows.start]))
        add_upper_gram(gram, candidate.low_rank(rows, removed))
        value.add_(part.value(sparse, rows))
        if kept is not None:
            kept[:, rows] = sparse
        if variance is not None:
            distance = rest.to(torch.float64).sub_(sparse)
            if part.mask is not None:
                distance.mul_(part.mask[:, rows])
            value.add_(torch.linalg.vector_norm(distance, dim=(-2, -1)).square() / (2 * variance))
    return value, mirror_upper(gram)


def _dual(point: RobustPCAPoint, kept: Tensor) -> tuple[Tensor, Tensor]:
    """The cut of the multiplier, for which single precision will do, and the bound of the dual point, less its rounding.

    The dual point is kept in the precision of the data.
    """
    form, layout, data = point.form, point.form.layout, point.data
    number = layout.number(point.penalty, data)
    size = point.blocks()[0].stop
    single = layout.empty(data, size)
    small, total = torch.zeros(_square(point).shape, dtype=data.dtype, device=data.device), _square(point)
    for rows in point.blocks():
        add_upper_gram(small.zero_(), point.residual(rows, single[:, : rows.stop - rows.start]).mul_(number))
        total.add_(small)
    cut = _spectral_cut(mirror_upper(total), form.weight)

    gram, product, energy = _square(point), _zeros(point), _zeros(point)
    dual_buffer, data_buffer = (layout.empty(data, size, torch.float64) for _ in range(2))
    for rows, projected in point.cut_multiplier(cut):
        length = slice(0, rows.stop - rows.start)
        dual = dual_buffer[:, length].copy_(projected)
        dual = form.part.into_dual_ball(dual, rows, dual)
        kept[:, rows] = dual
        known = data_buffer[:, length].copy_(data[:, rows])
        add_upper_gram(gram, dual)
        energy.add_(torch.linalg.vector_norm(known, dim=(-2, -1)).square())
        product.add_(dual.mul_(known).sum(dim=(-2, -1)))
    largest = eigh(mirror_upper(gram))[0][..., 0]
    shrink = (form.weight / (largest * (1 + 64 * _EPS)).clamp_min(_TINY)).clamp_max(1.0)
    square = _trace(gram)
    noise = torch.zeros_like(shrink) if form.variance is None else form.variance * square / 2
    terms = (square * energy).sqrt() + noise  # |P| |D| >= |<P, D>|
    return cut, shrink * product - shrink.square() * noise - 64 * _EPS * terms


def _dual_point(point: RobustPCAPoint, cut: Tensor) -> Tensor:
    """P in the precision of the data, (items, rows, columns), before it is scaled."""
    dual = point.form.layout.empty(point.data)
    for rows, projected in point.cut_multiplier(cut):
        point.form.part.into_dual_ball(projected, rows, dual[:, rows])
    return dual


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)


def _spectral_cut(gram: Tensor, weight: Tensor) -> Tensor:
    """V (1 - w / s)_+ V^H: what cuts singular values down to w, from a Gram matrix."""
    values, vectors = eigh(gram)
    level = weight.unsqueeze(-1)
    return (vectors * (1 - level / torch.maximum(values, level)).unsqueeze(-2)) @ vectors.mH


def _nuclear_norm(gram: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the singular values from a Gram matrix, and by how much its rounding may have lowered it."""
    values = eigh(gram)[0]
    error = _GRAM_ERROR * _trace(gram).unsqueeze(-1)
    return values.sum(-1), ((values.square() + error).sqrt() - values).sum(-1)


def _zeros(point: RobustPCAPoint) -> Tensor:
    return torch.zeros(point.form.layout.items, dtype=torch.float64, device=point.data.device)


def _square(point: RobustPCAPoint) -> Tensor:
    layout = point.form.layout
    return torch.zeros(layout.items, layout.columns, layout.columns, dtype=torch.float64, device=point.data.device)


_TINY = 1e-290
