"""Certificates where the dual point must obey signs and equalities: finite early, in single precision, and never optimistic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy
import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Gaussian, Model, NonNegative, Poisson
from foreknow.operators import FiniteDifference, Identity, Matrix
from foreknow.priors import AffineSet, Box, LInfinityBall, NonPositive, Prior, Simplex, Smoothness, TotalVariation1D
from foreknow.problem import Problem
from foreknow.solve import FISTA, PDHG, Algorithm, CertificateKind, minimize
from foreknow.solve.algorithm import Iterate
from foreknow.solve.certificate import duality_gap, in_double


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


TALL, SQUARE, WIDE = random(16, 6), torch.eye(8).double() + 0.3 * random(8, 8, seed=1), random(5, 9, seed=2).abs()
SUMS = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, -1.0, 0.0, 2.0]], dtype=torch.float64)
HALF_OPEN_LOW = torch.tensor([0.0, -torch.inf, -1.0, -torch.inf, 0.2, 0.0], dtype=torch.float64)
HALF_OPEN_HIGH = torch.tensor([torch.inf, 0.3, 1.0, torch.inf, torch.inf, 0.0], dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """A prior whose conjugate asks for signs or equalities, a matrix, and the same prior for the independent solver."""

    matrix: Tensor
    prior: Callable[[], Prior]
    penalty: Callable[["cvxpy.Variable"], tuple["cvxpy.Expression", list["cvxpy.Constraint"]]]


CASES = {
    "non-negative, tall": Case(TALL, NonNegative, lambda x: (0, [x >= 0])),
    "non-negative, wide and positive": Case(WIDE, NonNegative, lambda x: (0, [x >= 0])),
    "non-positive": Case(TALL, NonPositive, lambda x: (0, [x <= 0])),
    "half-open box": Case(
        TALL, lambda: Box(HALF_OPEN_LOW, HALF_OPEN_HIGH), lambda x: (0, [x >= HALF_OPEN_LOW.numpy(), x <= HALF_OPEN_HIGH.numpy()])
    ),
    "total variation": Case(SQUARE, lambda: TotalVariation1D(0.4), lambda x: (0.4 * cvxpy.norm1(cvxpy.diff(x)), [])),
    "smoothness": Case(SQUARE, lambda: Smoothness(0.4), lambda x: (0.2 * cvxpy.sum_squares(cvxpy.diff(x)), [])),
    "known sums": Case(TALL, lambda: AffineSet(SUMS), lambda x: (0, [SUMS.numpy() @ x == 0])),
    "sign and total variation": Case(
        SQUARE,
        lambda: NonNegative() & (L1(0.4, event_dims=2) @ FiniteDifference((8,))),
        lambda x: (0.4 * cvxpy.norm1(cvxpy.diff(x)), [x >= 0]),
    ),
}
every_case = pytest.mark.parametrize("name", CASES)


def problem_of(case: Case) -> Problem:
    return Model(x=Component(case.prior(), Matrix(case.matrix)), noise=Gaussian(0.8)).problem


def data(case: Case, seed: int = 9) -> Tensor:
    return 2.0 * random(case.matrix.shape[0], seed=seed)


def optimum(case: Case, y: Tensor) -> float:
    x = cvxpy.Variable(case.matrix.shape[1])
    value, constraints = case.penalty(x)
    fit = cvxpy.sum_squares(y.numpy() - case.matrix.numpy() @ x) / (2 * 0.8**2)
    task = cvxpy.Problem(cvxpy.Minimize(fit + value), constraints)
    return float(task.solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-10, tol_gap_abs=1e-10, tol_feas=1e-10))


@every_case
def test_random_dual_points_never_flatter(name: str) -> None:
    """Whatever the dual point, and for each item of a batch, the gap is at least objective - optimum."""
    case = CASES[name]
    y = data(case)
    truth = optimum(case, y)
    problem = problem_of(case).for_data(y)
    blocks = [operator.range for _, _, operator in problem.composed_priors()]
    (prior,) = problem.proximal_priors()
    assert prior is not None
    for seed in range(20):
        size = 10.0 ** (seed % 7 - 5)  # near and far from feasible
        x = prior.prox(random(4, case.matrix.shape[1], seed=seed))
        u = size * random(4, *y.shape, seed=seed + 100)
        v = tuple(size * random(4, *shape, seed=seed + 200) for shape in blocks)
        certificate = duality_gap(problem, y.expand(4, -1), Iterate((x,), u, v))
        assert certificate is not None
        excess = problem.objective((x,), y) - truth
        assert bool((certificate.absolute >= excess - 1e-8 * abs(truth)).all())


@every_case
def test_the_gap_closes_gradually_and_in_single_precision(name: str) -> None:
    case = CASES[name]
    y = data(case)
    single = minimize(problem_of(case), y.float(), _algorithm(case), tolerance=2e-5, max_iterations=4000)
    assert single.converged, single
    truth = optimum(case, y)
    double = minimize(problem_of(case), y, _algorithm(case), tolerance=1e-9, max_iterations=20000)
    assert double.converged, double
    assert abs(float(double.objective) - truth) <= 1e-8 * truth
    middle = [gap for _, gap in double.history if 1e-7 < gap < 0.3]
    assert middle, f"the gap leaps: {double.history}"


def _algorithm(case: Case) -> Algorithm[Any]:
    return PDHG() if problem_of(case).onto((case.matrix.shape[0],)).composed_priors() else FISTA()


def test_items_that_cannot_be_moved_keep_the_trivial_bound() -> None:
    """x >= 0 with A x = x_1 - x_2: no dual point is strictly inside, only u = 0 fulfils the signs."""
    model = Model(x=Component(NonNegative(), Matrix(torch.tensor([[1.0, -1.0]], dtype=torch.float64))), noise=Gaussian())
    y = torch.tensor([[2.0], [0.0]], dtype=torch.float64)
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    problem = model.problem.for_data(y)
    certificate = duality_gap(problem, y, in_double(problem, y, Iterate((x,))))
    assert certificate is not None
    torch.testing.assert_close(certificate.absolute, problem.objective((x,), y), atol=1e-12, rtol=1e-12)


def test_two_components_share_one_dual_point() -> None:
    """y = positive signal + piecewise constant background: a sign for the one, an equality for the other."""
    y = random(12, seed=4) + 1.0
    model = Model(peaks=Component(L1(0.3) & NonNegative()), background=Component(TotalVariation1D(0.5)), noise=Gaussian(0.5))
    solution = model.solve(y.float(), tolerance=1e-4)
    peaks, background = cvxpy.Variable(12, nonneg=True), cvxpy.Variable(12)
    fit = cvxpy.sum_squares(y.numpy() - peaks - background) / (2 * 0.5**2)
    task = cvxpy.Problem(cvxpy.Minimize(fit + 0.3 * cvxpy.sum(peaks) + 0.5 * cvxpy.norm1(cvxpy.diff(background))))
    truth = task.solve(solver=cvxpy.CLARABEL)
    excess = float(solution.objective) - truth
    assert -1e-5 * truth <= excess <= float(solution.certificate.absolute) + 1e-6 * truth
    assert float(solution.certificate.relative) <= 1e-4


def test_counts_of_a_positive_signal() -> None:
    """Poisson noise bounds the dual from above while the sign bounds it from below."""
    y = torch.tensor([3.0, 0.0, 1.0, 7.0, 2.0])
    blur = Matrix(torch.eye(5) + 0.4 * torch.eye(5).roll(1, 0))
    solution = Model(x=Component(NonNegative(), blur), noise=Poisson(0.5)).solve(y, tolerance=1e-4, max_iterations=20000)
    x = cvxpy.Variable(5, nonneg=True)
    mean = blur.matrix.double().numpy() @ x + 0.5
    divergence = cvxpy.sum(cvxpy.kl_div(y.double().numpy(), mean))
    truth = cvxpy.Problem(cvxpy.Minimize(divergence)).solve(solver=cvxpy.CLARABEL)
    assert float(solution.certificate.relative) <= 1e-4
    assert abs(float(solution.objective) - truth) <= 1e-4 * abs(truth) + 1e-9


def test_a_plain_denoising_needs_no_search() -> None:
    """With the identity one step ends it, also for rows that are separate events."""
    y = random(3, 4, 6, seed=6).float()
    model = Model(x=Component(TotalVariation1D(0.5).over(2), Identity(domain_dims=2)), noise=Gaussian())
    solution = model.solve(y, tolerance=1e-5)
    assert solution.certificate.relative.shape == (3,)
    assert solution.iterations <= 20


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("first", ["simplex", "ball"])
def test_a_candidate_between_two_sets_is_moved_into_both(first: str, dtype: torch.dtype) -> None:
    """A splitting method's point is in one of them only, where the objective would be infinite and no gap a number."""
    one, other = Simplex(1.0), LInfinityBall(0.4)
    y = torch.tensor([0.9, 0.3, -0.2, 0.1], dtype=dtype)
    model = Model(x=Component(one & other if first == "simplex" else other & one), noise=Gaussian())
    solution = model.solve(y, tolerance=1e-4)
    assert float(solution.certificate.relative) <= 1e-4
    expected = torch.tensor([0.4, 0.4, 0.0, 0.2], dtype=dtype)
    torch.testing.assert_close(solution["x"], expected, atol=6e-3, rtol=0)
    assert abs(float(solution.objective) - 0.155) <= 1e-4 * 0.155


def test_a_set_behind_an_operator_is_certified_by_the_residual() -> None:
    """K x is only near the set, where the objective is infinite: no gap is claimed."""
    y = random(8, seed=3)
    model = Model(x=Component(Box(-0.1, 0.1, event_dims=2) @ FiniteDifference((8,))), noise=Gaussian())
    solution = model.solve(y, tolerance=1e-7, max_iterations=20000)
    assert solution.certificate.kind is CertificateKind.FIXED_POINT_RESIDUAL
    x = cvxpy.Variable(8)
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(y.numpy() - x)), [cvxpy.abs(cvxpy.diff(x)) <= 0.1]).solve(solver=cvxpy.CLARABEL)
    torch.testing.assert_close(solution["x"], torch.from_numpy(x.value), atol=1e-4, rtol=0)
