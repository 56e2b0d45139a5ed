"""Why the loop ends, what it returns, and how it says what is wrong."""

import pytest
import torch
from torch import Tensor, nn

from foreknow import L1, Component, Gaussian, Model
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.operators import Dictionary, Matrix
from foreknow.parameters import Positive
from foreknow.priors import Box
from foreknow.solve import ADMM, FISTA, PDHG, Algorithm, ConvergenceWarning, ForwardBackward, Progress, Status, minimize


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lasso(matrix: Tensor | None = None, weight: float | Positive = 0.5) -> Model:
    return Model(code=Component(L1(weight), Matrix(draw(20, 50) if matrix is None else matrix)))


Y = 2.0 * draw(3, 20, seed=1)
ALGORITHMS = [FISTA(), ADMM(), PDHG(), ForwardBackward()]
every = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.name)


# ---------------------------------------------------------------------- reasons
@every
def test_converged(algorithm: Algorithm) -> None:
    solution = minimize(lasso().problem, Y, algorithm, tolerance=1e-6, max_iterations=50000)
    assert solution.status is Status.CONVERGED
    assert solution.converged
    assert bool((solution.certificate.relative <= 1e-6).all())
    assert solution.certificate.relative.shape == solution.objective.shape == (3,)
    assert solution.history[-1] == (solution.iterations, solution.certificate.worst)
    assert f"{algorithm.name}: converged after {solution.iterations} iterations" in str(solution)


@every
def test_iteration_limit(algorithm: Algorithm) -> None:
    solution = minimize(lasso().problem, Y, algorithm, tolerance=1e-12, max_iterations=15)
    assert solution.status is Status.ITERATION_LIMIT
    assert solution.iterations == 15
    assert not solution.converged
    assert solution.certificate.worst == min(worst for _, worst in solution.history)


@pytest.mark.parametrize("algorithm", [FISTA(), ADMM()], ids=lambda algorithm: algorithm.name)
def test_stalled_at_the_precision_of_the_data(algorithm: Algorithm) -> None:
    """Single precision cannot have a gap of 1e-12: the loop ends long before its limit, with the best it had."""
    model = Model(code=Component(L1(0.5, event_dims=2), Dictionary(draw(3, 5), "circular")))
    solution = minimize(model.problem, Y.float(), algorithm, tolerance=1e-12, max_iterations=100000, look_every=2)
    assert solution.status is Status.STALLED
    assert solution.iterations < 5000
    assert solution.certificate.worst == min(worst for _, worst in solution.history) < 1e-5
    assert "float64" in solution.status.value


def test_a_model_warns_where_the_tolerance_is_missed() -> None:
    """With the reason and the figures."""
    with pytest.warns(ConvergenceWarning, match=r"FISTA: iteration limit after 3 iterations .* asked for 1.0e-12"):
        lasso().solve(Y, tolerance=1e-12, max_iterations=3)


def test_progress_is_told_at_every_look() -> None:
    told: list[Progress] = []
    solution = minimize(lasso().problem, Y, FISTA(), tolerance=1e-6, callback=told.append)
    assert [(one.iteration, one.certificate.worst) for one in told] == list(solution.history)
    assert {one.tolerance for one in told} == {1e-6}


def test_a_warm_start_needs_fewer_steps() -> None:
    problem = lasso().problem
    cold = minimize(problem, Y, FISTA(), tolerance=1e-7)
    warm = minimize(problem, Y, FISTA(), tolerance=1e-7, start=tuple(cold.coefficients.values()))
    assert warm.converged
    assert warm.iterations < cold.iterations / 2
    torch.testing.assert_close(warm.objective, cold.objective, rtol=2e-7, atol=0)


def test_parameters_are_left_alone_and_no_graph_is_kept() -> None:
    matrix, weight = nn.Parameter(draw(20, 50).float()), Positive(0.5)
    model = lasso(matrix, weight)
    solution = model.solve(Y.float(), tolerance=1e-3)
    assert not solution["code"].requires_grad
    assert matrix.requires_grad
    assert matrix.grad is None
    assert model.problem.linear_operators()[0].matrix is matrix


