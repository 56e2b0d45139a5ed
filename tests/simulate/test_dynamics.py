"""Equations, integrators and finite differences against known values, orders of convergence and independent code."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Bounded, Positive
from foreknow.simulate import (
    Adaptive,
    AdvectionDiffusion,
    Dirichlet,
    Euler,
    Grid,
    Heun,
    Integrated,
    Lorenz63,
    Lorenz96,
    LotkaVolterra,
    Neumann,
    Periodic,
    Residual,
    RingNetwork,
    RungeKutta4,
    TwoScaleLorenz96,
)

EQUATIONS = [Lorenz63(), Lorenz96(12), TwoScaleLorenz96(6, 4), LotkaVolterra(), AdvectionDiffusion((5, 4), Grid((1.0, 0.5)), 0.1)]


def draw(dynamics, batch=()):
    return dynamics.start(torch.Generator().manual_seed(3), batch)


@pytest.mark.parametrize("dynamics", EQUATIONS, ids=lambda d: type(d).__name__)
def test_a_batch_is_each_item_alone_in_both_precisions(dynamics):
    states = draw(dynamics, (2, 3))
    simulator = Integrated(dynamics, 0.01)
    moved = simulator.trajectory(states, 4)
    assert moved.shape == (2, 3, 5, *simulator.shape)
    torch.testing.assert_close(moved[1, 2], simulator.trajectory(states[1, 2], 4))
    single = simulator.trajectory(states.float(), 4)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), moved, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dynamics", EQUATIONS, ids=lambda d: type(d).__name__)
def test_members_may_have_numbers_of_their_own(dynamics):
    states = draw(dynamics, (3,))
    numbers = dynamics.values(states) * torch.tensor([[0.9], [1.0], [1.1]], dtype=torch.float64)
    together = dynamics(states, 0.0, numbers)
    alone = torch.stack([dynamics(state, 0.0, own) for state, own in zip(states, numbers, strict=True)])
    torch.testing.assert_close(together, alone)


def test_lorenz_96_and_its_two_scale_version_are_the_formulas():
    x = draw(Lorenz96(7)).numpy()
    expected = [(x[(i + 1) % 7] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(7)]
    np.testing.assert_allclose(Lorenz96(7)(torch.from_numpy(x)).numpy(), expected)
    two = TwoScaleLorenz96(4, 3, forcing=9.0, coupling=0.7, time_ratio=8.0, amplitude_ratio=11.0)
    z = draw(two).numpy()
    z[4:] *= 20
    x, y = z[:4], z[4:]
    exchange = 0.7 * 8 / 11
    slow = [-x[k - 1] * (x[k - 2] - x[(k + 1) % 4]) - x[k] + 9 - exchange * y[3 * k : 3 * k + 3].sum() for k in range(4)]
    fast = [-8 * 11 * y[(j + 1) % 12] * (y[(j + 2) % 12] - y[j - 1]) - 8 * y[j] + exchange * x[j // 3] for j in range(12)]
    np.testing.assert_allclose(two(torch.from_numpy(z)).numpy(), slow + fast)


@pytest.mark.parametrize(("integrator", "order"), [(Euler(), 1), (Heun(), 2), (RungeKutta4(), 4)])
def test_the_error_of_an_integrator_falls_with_its_order(integrator, order):
    start = torch.ones(2, dtype=torch.float64)
    reference = solve_ivp(lambda _, x: [1.5 * x[0] - x[0] * x[1], x[0] * x[1] - 3 * x[1]], (0, 1), [1, 1], rtol=1e-12, atol=1e-12)
    errors = []
    for substeps in (20, 40):
        end = Integrated(LotkaVolterra(), 1.0, integrator, substeps).step(start)
        errors.append(np.abs(end.numpy() - reference.y[:, -1]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


def test_adaptive_steps_agree_with_small_fixed_ones_in_value_and_gradient():
    gradients = []
    for simulator in (
        Integrated(LotkaVolterra(), 2.0, substeps=400),
        Integrated(LotkaVolterra(), 2.0, Adaptive(relative=1e-10, absolute=1e-12)),
    ):
        start = torch.tensor([1.0, 0.8], dtype=torch.float64, requires_grad=True)
        end = simulator.step(start)
        gradients.append(torch.cat((end.detach(), torch.autograd.grad(end.square().sum(), start)[0])))
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6)


def test_lotka_volterra_has_the_known_gradient():
    """Mean squared error over 101 points and both species, the published regression value."""
    simulator, start = Integrated(LotkaVolterra(), 0.1, substeps=5), torch.ones(2, dtype=torch.float64)
    guess = torch.tensor([1.2, 0.8, 2.6, 0.9], dtype=torch.float64, requires_grad=True)
    error = (simulator.trajectory(start, 100, numbers=guess) - simulator.trajectory(start, 100)).square().mean()
    (gradient,) = torch.autograd.grad(error, guess)
    known = torch.tensor([-7.9865, -0.940, 2.285, -11.829], dtype=torch.float64)
    torch.testing.assert_close(gradient, known, rtol=0, atol=6e-4)


def test_checkpoints_change_neither_values_nor_gradients():
    results = []
    for checkpointed in (False, True):
        simulator = Integrated(Lorenz96(6, Positive(8.0)), 0.05, substeps=3, checkpointed=checkpointed)
        start = draw(simulator.dynamics).requires_grad_()
        end = simulator.trajectory(start, 3)
        end[-1].square().sum().backward()
        (forcing,) = simulator.parameters()
        results.append((end.detach(), start.grad, forcing.grad))
    torch.testing.assert_close(results[0], results[1])


def test_learnable_numbers_stay_inside_their_bounds_and_get_the_right_gradient():
    simulator = Integrated(Lorenz96(5, Bounded(8.0, 6.0, 10.0)), 0.05)
    (logit,) = simulator.parameters()
    start = draw(simulator.dynamics)

    def loss():
        return simulator.advance(start, 3).square().sum()

    (gradient,) = torch.autograd.grad(loss(), logit)
    with torch.no_grad():
        logit += 1e-5
        above = loss()
        logit -= 2e-5
        below = loss()
        assert float(gradient) == pytest.approx(float((above - below) / 2e-5), rel=1e-6)
        logit += 1e6
        assert float(simulator.values(start)) <= 10


def test_kicks_are_added_after_each_step():
    simulator = Integrated(Lorenz96(5), 0.05)
    start = draw(simulator.dynamics)
    kicks = torch.zeros(3, 5, dtype=torch.float64)
    kicks[1, 2] = 0.5
    path = simulator.trajectory(start, 3, kicks=kicks)
    plain = simulator.trajectory(start, 2)
    torch.testing.assert_close(path[2] - plain[2], kicks[1])
    torch.testing.assert_close(path[3], simulator.step(path[2]))


def test_a_residual_starts_as_none_and_learns_the_missing_part():
    dynamics = Residual(Lorenz96(8), RingNetwork(width=4).double())
    state = draw(dynamics, (2,))
    torch.testing.assert_close(dynamics(state), Lorenz96(8)(state))
    assert dynamics.names == ("forcing",)
    dynamics(state).square().sum().backward()
    assert dynamics.network.last.weight.grad.abs().max() > 0


def test_a_step_compiles_without_breaks():
    simulator = Integrated(Lorenz96(6), 0.05)
    compiled = torch.compile(simulator.step, backend="eager", fullgraph=True)
    state = draw(simulator.dynamics, (2,))
    torch.testing.assert_close(compiled(state), simulator.step(state))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_differences_of_smooth_fields_converge_with_second_order(dims):
    errors = []
    for size in (16, 32):
        place = torch.arange(size, dtype=torch.float64) * 2 * torch.pi / size
        axes = torch.meshgrid(*[place] * dims, indexing="ij")
        field = torch.stack([axis.sin() for axis in axes]).prod(dim=0)
        grid = Grid((2 * torch.pi / size,) * dims)
        errors.append(float((grid.laplacian(field) + dims * field).abs().max()))
        slope = axes[0].cos() * torch.stack([axis.sin() for axis in axes[1:]]).prod(dim=0) if dims > 1 else axes[0].cos()
        assert float((grid.gradient(field)[0] - slope).abs().max()) < 1.5 * (2 * torch.pi / size) ** 2 / 6
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("boundary", [Periodic(), Neumann()], ids=["periodic", "neumann"])
def test_diffusion_and_a_divergence_keep_the_mass(boundary):
    generator = torch.Generator().manual_seed(0)
    grid = Grid((0.5, 2.0), boundary)
    field = torch.rand(3, 6, 5, generator=generator, dtype=torch.float64)
    assert float(grid.laplacian(field).sum((-2, -1)).abs().max()) < 1e-12
    if isinstance(boundary, Periodic):
        flow = torch.rand(2, 6, 5, generator=generator, dtype=torch.float64)
        assert float(grid.divergence(flow).sum().abs()) < 1e-12
        inner = (grid.gradient(field[0]) * flow).sum() + (field[0] * grid.divergence(flow)).sum()
        assert float(inner.abs()) < 1e-12  # summation by parts


def test_dirichlet_holds_the_edge_and_upwind_moves_with_the_wind():
    grid = Grid((1.0,), Dirichlet(2.0))
    assert float(grid.laplacian(torch.full((4,), 2.0)).abs().max()) == 0
    puff = torch.tensor([0.0, 1.0, 0.0, 0.0])
    rate = -Grid((1.0,)).advection(puff, torch.full((1, 1), 0.5))
    torch.testing.assert_close(rate, torch.tensor([0.0, -0.5, 0.5, 0.0]))


def test_advection_diffusion_moves_the_centre_and_widens_the_puff():
    size = 64
    dynamics = AdvectionDiffusion((size, size), Grid((1.0, 1.0)), 0.5, torch.tensor([1.0, 0.0]).reshape(2, 1, 1))
    place = torch.arange(size, dtype=torch.float64)
    puff = torch.exp(-((place[:, None] - 20) ** 2 + (place - 32) ** 2) / 18)
    moved = Integrated(dynamics, 10.0, substeps=100).step(puff)
    weight = moved / moved.sum()
    along, across = weight.sum(1), weight.sum(0)
    assert float((along * place).sum()) == pytest.approx(30, abs=1e-3)
    assert float((across * (place - 32) ** 2).sum()) == pytest.approx(9 + 2 * 0.5 * 10, rel=1e-3)


def test_wrong_numbers_and_shapes_are_said():
    with pytest.raises(ShapeError, match="states of shape"):
        Integrated(Lorenz96(6), 0.05).trajectory(torch.zeros(5), 2)
    with pytest.raises(ShapeError, match="kicks for 2 steps"):
        Integrated(Lorenz96(6), 0.05).trajectory(torch.zeros(6), 2, kicks=torch.zeros(3, 6))
    with pytest.raises(ParameterError, match="positive time"):
        Integrated(Lorenz96(6), 0.0)
    with pytest.raises(ParameterError, match="at least 4"):
        Lorenz96(3)
    with pytest.raises(ShapeError, match="a flow on a grid"):
        Grid((1.0, 1.0)).advection(torch.zeros(4, 4), torch.zeros(3, 4, 4))


def test_torchdiffeq_is_imported_only_when_used():
    program = "import sys, foreknow, foreknow.simulate; assert 'torchdiffeq' not in sys.modules and 'scipy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
