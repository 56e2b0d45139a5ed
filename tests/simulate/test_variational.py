"""Variational methods against the Kalman smoother and against each other."""

import numpy as np
import pytest
import torch
from kalman import kalman_smoother, linear_simulator

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Positive
from foreknow.simulate import Integrated, Lorenz63, Lorenz96, LotkaVolterra
from foreknow.simulate.assimilation import (
    ESMDA,
    Augmented,
    Background,
    CycledFourDVar,
    Dense,
    Diagonal,
    EnKF,
    FourDVar,
    IEnKS,
    ObservedSystem,
    Prior,
    ThreeDVar,
    TwinExperiment,
    Window,
    check_gradient,
    covariance_of,
    scaled,
)
from foreknow.simulate.assimilation.iterative_smoother import SmootherState
from foreknow.solve import LBFGS, ConjugateGradientNormalEquations, GaussNewton


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear_case(q=0.0, cycles=6):
    simulator = linear_simulator()
    mean = torch.arange(4.0, dtype=torch.float64)
    covariance = torch.diag(torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64))
    ys = torch.randn(cycles, 2, generator=seeded(1), dtype=torch.float64)
    model, seen = simulator.model.numpy(), simulator.seen.matrix.numpy()
    smoother = kalman_smoother(model, seen, 0.25 * np.eye(2), q * np.eye(4), mean.numpy(), covariance.numpy(), ys.numpy())
    background = Background(mean, Dense(covariance), Diagonal(q**0.5) if q else None)
    return ObservedSystem(simulator, Diagonal(0.5)), background, ys, smoother


METHODS = [
    GaussNewton(1e-10),
    GaussNewton(1e-10, equations=ConjugateGradientNormalEquations(200, 1e-12)),
    LBFGS(1e-9),
]


@pytest.mark.parametrize("q", [0.0, 0.3], ids=["strong", "weak"])
@pytest.mark.parametrize("method", METHODS, ids=["dense", "conjugate gradients", "L-BFGS"])
def test_4d_var_of_a_linear_system_is_the_kalman_smoother(method, q):
    system, background, ys, (_, _, smooth, covariances, _) = linear_case(q)
    found = FourDVar(method).solve(Window(system, background, ys), spread=True)
    assert bool(found.minimum.converged)
    np.testing.assert_allclose(found.states.numpy(), smooth, atol=1e-6)
    np.testing.assert_allclose(found.spread.numpy(), np.sqrt([c.diagonal() for c in covariances]), atol=1e-6)


def test_a_batch_of_windows_is_each_alone():
    system = ObservedSystem(Integrated(Lorenz63(), 0.01), Diagonal(1.0), every=10)
    truth = TwinExperiment(system, 4).simulate(seeded(), (3,))
    background = Background(truth.states[:, 0] + 0.5, Diagonal(1.0))
    for method in (GaussNewton(1e-9), LBFGS(1e-7)):
        together = FourDVar(method).solve(Window(system, background, truth.observations))
        alone = FourDVar(method).solve(Window(system, Background(background.mean[1], Diagonal(1.0)), truth.observations[1]))
        assert bool(together.minimum.converged.all())
        torch.testing.assert_close(together.states[1], alone.states, rtol=1e-5, atol=1e-6)


def test_the_gradient_check_passes_and_finds_a_wrong_gradient():
    system = ObservedSystem(Integrated(Lorenz96(8), 0.05), Diagonal(1.0))
    truth = TwinExperiment(system, 4).simulate(seeded())
    window = Window(system, Background(truth.states[0], Diagonal(1.0), Diagonal(0.1)), truth.observations)
    report = FourDVar().check_gradient(window, seeded())
    assert report.passed
    assert "passed" in str(report)

    def wrong(v):
        return window.cost(v) + (window.cost(v) - window.cost(v).detach()) * 0.01

    assert not check_gradient(wrong, window.zeros(), seeded()).passed


