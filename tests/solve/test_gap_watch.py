"""When the certificate is looked at, and that looking costs the solution nothing."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Model
from foreknow.errors import DataError
from foreknow.operators import Dictionary, FiniteDifference, Matrix
from foreknow.priors import L0
from foreknow.solve import ADMM, FISTA, PDHG, Algorithm, CertificateKind, minimize
from foreknow.solve.gap_watch import GapWatch


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LASSO = Model(code=Component(L1(0.5), Matrix(draw(20, 50)))).problem
CODING = Model(code=Component(L1(0.5, event_dims=2), Dictionary(draw(3, 5), "circular"))).problem
EDGES = Model(signal=Component(L1(0.5, event_dims=2) @ FiniteDifference((20,)))).problem
Y = 2.0 * draw(20, seed=1)
RUNS = {"FISTA": (LASSO, FISTA()), "ADMM": (CODING, ADMM()), "PDHG": (EDGES, PDHG())}
every = pytest.mark.parametrize("name", RUNS)


@every
def test_looks_are_few_and_the_last_is_soon_enough(name: str) -> None:
    """At 1, 10, then about where the tolerance will be reached: far fewer looks than every tenth step, few steps too many."""
    problem, algorithm = RUNS[name]
    often = minimize(problem, Y, algorithm, tolerance=1e-9, look_every=1, max_iterations=20000)
    seldom = minimize(problem, Y, algorithm, tolerance=1e-9, look_every=10, max_iterations=20000)
    assert often.converged
    assert seldom.converged
    assert [iteration for iteration, _ in seldom.history][:2] == [1, 10]
    assert seldom.iterations <= 1.5 * often.iterations + 10
    assert len(seldom.history) <= 12 + seldom.iterations / 20
    steps = torch.tensor([iteration for iteration, _ in seldom.history])
    assert bool((steps.diff()[1:] >= 10).all())
    assert bool((steps.diff()[1:] <= (steps[1:-1] // 2).clamp_min(10)).all())


@every
def test_a_look_leaves_the_iteration_alone(name: str) -> None:
    problem, algorithm = RUNS[name]
    runs = [
        minimize(problem, Y, algorithm, tolerance=1e-15, max_iterations=30, look_every=look_every).dual.coefficients[0]
        for look_every in (1, 7, 100)
    ]
    watched = GapWatch(algorithm, problem.for_data(Y), Y, 10, 0)
    state = watched.advance(problem.for_data(Y), Y, algorithm.init(problem.for_data(Y), Y, problem.for_data(Y).zeros(Y)), 30)
    last = algorithm.iterate(problem.for_data(Y), Y, state).coefficients[0]
    for found in runs:
        best = float(problem.for_data(Y).objective((found,), Y))  # a run returns its best look, which may be an earlier one
        assert best <= float(problem.for_data(Y).objective((last,), Y)) * (1 + 0.02)
    torch.testing.assert_close(runs[-1], last, atol=1e-12, rtol=1e-12)


@every
def test_bounds_are_kept(name: str) -> None:
    """The bound of the optimum never falls from look to look, and is never above the optimum."""
    problem, algorithm = RUNS[name]
    optimum = float(minimize(problem, Y, algorithm, tolerance=1e-12, max_iterations=50000).objective)
    bounds: list[float] = []
    minimize(
        problem,
        Y,
        algorithm,
        tolerance=1e-6,
        look_every=1,
        max_iterations=20000,
        callback=lambda progress: bounds.append(float(progress.certificate.bound)),
    )
    changes = torch.tensor(bounds).diff()
    assert bool((changes >= 0).all())
    assert bool((changes > 0).any())
    assert max(bounds) <= optimum * (1 + 1e-12)


def test_what_is_not_convex_is_judged_by_its_residual() -> None:
    model = Model(code=Component(L0(0.5), Matrix(draw(20, 10) / 5)))
    solution = minimize(model.problem, Y, FISTA(), tolerance=1e-8)
    assert solution.certificate.kind is CertificateKind.FIXED_POINT_RESIDUAL
    assert solution.certificate.bound is None
    assert solution.converged


@pytest.mark.parametrize("algorithm", [FISTA(), ADMM(), PDHG()], ids=lambda algorithm: algorithm.name)
def test_leaving_the_numbers_is_reported_with_component_and_iteration(algorithm: Algorithm) -> None:
    model = Model(fine=Component(L1(0.5)), code=Component(L1(0.5), Matrix(1e30 * draw(20, 30))))
    with pytest.raises(DataError, match=rf"{algorithm.name} left the finite numbers at iteration 1 in component .*'code'"):
        minimize(model.problem, 1e30 * Y.float(), algorithm)


def test_the_limit_may_come_before_the_second_look() -> None:
    solution = minimize(LASSO, Y, FISTA(), tolerance=1e-12, max_iterations=4)
    assert [iteration for iteration, _ in solution.history] == [1, 4]
    assert solution.iterations == 4
