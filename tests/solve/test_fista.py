"""FISTA and forward-backward: textbook iterates, steps inside their bound, restart, batches, gradients through the steps."""

from dataclasses import replace

import cvxpy
import pytest
import torch
from torch import Tensor, nn

from foreknow import L1, Component, Gaussian, Huber, Model
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.noise import Exact
from foreknow.operators import Dictionary, FiniteDifference, Matrix
from foreknow.parameters import Positive
from foreknow.problem import Problem
from foreknow.solve import FISTA, Algorithm, ForwardBackward, minimize
from foreknow.solve.step_rule import Backtracking, NormStep, StepRule


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(rows: int, columns: int, correlation: float) -> Tensor:
    """Neighbouring columns have this correlation: 0.9 makes a badly conditioned lasso."""
    noise, columns_ = draw(rows, columns, seed=3), []
    for fresh in noise.T:
        columns_.append(fresh if not columns_ else correlation * columns_[-1] + (1 - correlation**2) ** 0.5 * fresh)
    return torch.stack(columns_, dim=1)


MATRIX = correlated(30, 80, 0.9)
WEIGHT = 2.0
LASSO = Model(code=Component(L1(WEIGHT), Matrix(MATRIX))).problem
ROBUST = Model(code=Component(L1(0.7), Matrix(draw(30, 12))), noise=Huber(1.345, 0.8)).problem
CODING = Model(code=Component(L1(0.3, event_dims=2), Dictionary(draw(4, 5), "same")), noise=Gaussian(0.5)).problem
PROBLEMS = {"lasso": (LASSO, (30,)), "robust": (ROBUST, (30,)), "coding": (CODING, (25,))}
every = pytest.mark.parametrize("name", PROBLEMS)


def data(name: str, *batch: int, seed: int = 9) -> Tensor:
    return 3.0 * draw(*batch, *PROBLEMS[name][1], seed=seed)


# ---------------------------------------------------------------------- what is computed
def test_a_textbook_iteration() -> None:
    """Beck and Teboulle (2009), written out."""
    y, length = data("lasso"), 1 / float(torch.linalg.matrix_norm(MATRIX, 2)) ** 2
    x = ahead = torch.zeros(80, dtype=torch.float64)
    t = 1.0
    for _ in range(40):
        moved = ahead - length * MATRIX.T @ (MATRIX @ ahead - y)
        new = torch.sign(moved) * torch.relu(moved.abs() - length * WEIGHT)
        following = (1 + (1 + 4 * t**2) ** 0.5) / 2
        x, ahead, t = new, new + (t - 1) / following * (new - x), following
    found = minimize(LASSO, y, FISTA(restart=False, step=NormStep()), tolerance=1e-15, max_iterations=40)
    torch.testing.assert_close(found.coefficients["code"], x, atol=1e-11, rtol=1e-11)


@every
@pytest.mark.parametrize(
    "algorithm",
    [FISTA(), FISTA(restart=False), FISTA(step=NormStep()), ForwardBackward()],
    ids=["default", "no restart", "norm step", "forward-backward"],
)
def test_the_conditions_of_the_optimum_hold(name: str, algorithm: Algorithm) -> None:
    """-A^* grad D(A x) = w sign(x) where x is not zero, within w where it is."""
    problem, y = PROBLEMS[name][0], data(name)
    solution = minimize(problem, y, algorithm, tolerance=1e-10, max_iterations=200000)
    assert solution.converged
    problem = problem.for_data(y)
    x = solution.coefficients["code"]
    (slope,) = problem.adjoint(-problem.noise.gradient(problem.synthesize((x,)), y))
    weight = float(problem.declared_priors()[0].weight)
    active = x.abs() > 1e-4
    torch.testing.assert_close(slope[active], weight * torch.sign(x[active]), atol=2e-3, rtol=0)
    assert float(slope.abs().max()) <= weight * (1 + 2e-3)
    assert 0 < int(active.sum()) < x.numel()


def test_an_independent_optimum() -> None:
    y = data("coding")
    operator = CODING.linear_operators()[0].onto((25,))
    dense = operator(torch.eye(100, dtype=torch.float64).reshape(100, 4, 25)).mT.numpy()
    x = cvxpy.Variable(100)
    objective = cvxpy.sum_squares(y.numpy() - dense @ x) / (2 * 0.5**2) + 0.3 * cvxpy.norm1(x)
    expected = cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL)
    assert float(minimize(CODING, y, FISTA(), tolerance=1e-8, max_iterations=20000).objective) == pytest.approx(expected, rel=1e-6)


def test_weights_from_which_on_nothing_is_explained() -> None:
    y = data("lasso")
    greatest = float((MATRIX.T @ y).abs().max())
    for factor, zero in ((1.001, True), (0.98, False)):
        model = Model(code=Component(L1(factor * greatest), Matrix(MATRIX)))
        assert bool((model.solve(y, tolerance=1e-9).coefficients["code"] == 0).all()) is zero