def test_the_minimum_can_be_differentiated():
    """With respect to observations, the background and a number of the model, against differences of solutions."""
    simulator = Integrated(Lorenz63(rho=Positive(28.0)), 0.01)
    system = ObservedSystem(simulator, Diagonal(1.0), every=10)
    truth = TwinExperiment(system, 3).simulate(seeded())
    (log_rho,) = simulator.parameters()
    method = FourDVar(GaussNewton(1e-13, 50))

    def final(y, mean):
        return method.solve(Window(system, Background(mean, Diagonal(1.0)), y)).states[-1].square().sum()

    y = truth.observations.clone().requires_grad_()
    mean = (truth.states[0] + 0.3).requires_grad_()
    gradients = torch.autograd.grad(final(y, mean), (y, mean, log_rho))
    with torch.no_grad():
        for tensor, gradient in zip((y, mean, log_rho), gradients, strict=True):
            direction = torch.randn(tensor.shape, generator=seeded(3), dtype=torch.float64)
            tensor.add_(direction, alpha=1e-5)
            above = final(y, mean)
            tensor.add_(direction, alpha=-2e-5)
            below = final(y, mean)
            tensor.add_(direction, alpha=1e-5)
            assert float((gradient * direction).sum()) == pytest.approx(float((above - below) / 2e-5), rel=1e-4)


def test_lotka_volterra_is_recovered_without_noise():
    simulator = Integrated(LotkaVolterra(), 0.1, substeps=2)
    system, start = ObservedSystem(simulator, Diagonal(1e-2)), torch.ones(2, dtype=torch.float64)
    truth = simulator.trajectory(start, 100)
    guess = torch.tensor([1.2, 0.8, 2.6, 0.9], dtype=torch.float64)
    background = Background(start, None, numbers=guess, numbers_covariance=Diagonal(10.0))
    method, controls = FourDVar(GaussNewton(1e-9, 50)), None
    for points in (10, 30, 100):  # a window that grows, so that the minimum is followed (Pires, Vautard and Talagrand 1996)
        found = method.solve(Window(system, background, truth[1 : points + 1]), controls, spread=points == 100)
        controls = found.minimum.point
    torch.testing.assert_close(found.drive.numbers, simulator.values(start), rtol=0, atol=1e-4)
    assert bool(found.minimum.converged)
    assert 0 < float(found.numbers_spread.max()) < 0.01


def test_3d_var_with_a_linear_observation_is_the_kalman_update():
    system, background, ys, _ = linear_case()
    b = background.covariance.factor.numpy() @ background.covariance.factor.numpy().T
    method = ThreeDVar(background.covariance)
    state = method.init(system, Prior(background.mean, background.covariance), seeded())
    state = method.step(system, state, ys[0], seeded())
    model, seen = system.simulator.model.numpy(), system.simulator.seen.matrix.numpy()
    forecast = model @ background.mean.numpy()
    gain = b @ seen.T @ np.linalg.inv(seen @ b @ seen.T + 0.25 * np.eye(2))
    np.testing.assert_allclose(method.analysis(system, state).mean.numpy(), forecast + gain @ (ys[0].numpy() - seen @ forecast))


def test_the_iterative_smoother_of_a_linear_system_is_the_kalman_smoother():
    system, background, ys, (means, covariances, smooth, smooth_covariances, _) = linear_case()
    anomalies = torch.randn(9, 4, generator=seeded(5), dtype=torch.float64)
    anomalies -= anomalies.mean(0)
    ensemble = background.mean + 8**0.5 * torch.linalg.qr(anomalies)[0] @ background.covariance.factor.T
    method = IEnKS(9, lag=6, rotate=True)
    state = SmootherState(ensemble, ensemble.mean(0), ensemble, torch.ones((), dtype=torch.float64), 0, 0, 0)
    for index, y in enumerate(ys):
        state = method.step(system, state, y, seeded(index))
    analysis = method.analysis(system, state)
    np.testing.assert_allclose(analysis.mean.numpy(), means[-1], atol=1e-8)
    np.testing.assert_allclose(analysis.spread.numpy(), np.sqrt(covariances[-1].diagonal()), atol=1e-8)
    np.testing.assert_allclose(analysis.smoothed.numpy(), smooth[0], atol=1e-8)
    assert analysis.lag == 6
    assert smooth_covariances[0].trace() < covariances[0].trace()


