"""Robust principal component analysis in one pass over memory an iteration, to a certified duality gap."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import ParameterError, ShapeError, UnsupportedError
from foreknow.priors.gram import cross_gram
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Iterate
from foreknow.solve.robust_pca_candidate import RobustPCACandidate
from foreknow.solve.robust_pca_certificate import examine
from foreknow.solve.robust_pca_form import RobustPCAForm, require_robust_pca, robust_pca_form
from foreknow.solve.robust_pca_point import RobustPCAPoint
from foreknow.solve.robust_pca_sweep import Norms, Sums, Sweep, complement, eigh
from foreknow.solve.self_certifying import Look, SelfCertifying
from foreknow.solve.sparse_part import is_soft_threshold

_FIRST_PENALTY = 2.5  # of w / |D|_2
_GROWING = 7  # steps in which the penalty goes where the sizes of the two parts want it
_RATIO = 5.0  # mu |S| / |Y| at the end of that
_FADING = 0.85  # of the exponent with which the penalty is balanced, from look to look
_FIRST_GAP, _RATE = 5e-3, -0.42  # relative gap after the growing and slope of its logarithm, where nothing is known yet
_MOST_BALANCE = 9.0  # factor of the penalty at one look
_USUAL_TOLERANCE = 1e-4  # of the gap, for what is asked of a state without one
_GRAM_ERROR = 1e-7  # of a Gram matrix in single precision, relative to the square of its largest singular value
_HARMFUL = 1e-2  # an error of the Gram matrix, relative to the square of the threshold, that thresholding must not have
_SAFE_SIZES = (1e-12, 1e15)  # of |D|_2, for squares in single precision


@dataclass(frozen=True)
class FusedRobustPCAState:
    """The one array T = D - L + Y / mu, and what is known of it.

    Attributes:
        point: T, its penalty mu, and the problem that they are of.
        sums: the Gram matrix of what is thresholded next, and norms.
        following: the penalty that the next step goes over to, (items,), float64.
        count: number of steps taken.
        balances: number of times that a look has balanced the penalty.
        seen: count and worst relative gap at the last look.
        bound: the best lower bound of the optimum that the looks have found, (items,), float64; None before the first.
        size: the largest singular value of D, (items,), float64.
        warm: whether the start was not zero.
    """

    point: RobustPCAPoint
    sums: Sums
    following: Tensor
    count: int
    balances: int
    seen: tuple[int, float] | None
    bound: Tensor | None
    size: Tensor
    warm: bool


class FusedRobustPCA(SelfCertifying[FusedRobustPCAState]):
    r"""min w |L|_* + R(S) with L + S = D, or with Gaussian noise between them, on the observed entries.

    The inexact augmented Lagrangian method (Lin, Chen and Ma 2010) on one state array, with one blocked pass over memory a step:
    from mu = 2.5 w / |D|_2, and at most doubling, the penalty grows in the first steps towards 5 |Y| / |S|, where the two terms of
    the error bound of ADMM balance. Growing on would stall above the optimum. From then on the method is over-relaxed ADMM
    (Eckstein and Bertsekas 1992). Each look at the certificate moves the penalty to where a step changes mu Z and Y alike (after
    Xu, Figueiredo and Goldstein 2017), with an exponent that dies out geometrically, so that the penalty becomes constant and the
    method converges to any accuracy.

    It is meant for solving: its blocks are computed in place and not differentiated (`RobustPCA` is the form to unroll).

    Of a start from components alone the multiplier is not known. With Gaussian noise these give nearly all of it; with exact data
    only what belongs to the range of L, and to find the rest takes nearly as many steps as a start from zero. ``previous`` has it.

    Args:
        relaxation: the a of over-relaxation, in [1, 2).
        previous: the `Solution.dual` of an earlier solution, of the same or similar data, to start from with its multiplier; the
            components too, unless `minimize` is given others.

    Raises:
        ParameterError: if the relaxation is outside.
    """

    patience = 12
    differentiable = False

    def __init__(self, relaxation: float = 1.6, previous: Iterate | None = None) -> None:
        if not 1 <= relaxation < 2:
            message = f"the over-relaxation of robust PCA must be in [1, 2), not {relaxation}"
            raise ParameterError(message)
        self.relaxation = relaxation
        self.previous = previous

    def check(self, problem: Problem) -> None:
        """Needs a nuclear norm and another convex prior on the two parts of exact or Gaussian data, perhaps behind one mask."""
        _, sparse = require_robust_pca(problem)
        prior = problem.declared_priors()[sparse]
        if is_soft_threshold(prior):
            return
        probe = torch.zeros((1,) * prior.event_dims if problem.shape is None else problem.linear_operators()[sparse].domain)
        try:
            prior.dual_scale(probe)
        except UnsupportedError as error:
            message = f"{self.name} cannot certify component {problem.names[sparse]!r}: {error}; use ADMM() or PDHG()"
            raise UnsupportedError(message) from error

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> FusedRobustPCAState:
        """Start from zero, or from given components and the multiplier of the previous solution or, of none, that of L.

        Raises:
            ShapeError: if the previous solution does not fit the data.
        """
        form = robust_pca_form(problem, y)
        data = form.data(y)
        gram = cross_gram(data, data)
        size = eigh(gram)[0][..., 0]
        penalty = torch.where(size > 0, _FIRST_PENALTY * form.weight / size.clamp_min(_TINY), 1.0)
        multiplier = None if self.previous is None else _multiplier(form, y, self.previous)
        cold = all(_is_zero(part) for part in start)
        if self.previous is not None and cold:
            start = tuple(part.to(y) for part in self.previous.coefficients)
        low_rank, sparse = form.matrices(start)
        if multiplier is None and cold:
            point = RobustPCAPoint(form, data, sparse, penalty)  # T = 0, whose X is D
            return FusedRobustPCAState(point, Sums(gram), penalty, 0, 0, None, None, size, warm=False)
        amount = problem.prior_value(form.coefficients(torch.zeros_like(low_rank), sparse)).reshape(-1).to(torch.float64)
        energy = torch.linalg.vector_norm(sparse, dim=(-2, -1), dtype=gram.dtype).square()
        target = _RATIO * amount / energy.clamp_min(_TINY)  # <Y, S> = R(S)
        penalty = torch.where(torch.isfinite(target) & (target > 0), target, penalty)
        if multiplier is None:  # X - thresholded X of X = L: what L and its multiplier have in common
            removal = complement(cross_gram(low_rank, low_rank), form.weight / penalty, data.dtype)
            array = removal.add_product(low_rank, 1.0, data - low_rank)
        else:
            array = torch.addcdiv(data - low_rank, multiplier, penalty.to(data.real.dtype).reshape(-1, 1, 1))
        point = RobustPCAPoint(form, data, array, penalty)
        gram = Sweep(form, data, double=True).gram(point)
        return FusedRobustPCAState(point, Sums(gram), penalty, 0, 0, None, None, size, warm=True)

    def first_pause(self, state: FusedRobustPCAState, tolerance: float) -> int:
        """The steps in which the penalty grows and some for small tolerances; two after a warm start, which may be near the end."""
        return 2 if state.warm else _GROWING + min(5, max(0, math.ceil(math.log(_FIRST_GAP / tolerance) / -_RATE)))

    def step(self, problem: Problem, y: Tensor, state: FusedRobustPCAState) -> FusedRobustPCAState:
        """One thresholding of singular values, one of entries, one update of the multiplier."""
        return self.advance(problem, y, state, 1)

    def advance(self, problem: Problem, y: Tensor, state: FusedRobustPCAState, steps: int) -> FusedRobustPCAState:  # noqa: ARG002
        """Several steps in one new array."""
        point, sums, following, count = state.point, state.sums, state.following, state.count
        form, data = point.form, point.data
        out = form.layout.empty(data)
        sweep: Sweep | None = None
        for index in range(steps):
            double = _needs_double(state, following)
            if sweep is None or sweep.double != double:
                sweep = Sweep(form, data, double=double)
            removal = complement(sums.gram, form.weight / point.penalty, data.dtype)
            growing = count + 1 < _GROWING
            norms = Norms.SIZES if growing else Norms.CHANGES if index == steps - 1 else Norms.NOTHING
            point, sums = sweep.iterate(point, out, following, removal, self.relaxation, norms)
            count += 1
            following = _grown(following, sums) if growing else following
        return replace(state, point=point, sums=sums, following=following, count=count)

    def look(self, problem: Problem, y: Tensor, state: FusedRobustPCAState, tolerance: float) -> Look[FusedRobustPCAState]:
        """The certified gap; the penalty moves to where the changes of Z and of Y in the last step weigh alike."""
        batch = state.point.form.layout.batch
        found = examine(problem, y, state.point, state.sums.gram, tolerance, state.bound)
        certificate = found.certificate(batch)
        after = replace(state, seen=(state.count, certificate.worst), bound=found.bound)
        if state.count >= _GROWING:
            following = state.point.penalty * _balance(state.sums, _FADING**state.balances)
            after = replace(after, following=following, balances=state.balances + 1)
        return Look(certificate, found.primal.reshape(batch), found.iterate, after, _pause(state, certificate.worst, tolerance))

    def iterate(self, problem: Problem, y: Tensor, state: FusedRobustPCAState) -> Iterate:  # noqa: ARG002
        """The components, which sum to the data exactly if these are exact, and the multiplier."""
        candidate = RobustPCACandidate.of(state.point, state.sums.gram, _USUAL_TOLERANCE)
        return candidate.iterate(state.point.multiplier())


def _multiplier(form: RobustPCAForm, y: Tensor, previous: Iterate) -> Tensor:
    """The multiplier Y of an earlier solution as a tall matrix."""
    dual = previous.data_dual
    if dual is None or dual.shape != y.shape:
        given = "none" if dual is None else tuple(dual.shape)
        message = f"the previous solution of robust PCA must have a dual variable of the shape {tuple(y.shape)}, not {given}"
        raise ShapeError(message)
    return form.data(-dual.to(y))


def _is_zero(x: Tensor) -> bool:
    low, high = (torch.view_as_real(x) if x.is_complex() else x).aminmax()  # several times faster than Tensor.any
    return bool((low == 0) & (high == 0))


def _needs_double(state: FusedRobustPCAState, penalty: Tensor) -> bool:
    """Whether Gram matrices must be multiplied in double precision; always where asking would wait for the device."""
    data, size = state.point.data, state.size
    if data.device.type != "cpu":
        return True
    error = _GRAM_ERROR * (penalty * size / state.point.form.weight).square()  # relative to the square of the threshold
    harmful = error > (_HARMFUL if state.seen is None else min(_HARMFUL, 5 * state.seen[1]))
    low, high = _SAFE_SIZES
    return bool((harmful | (size > high) | ((size < low) & (size > 0))).any())


def _grown(penalty: Tensor, sums: Sums) -> Tensor:
    """The penalty where mu |S| = 5 |Y|, but at most doubled or halved."""
    assert sums.residual is not None and sums.sparse is not None  # noqa: S101, PT018
    target = _RATIO * penalty * sums.residual / sums.sparse.clamp_min(_TINY)
    return torch.where(sums.residual > 0, target.clamp(penalty / 2, 2 * penalty), penalty)


def _balance(sums: Sums, exponent: float) -> Tensor:
    """The factor of the penalty, (items,): (change of U / change of Z) to a power."""
    assert sums.residual is not None and sums.sparse is not None  # noqa: S101, PT018
    ratio = (sums.residual / sums.sparse.clamp_min(_TINY)).clamp(1 / _MOST_BALANCE, _MOST_BALANCE)
    return torch.where((sums.residual > 0) & (sums.sparse > 0), ratio**exponent, 1.0)


def _pause(state: FusedRobustPCAState, gap: float, tolerance: float) -> int:
    """Steps until the gap may be closed, were it to fall on as it did; no more than six or a quarter of those taken."""
    least, most = max(2, state.count // 16), max(6, state.count // 4)
    if not tolerance < gap < math.inf:
        return most
    rate = _RATE
    if state.seen is not None and 0 < gap < state.seen[1] < math.inf:
        rate = (math.log(gap) - math.log(state.seen[1])) / (state.count - state.seen[0])
    return min(most, max(least, math.ceil(math.log(tolerance / gap) / rate)))


_TINY = 1e-290