def test_learnable_and_fixed_parameters_give_one_solution() -> None:
    fixed = lasso().solve(Y, tolerance=1e-9)
    learnable = lasso(nn.Parameter(draw(20, 50)), Positive(0.5)).solve(Y, tolerance=1e-9)
    torch.testing.assert_close(learnable["code"], fixed["code"], atol=1e-7, rtol=1e-7)


# ---------------------------------------------------------------------- what is wrong
@every
def test_data_that_are_not_numbers(algorithm: Algorithm) -> None:
    y = Y.clone()
    y[1, 3], y[2, 0] = torch.nan, torch.inf
    with pytest.raises(DataError, match="2 values that are NaN or infinite"):
        minimize(lasso().problem, y, algorithm)
    with pytest.raises(DataError, match="empty"):
        minimize(lasso().problem, Y[:0], algorithm)
    with pytest.raises(DataError, match=r"floating point, not torch\.int64"):
        minimize(lasso().problem, Y.long(), algorithm)


@every
def test_tensors_that_are_not_numbers_are_found_in_their_component(algorithm: Algorithm) -> None:
    """Before the first step: afterwards every component would be NaN."""
    matrix = draw(20, 50)
    matrix[4, 7] = torch.nan
    fine = Component(L1(0.1))
    with pytest.raises(DataError, match=r"the operator of component 'code', Matrix, has 1 values .* in its tensor 'matrix'"):
        minimize(Model(fine=fine, code=Component(L1(0.5), Matrix(matrix))).problem, Y, algorithm)
    weight = Positive(torch.ones(20))
    with torch.no_grad():
        weight.log_value[5] = torch.nan
    with pytest.raises(DataError, match=r"the prior of component 'code', L1, has 1 values that are NaN .*log_value'"):
        minimize(Model(fine=fine, code=Component(L1(weight))).problem, Y, algorithm)
    sigma = Positive(1.0)
    with torch.no_grad():
        sigma.log_value.fill_(torch.nan)
    with pytest.raises(DataError, match="the noise, Gaussian, has 1 values that are NaN"):
        minimize(Model(fine=fine, noise=Gaussian(sigma)).problem, Y, algorithm)


def test_infinite_weights_and_bounds_are_meant() -> None:
    """A coefficient with an infinite weight is zero, an infinite bound is none."""
    weight = torch.full((20,), 0.5)
    weight[3] = torch.inf
    solution = Model(code=Component(L1(weight)), free=Component(Box(0.0, torch.inf))).solve(Y, tolerance=1e-6)
    assert bool((solution["code"][:, 3] == 0).all())
    assert float(solution["free"].min()) >= 0


@every
def test_shapes_that_do_not_fit(algorithm: Algorithm) -> None:
    problem = lasso().problem
    with pytest.raises(ShapeError, match=r"component 'code' cannot give data of shape \(19,\)"):
        minimize(problem, Y[:, 1:], algorithm)
    with pytest.raises(ShapeError, match="at least 1 axes"):
        minimize(problem, Y[0, 0], algorithm)
    with pytest.raises(ShapeError, match=r"start of component 'code' has shape \(20,\), but needs \(3, 50\)"):
        minimize(problem, Y, algorithm, start=(Y[0],))
    with pytest.raises(ShapeError, match=r"2 tensors, but the problem has the 1 components \('code',\)"):
        minimize(problem, Y, algorithm, start=(Y, Y))
    with pytest.raises(DataError, match="start of component 'code' has values that are NaN"):
        minimize(problem, Y, algorithm, start=(torch.full((3, 50), torch.nan, dtype=torch.float64),))


@pytest.mark.parametrize("name", ["tolerance", "max_iterations", "look_every", "dual_steps"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    settings = {"tolerance": 1e-5, "max_iterations": 10, "look_every": 10, "dual_steps": 0} | {name: -1}
    with pytest.raises(ParameterError, match=rf"{name} \(-1"):
        minimize(lasso().problem, Y, FISTA(), **settings)