def test_iterative_methods_follow_lorenz_63_better_than_3d_var():
    lag = 2
    system = ObservedSystem(Integrated(Lorenz63(), 0.01, substeps=1), Diagonal(2**0.5), every=25)
    experiment = TwinExperiment(system, cycles=20, burn_in=6, start=Diagonal(2**0.5), spin_up=10)
    truth = experiment.simulate(seeded(), (8,))
    climate = covariance_of(truth.states)
    crude = experiment.run(ThreeDVar(scaled(climate, 0.1)), truth, seeded(1))
    smoother = experiment.run(IEnKS(10, lag, 1.02), truth, seeded(1))
    variational = experiment.run(CycledFourDVar(lag, scaled(climate, 0.01), method=GaussNewton(1e-2, 5)), truth, seeded(1))
    assert 0.8 < crude.median() < 1.3
    assert 0.15 < smoother.median() < 0.6
    assert float(smoother.smoothed_rmse.median()) < smoother.median() + 0.05
    assert variational.median() < crude.median()
    assert not bool((smoother.diverged | crude.diverged).any())


def test_multiple_data_assimilation_of_a_linear_map_is_the_kalman_update():
    system, background, ys, _ = linear_case()
    observe, prior = system.observe, Prior(background.mean, background.covariance)
    generator = seeded()
    ensemble = prior.mean + prior.covariance.sample((20000, 4), prior.mean, generator)
    found = ESMDA(4).solve(observe, ensemble, ys[0], system.error, generator)
    b = background.covariance.factor.numpy() @ background.covariance.factor.numpy().T
    seen = system.simulator.seen.matrix.numpy()
    gain = b @ seen.T @ np.linalg.inv(seen @ b @ seen.T + 0.25 * np.eye(2))
    expected = prior.mean.numpy() + gain @ (ys[0].numpy() - seen @ prior.mean.numpy())
    np.testing.assert_allclose(found.mean(0).numpy(), expected, atol=0.05)
    np.testing.assert_allclose(np.cov(found.numpy().T), b - gain @ seen @ b, atol=0.05)
    with pytest.raises(ParameterError, match="sum to 1"):
        ESMDA((2.0, 3.0))


def test_augmentation_finds_the_forcing_with_a_posterior_that_covers_it():
    plain = Integrated(Lorenz96(20, 8.0), 0.05)
    experiment = TwinExperiment(ObservedSystem(plain, Diagonal(1.0)), cycles=150, burn_in=100, spin_up=100)
    truth = experiment.simulate(seeded(), (3,))
    augmented = Augmented(plain)
    deviations = torch.cat((torch.ones(20), torch.tensor([1.0])))
    first = torch.cat((truth.states[:, 0], torch.full((3, 1), 7.0, dtype=torch.float64)), dim=-1)
    method, system = EnKF(60, 1.02), ObservedSystem(augmented, Diagonal(1.0))
    generator = seeded(2)
    state = method.init(system, Prior(first, Diagonal(deviations)), generator)
    for cycle in range(150):
        state = method.step(system, state, truth.observations[:, cycle], generator)
    analysis = method.analysis(system, state)
    error = (analysis.mean[:, -1] - 8).abs()
    assert float(error.max()) < 0.2
    assert bool((error < 4 * analysis.spread[:, -1]).all())
    with pytest.raises(ParameterError, match="no numbers"):
        Augmented(linear_simulator())


def test_wrong_windows_are_said():
    system, background, ys, _ = linear_case()
    with pytest.raises(ShapeError, match="a window needs observations"):
        Window(system, background, ys[0])
    with pytest.raises(ParameterError, match="at least one cycle"):
        CycledFourDVar(0, Diagonal(1.0))
    with pytest.raises(ParameterError, match="needs positive"):
        GaussNewton(0.0)
