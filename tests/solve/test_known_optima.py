"""The solvers reach the optimum that an independent solver (an interior-point method) finds, and the certificate never flatters."""

from collections.abc import Callable
from dataclasses import dataclass

import cvxpy
import numpy as np
import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Exact, Gaussian, GroupL2, Huber, Model, NonNegative, NuclearNorm
from foreknow.operators import FiniteDifference, Matrix
from foreknow.priors import TotalVariation1D
from foreknow.solve import (
    ADMM,
    FISTA,
    PDHG,
    Algorithm,
    BlockCoordinate,
    CertificateKind,
    DouglasRachford,
    ForwardBackward,
    RobustPCA,
    minimize,
)


@dataclass(frozen=True)
class Case:
    """A model, its data, the independent optimum, and the algorithms that can treat it."""

    model: Model
    y: Tensor
    optimum: Callable[[], float]
    algorithms: tuple[Algorithm, ...]


def _solve(objective: "cvxpy.Expression", constraints: tuple["cvxpy.Constraint", ...] = ()) -> float:
    problem = cvxpy.Problem(cvxpy.Minimize(objective), list(constraints))
    return float(problem.solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-8, tol_gap_abs=1e-8, tol_feas=1e-8))


def lasso() -> Case:
    rng = np.random.default_rng(0)
    a, y = rng.standard_normal((20, 40)), rng.standard_normal(20)
    model = Model(code=Component(L1(0.8), Matrix(torch.from_numpy(a))), noise=Gaussian(0.7))

    def optimum() -> float:
        x = cvxpy.Variable(40)
        return _solve(cvxpy.sum_squares(y - a @ x) / (2 * 0.7**2) + 0.8 * cvxpy.norm1(x))

    return Case(
        model, torch.from_numpy(y), optimum, (ForwardBackward(), BlockCoordinate(), FISTA(), FISTA(restart=False), ADMM(), PDHG())
    )


def group_lasso() -> Case:
    rng = np.random.default_rng(1)
    a, y = rng.standard_normal((20, 30)), rng.standard_normal(20)
    # coefficients of shape (10, 3), groups along the last axis, seen by the matrix as 30 numbers
    model = Model(code=Component(GroupL2(1.1, axes=(-1,), event_dims=1), _Reshaped(torch.from_numpy(a), (10, 3))))

    def optimum() -> float:
        x = cvxpy.Variable((10, 3))
        return _solve(cvxpy.sum_squares(y - a @ cvxpy.vec(x, order="C")) / 2 + 1.1 * cvxpy.sum(cvxpy.norm(x, 2, axis=1)))

    return Case(model, torch.from_numpy(y), optimum, (BlockCoordinate(), FISTA(), ADMM(), PDHG()))


class _Reshaped(Matrix):
    """A matrix on events of two axes."""

    def __init__(self, matrix: Tensor, shape: tuple[int, int]) -> None:
        super().__init__(matrix)
        self._domain, self.domain_dims = shape, 2

    def _forward(self, x: Tensor) -> Tensor:
        return super()._forward(x.flatten(-2))

    def _adjoint(self, y: Tensor) -> Tensor:
        return super()._adjoint(y).unflatten(-1, self._domain)

    def _range_shape(self, domain: tuple[int, ...]) -> tuple[int, ...]:
        return super()._range_shape((domain[0] * domain[1],))

    def _domain_shape(self, range_shape: tuple[int, ...]) -> tuple[int, ...]:  # noqa: ARG002
        return self._domain


def total_variation_denoising() -> Case:
    rng = np.random.default_rng(2)
    y = np.repeat(rng.standard_normal(6), 8) + 0.3 * rng.standard_normal(48)
    model = Model(signal=Component(TotalVariation1D(0.9)))

    def optimum() -> float:
        x = cvxpy.Variable(48)
        return _solve(cvxpy.sum_squares(y - x) / 2 + 0.9 * cvxpy.norm1(cvxpy.diff(x)))

    return Case(model, torch.from_numpy(y), optimum, (ForwardBackward(), BlockCoordinate(), FISTA(), ADMM(), DouglasRachford()))


def split_total_variation() -> Case:
    """The same problem with the prior declared as a composition, which only splitting algorithms can treat."""
    plain = total_variation_denoising()
    model = Model(signal=Component(L1(0.9, event_dims=2) @ FiniteDifference((48,))))
    return Case(model, plain.y, plain.optimum, (ADMM(), PDHG()))


def deblurring_with_total_variation_and_sign() -> Case:
    rng = np.random.default_rng(3)
    a = np.eye(30) + 0.5 * np.eye(30, k=1) + 0.25 * np.eye(30, k=-1)
    y = a @ np.repeat([0.0, 1.0, 0.0, 2.0, -1.0], 6) + 0.1 * rng.standard_normal(30)
    prior = NonNegative() & (L1(0.2, event_dims=2) @ FiniteDifference((30,)))
    model = Model(signal=Component(prior, Matrix(torch.from_numpy(a))))

    def optimum() -> float:
        x = cvxpy.Variable(30, nonneg=True)
        return _solve(cvxpy.sum_squares(y - a @ x) / 2 + 0.2 * cvxpy.norm1(cvxpy.diff(x)))

    return Case(model, torch.from_numpy(y), optimum, (ADMM(), PDHG()))