@pytest.mark.parametrize("rule", [Backtracking(), NormStep()], ids=["backtracking", "norm"])
def test_zero_data_and_a_zero_operator(rule: StepRule) -> None:
    solution = minimize(LASSO, torch.zeros(2, 30), FISTA(step=rule))
    assert solution.converged
    assert bool((solution.coefficients["code"] == 0).all())


def test_a_dead_operator_leaves_the_code_at_zero() -> None:
    model = Model(code=Component(L1(0.1), Matrix(torch.zeros(5, 7))))
    solution = model.solve(torch.ones(5))
    assert solution.converged
    assert bool((solution.coefficients["code"] == 0).all())


# ---------------------------------------------------------------------- batches and precisions
@every
@pytest.mark.parametrize("rule", [Backtracking(), NormStep()], ids=["backtracking", "norm"])
def test_a_batch_is_solved_like_its_items(name: str, rule: StepRule) -> None:
    """Each item has its own steps and restarts."""
    y = data(name, 4) * torch.tensor([1.0, 10.0, 0.1, 1.0], dtype=torch.float64).reshape(4, 1)
    problem = PROBLEMS[name][0].for_data(y)

    def iterate(data: Tensor) -> Tensor:
        algorithm = FISTA(step=rule)
        state = algorithm.init(problem, data, problem.zeros(data))
        for _ in range(60):
            state = algorithm.step(problem, data, state)
        return algorithm.iterate(problem, data, state).coefficients[0]

    together = iterate(y)
    torch.testing.assert_close(together, torch.stack([iterate(item) for item in y]), atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(iterate(y.unflatten(0, (2, 2))).flatten(0, 1), together, atol=1e-8, rtol=1e-8)


@every
def test_single_precision(name: str) -> None:
    problem, y = PROBLEMS[name][0], data(name)
    single = minimize(problem, y.float(), FISTA(), tolerance=3e-5, max_iterations=20000)
    double = minimize(problem, y, FISTA(), tolerance=1e-9, max_iterations=200000)
    assert single.converged
    assert single.coefficients["code"].dtype == torch.float32
    assert float(single.objective) == pytest.approx(float(double.objective), rel=4e-5)


# ---------------------------------------------------------------------- steps
@every
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4], ids=["own start", "far too long", "far too short"])
def test_no_step_is_taken_outside_its_bound(name: str, scale: float) -> None:
    """Where a step is taken, the quadratic model bounds the data term; where it is refused, the coefficients stay."""
    y = data(name, 3)
    problem = PROBLEMS[name][0].for_data(y)
    algorithm = FISTA()
    state = algorithm.init(problem, y, problem.zeros(y))
    state = replace(state, curvature=replace(state.curvature, value=scale * state.curvature.value))
    bound = 1.25 * float(problem.noise.lipschitz(problem.event_dims) * problem.squared_norm_bound()) * max(scale, 1.0)
    taken = refused = 0
    for _ in range(150):
        before, state = state, algorithm.step(problem, y, state)
        (x,), (old,), (ahead,) = state.coefficients, before.coefficients, before.extrapolated
        dims = problem.component_dims(0)
        stays = (x == old).flatten(-dims).all(-1)
        gradient = problem.noise.gradient(problem.synthesize((ahead,)), y)
        signal, start = problem.synthesize((x,)), problem.synthesize((ahead,))
        model = (
            problem.noise.value(start, y, 1)
            + (gradient * (signal - start)).sum(-1)
            + before.curvature.value / 2 * (x - ahead).square().flatten(-dims).sum(-1)
        )
        inside = problem.noise.value(signal, y, 1) <= model * (1 + 1e-9) + 1e-3 * before.curvature.value * (
            (x - ahead).square().flatten(-dims).sum(-1)
        )
        assert bool((inside | stays).all())
        assert float(state.curvature.value.max()) <= bound
        refused += int(stays.sum())
        taken += int((~stays).sum())
    assert taken >= 100
    assert refused <= 150  # a third of all steps, and it is far less but for the bad start


@every
def test_a_bad_start_of_the_steps_is_mended(name: str) -> None:
    """From steps ten thousand times too long or too short, the optimum is reached all the same."""
    y = data(name)
    problem = PROBLEMS[name][0].for_data(y)
    best = float(minimize(problem, y, FISTA(), tolerance=1e-9, max_iterations=200000).objective)

    class Off(Backtracking):
        factor = 1.0

        def initial(self, problem: Problem, y: Tensor, x: tuple[Tensor, ...], signal: Tensor):
            curvature = super().initial(problem, y, x, signal)
            return replace(curvature, value=self.factor * curvature.value)

    for factor in (1e-4, 1e4):
        rule = Off()
        rule.factor = factor
        found = minimize(problem, y, FISTA(step=rule), tolerance=1e-7, max_iterations=20000)
        assert found.converged
        assert float(found.objective) == pytest.approx(best, rel=2e-7)


