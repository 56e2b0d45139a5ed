"""Models with operators that are not linear, against linear solvers, scipy, and known kicks."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize as scipy_minimize

from foreknow import L1, Component, Exact, Gaussian, Model
from foreknow.errors import ShapeError, UnsupportedError
from foreknow.noise import Huber, Poisson
from foreknow.operators import Matrix, NonlinearOperator
from foreknow.priors import Quadratic
from foreknow.simulate import (
    InitialState,
    InitialStateAndKicks,
    Integrated,
    Kicks,
    Lorenz96,
    LotkaVolterra,
    Numbers,
    SimulatedOperator,
)
from foreknow.solve import FISTA, ConvergenceWarning, ProximalGaussNewton, choose_algorithm


class Bent(NonlinearOperator):
    """sin(A x) + A x."""

    def __init__(self, matrix):
        super().__init__(matrix.shape[1], matrix.shape[0])
        self.register_buffer("matrix", matrix)

    def _forward(self, x):
        z = x @ self.matrix.to(x).T
        return z + 0.5 * torch.sin(z)


class Straight(Bent):
    def _forward(self, x):
        return x @ self.matrix.to(x).T


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("stored", [4096, 0], ids=["matrix", "products"])
def test_with_a_linear_operator_it_is_the_lasso(stored):
    matrix, y = draw(12, 20), draw(3, 12, seed=1)
    linear = Model(noise=Gaussian(0.5), x=Component(L1(2.0), Matrix(matrix))).solve(y, tolerance=1e-10, algorithm=FISTA())
    model = Model(noise=Gaussian(0.5), x=Component(L1(2.0), Straight(matrix)))
    solution = model.solve(y, algorithm=ProximalGaussNewton(inner_tolerance=1e-10, stored=stored), tolerance=1e-6)
    assert solution.converged
    torch.testing.assert_close(solution.objective, linear.objective, rtol=1e-8, atol=0)
    torch.testing.assert_close(solution.coefficients["x"], linear.coefficients["x"], atol=1e-4, rtol=0)


def test_a_smooth_problem_has_the_minimum_that_scipy_finds():
    matrix, y = draw(8, 5), draw(8, seed=1)
    operator = Bent(matrix)
    solution = Model(noise=Huber(1.0, 0.4), x=Component(Quadratic(0.3), operator)).solve(y, tolerance=1e-7)
    assert solution.algorithm == "ProximalGaussNewton"

    def cost(x):
        residual = np.abs(operator(torch.from_numpy(x)).numpy() - y.numpy()) / 0.4
        return np.where(residual <= 1, residual**2 / 2, residual - 0.5).sum() + 0.15 * (x**2).sum()

    found = scipy_minimize(cost, np.zeros(5), method="BFGS", options={"gtol": 1e-8})
    assert float(solution.objective) == pytest.approx(found.fun, rel=1e-6)
    np.testing.assert_allclose(solution.coefficients["x"].numpy(), found.x, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_is_each_item_alone_and_components_may_be_mixed(dtype):
    matrix, y = draw(8, 6), draw(4, 8, seed=1).to(dtype)
    model = Model(
        noise=Gaussian(0.5),
        bent=Component(L1(0.5), Bent(matrix)),
        drift=Component(Quadratic(2.0)),
    )
    assert isinstance(choose_algorithm(model.problem), ProximalGaussNewton)
    tolerance = 1e-3 if dtype == torch.float32 else 1e-5
    algorithm = ProximalGaussNewton(inner_tolerance=1e-5 if dtype == torch.float32 else 1e-9)
    together = model.solve(y, tolerance=tolerance, algorithm=algorithm)
    alone = model.solve(y[2], tolerance=tolerance, algorithm=algorithm)
    assert together.coefficients["bent"].dtype == dtype
    torch.testing.assert_close(together.objective[2], alone.objective, rtol=1e-4, atol=1e-5)
    assert "Bent(x_bent)" in str(model)


def test_derivatives_are_those_of_autograd():
    operator = Bent(draw(4, 3))
    x, direction, u = draw(2, 3, seed=2), draw(2, 3, seed=3), draw(2, 4, seed=4)
    value, matrix = operator.jacobian(x)
    torch.testing.assert_close(value, operator(x))
    torch.testing.assert_close(matrix[1], torch.autograd.functional.jacobian(operator, x[1]))
    torch.testing.assert_close(operator.jvp(x, direction)[1], (matrix @ direction.unsqueeze(-1)).squeeze(-1))
    torch.testing.assert_close(operator.vjp(x, u), (matrix.mT @ u.unsqueeze(-1)).squeeze(-1))
    tangent = operator.linearise(x)
    torch.testing.assert_close(tangent(direction), operator.jvp(x, direction)[1])
    torch.testing.assert_close(tangent.adjoint(u), operator.vjp(x, u))


def test_sparse_kicks_of_a_simulator_are_found():
    simulator = Integrated(Lorenz96(8), 0.05)
    first = simulator.advance(simulator.initial(torch.Generator().manual_seed(0)), 100)
    operator = SimulatedOperator(simulator, 12, Kicks(first))
    kicks = torch.zeros(12, 8, dtype=torch.float64)
    kicks[3, 2], kicks[7, 6] = 2.0, -1.5
    model = Model(noise=Gaussian(0.05), kicks=Component(L1(10.0, event_dims=2), operator))
    y, parts = model.simulate({"kicks": kicks}, torch.Generator().manual_seed(1))
    torch.testing.assert_close(parts["kicks"], operator(kicks))
    solution = model.solve(y, tolerance=1e-3)
    assert solution.converged
    found = solution.coefficients["kicks"]
    assert set(map(tuple, (found.abs() > 0.3).nonzero().tolist())) == {(3, 2), (7, 6)}
    assert float((found - kicks).abs().max()) < 0.2
    assert solution.certificate.kind.value == "fixed-point residual"


def test_controls_drive_what_they_say():
    simulator = Integrated(LotkaVolterra(), 0.1)
    first, x = torch.ones(2, dtype=torch.float64), draw(3, 4, 2, seed=5) * 0.01
    plain = simulator.trajectory(first, 6)[2::2]
    both = SimulatedOperator(simulator, 6, InitialStateAndKicks(first, 0.5, every=2, kick_scale=2.0), every=2)
    alone = SimulatedOperator(simulator, 6, Kicks(first + 0.5 * x[1, 0], every=2, scale=2.0), every=2)
    torch.testing.assert_close(both(x)[1], alone(x[1, 1:]))
    torch.testing.assert_close(SimulatedOperator(simulator, 6, InitialState(first), 2)(torch.zeros(2, dtype=first.dtype)), plain)
    numbers = SimulatedOperator(simulator, 6, Numbers(first, scale=0.1), 2)
    torch.testing.assert_close(numbers(torch.zeros(4, dtype=first.dtype)), plain)
    shifted = simulator.trajectory(first, 6, numbers=simulator.values(first) + 0.1)[2::2]
    torch.testing.assert_close(numbers(torch.ones(4, dtype=first.dtype)), shifted)
    assert SimulatedOperator(simulator, 7, Kicks(first, every=3)).domain == (2, 2)


def test_what_cannot_be_done_is_said():
    operator = Bent(draw(4, 3))
    y = draw(4).abs()
    for noise in (Exact(), Poisson()):
        with pytest.raises(UnsupportedError, match="Gaussian or Huber"):
            Model(noise=noise, x=Component(L1(1.0), operator)).solve(y)
    model = Model(noise=Gaussian(1.0), x=Component(L1(1.0), operator))
    with pytest.raises(UnsupportedError, match="'x', Bent, is not linear"):
        model.unroll(3)
    with pytest.raises(ShapeError, match="cannot give data of shape"):
        model.solve(draw(5))
    with pytest.raises(ShapeError, match="the known state has the shape"):
        SimulatedOperator(Integrated(Lorenz96(8), 0.05), 3, Kicks(torch.zeros(7)))
    with pytest.warns(ConvergenceWarning, match="iteration limit"):
        model.solve(y, max_iterations=1, tolerance=1e-9)