def robust_pca() -> Case:
    rng = np.random.default_rng(4)
    y = rng.standard_normal((14, 2)) @ rng.standard_normal((2, 10)) + 5.0 * (rng.random((14, 10)) < 0.1)
    model = Model(low_rank=Component(NuclearNorm()), sparse=Component(L1(0.3, event_dims=2)), noise=Exact())

    def optimum() -> float:
        x = cvxpy.Variable((14, 10))
        return _solve(cvxpy.normNuc(x) + 0.3 * cvxpy.sum(cvxpy.abs(y - x)))

    return Case(model, torch.from_numpy(y), optimum, (RobustPCA(), DouglasRachford(), ADMM(), PDHG()))


def stable_robust_pca() -> Case:
    rng = np.random.default_rng(5)
    y = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 9)) + 0.1 * rng.standard_normal((12, 9))
    model = Model(low_rank=Component(NuclearNorm(0.5)), sparse=Component(L1(0.2, event_dims=2)), noise=Gaussian(0.8))

    def optimum() -> float:
        low_rank, sparse = cvxpy.Variable((12, 9)), cvxpy.Variable((12, 9))
        fit = cvxpy.sum_squares(y - low_rank - sparse) / (2 * 0.8**2)
        return _solve(fit + 0.5 * cvxpy.normNuc(low_rank) + 0.2 * cvxpy.sum(cvxpy.abs(sparse)))

    return Case(model, torch.from_numpy(y), optimum, (BlockCoordinate(), FISTA(), ADMM(), DouglasRachford(), PDHG()))


def huber_regression() -> Case:
    rng = np.random.default_rng(6)
    a, y = rng.standard_normal((30, 12)), 4.0 * rng.standard_normal(30)
    model = Model(code=Component(L1(0.5), Matrix(torch.from_numpy(a))), noise=Huber(1.345))

    def optimum() -> float:
        x = cvxpy.Variable(12)
        return _solve(cvxpy.sum(cvxpy.huber(y - a @ x, 1.345)) / 2 + 0.5 * cvxpy.norm1(x))

    return Case(model, torch.from_numpy(y), optimum, (BlockCoordinate(), FISTA(), ADMM(), PDHG()))


def basis_pursuit() -> Case:
    rng = np.random.default_rng(7)
    a, code = rng.standard_normal((12, 30)), np.zeros(30)
    code[[3, 11, 20]] = [1.0, -2.0, 0.5]
    y = a @ code + 0.1 * rng.standard_normal(12)
    q = np.linalg.qr(a.T)[0].T  # orthonormal rows, so that the solution can be moved onto the constraint
    y = np.linalg.solve(a @ q.T, y)
    rows = Matrix(torch.from_numpy(q))
    rows.cogram_scale = 1.0
    model = Model(code=Component(L1(1.0), rows), noise=Exact())

    def optimum() -> float:
        x = cvxpy.Variable(30)
        return _solve(cvxpy.norm1(x), (q @ x == y,))

    return Case(model, torch.from_numpy(y), optimum, (DouglasRachford(), ADMM(), PDHG()))


CASES = {
    function.__name__: function
    for function in (
        lasso,
        group_lasso,
        total_variation_denoising,
        split_total_variation,
        deblurring_with_total_variation_and_sign,
        robust_pca,
        stable_robust_pca,
        huber_regression,
        basis_pursuit,
    )
}


@pytest.mark.parametrize("name", CASES)
def test_reaches_the_independent_optimum_and_never_flatters(name: str) -> None:
    case = CASES[name]()
    optimum = case.optimum()
    for algorithm in case.algorithms:
        solution = minimize(case.model.problem, case.y, algorithm, tolerance=1e-7, max_iterations=60000)
        found = float(solution.objective)
        assert solution.converged, f"{name}: {solution}"
        assert solution.certificate.kind is CertificateKind.DUALITY_GAP
        assert abs(found - optimum) <= 1e-6 * abs(optimum), f"{name}: {solution}, independent optimum {optimum:.10g}"


@pytest.mark.parametrize("name", CASES)
def test_gap_bounds_the_distance_to_the_optimum_at_every_iteration(name: str) -> None:
    case = CASES[name]()
    optimum = case.optimum()
    for algorithm in case.algorithms:
        for iterations in (1, 2, 3, 5, 8, 13, 21, 55):
            solution = minimize(case.model.problem, case.y, algorithm, tolerance=1e-14, max_iterations=iterations, look_every=1000)
            excess = float(solution.objective) - optimum
            gap = float(solution.certificate.absolute)
            assert gap >= excess - 1e-8 * abs(optimum), (
                f"{name}, {algorithm.name}, {iterations}: gap {gap:.3e} < excess {excess:.3e}"
            )


@pytest.mark.parametrize("name", CASES)
def test_the_default_algorithm_solves_a_batch_like_its_items(name: str) -> None:
    case = CASES[name]()
    batch = torch.stack([case.y, 0.5 * case.y, -case.y])
    together = case.model.solve(batch, tolerance=1e-7, max_iterations=60000)
    assert together.objective.shape == (3,)
    for index, item in enumerate(batch):
        alone = case.model.solve(item, tolerance=1e-7, max_iterations=60000)
        torch.testing.assert_close(together.objective[index], alone.objective, rtol=3e-7, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_single_precision_reaches_single_precision(name: str) -> None:
    case = CASES[name]()
    solution = case.model.solve(case.y.float(), tolerance=3e-4, max_iterations=20000)
    assert solution.converged, solution
    assert all(part.dtype == torch.float32 for part in solution.components.values())
    optimum = case.optimum()
    assert abs(float(solution.objective) - optimum) <= 3e-4 * abs(optimum)