@every
@pytest.mark.parametrize("fraction", [0.5, 1.0, 1.9])
def test_forward_backward_never_rises(name: str, fraction: float) -> None:
    y = data(name, 2)
    problem = PROBLEMS[name][0].for_data(y)
    algorithm = ForwardBackward(fraction)
    state = algorithm.init(problem, y, problem.zeros(y))
    values = [problem.objective(state.coefficients, y)]
    for _ in range(60):
        state = algorithm.step(problem, y, state)
        values.append(problem.objective(state.coefficients, y))
    change = torch.stack(values).diff(dim=0)
    assert bool((change <= 1e-12 * values[0]).all())
    assert bool((values[-1] < 0.9 * values[0]).all())


def test_steps_outside_their_range_are_refused() -> None:
    for fraction in (0.0, 2.0, -1.0):
        with pytest.raises(ParameterError, match="step fractions"):
            ForwardBackward(fraction)


def test_restart_saves_steps_where_the_problem_is_badly_conditioned() -> None:
    y = data("lasso")
    best = float(minimize(LASSO, y, FISTA(), tolerance=1e-11, max_iterations=200000).objective)
    counts = {}
    for restart in (True, False):
        algorithm = FISTA(restart=restart, step=NormStep())
        problem = LASSO.for_data(y)
        state = algorithm.init(problem, y, problem.zeros(y))
        counts[restart] = 0
        while float(problem.objective(state.coefficients, y)) > best * (1 + 1e-8) and counts[restart] < 5000:
            state = algorithm.step(problem, y, state)
            counts[restart] += 1
    assert 1.5 * counts[True] <= counts[False] < 5000


# ---------------------------------------------------------------------- what is in the way is named
@pytest.mark.parametrize("algorithm", [FISTA(), ForwardBackward()], ids=lambda algorithm: algorithm.name)
def test_what_cannot_be_treated_is_named(algorithm: Algorithm) -> None:
    composed = Model(plain=Component(L1(0.1)), edges=Component(L1(0.1, event_dims=2) @ FiniteDifference((6,))))
    with pytest.raises(UnsupportedError, match=f"{algorithm.name} needs the proximal map of the prior of component 'edges'"):
        composed.solve(draw(6), algorithm=algorithm)
    with pytest.raises(UnsupportedError, match="which Exact is not; use PDHG"):
        Model(code=Component(L1(0.1), Matrix(draw(4, 6))), noise=Exact()).solve(draw(4), algorithm=algorithm)


# ---------------------------------------------------------------------- gradients through the steps
@pytest.mark.parametrize("name", ["matrix", "dictionary", "long atoms"])
@pytest.mark.parametrize("rule", [Backtracking(), NormStep()], ids=["backtracking", "norm"])
def test_gradients_through_the_steps(name: str, rule: StepRule) -> None:
    """With respect to data, operator and weight, against differences."""
    size, shape, dims = {"matrix": ((5, 7), (2, 5), 1), "dictionary": ((3, 4), (2, 9), 2), "long atoms": ((2, 17), (2, 20), 2)}[
        name
    ]
    y = draw(*shape, seed=5).requires_grad_()
    kernel, weight = nn.Parameter(draw(*size, seed=6)), Positive(torch.tensor(0.2, dtype=torch.float64))
    operator = Matrix(kernel) if name == "matrix" else Dictionary(kernel, "same")
    problem = Model(code=Component(L1(weight, event_dims=dims), operator), noise=Gaussian(0.8)).problem.onto(shape[1:])

    def value() -> Tensor:
        algorithm = FISTA(step=rule)
        state = algorithm.init(problem, y, problem.zeros(y))
        for _ in range(6):
            state = algorithm.step(problem, y, state)
        (x,) = state.coefficients
        return (x * draw(*x.shape, seed=11)).sum() + x.square().sum()

    tensors = [y, kernel, weight.log_value]
    gradients = torch.autograd.grad(value(), tensors)
    for seed, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        direction = draw(*tensor.shape, seed=20 + seed)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                tensor.add_(sign * 1e-6 * direction)
                values.append(float(value()))
                tensor.sub_(sign * 1e-6 * direction)
        expected = (values[0] - values[1]) / 2e-6
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-7)
        assert abs(expected) > 1e-4


def test_gradients_are_finite_where_the_code_stays_zero() -> None:
    kernel = nn.Parameter(draw(3, 5))
    problem = Model(code=Component(L1(0.5, event_dims=2), Dictionary(kernel, "same"))).problem.onto((20,))
    y = torch.cat([torch.zeros(1, 20, dtype=torch.float64), 1e-3 * draw(1, 20), draw(1, 20)])
    algorithm = FISTA()
    state = algorithm.init(problem, y, problem.zeros(y))
    for _ in range(8):
        state = algorithm.step(problem, y, state)
    (gradient,) = torch.autograd.grad(state.coefficients[0].square().sum(), kernel)
    assert bool(torch.isfinite(gradient).all())
    assert bool((gradient != 0).any())
