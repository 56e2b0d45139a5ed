"""Ensemble filters against the Kalman filter, against each other, and on Lorenz's model."""

import numpy as np
import pytest
import torch
from kalman import kalman_smoother, linear_simulator

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Positive
from foreknow.simulate import Integrated, Lorenz96
from foreknow.simulate.assimilation import (
    ETKF,
    LETKF,
    Dense,
    Diagonal,
    DivergedError,
    EnKF,
    FiniteSize,
    GaspariCohn,
    InnovationInflation,
    Localisation,
    ObservedSystem,
    Prior,
    TwinExperiment,
    covariance_of,
    log_evidence,
    ranks,
    ring_distances,
)
from foreknow.simulate.assimilation.filter import FilterState
from foreknow.simulate.assimilation.transforms import inverse_square_root, random_rotation


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_ensemble(mean, covariance, members):
    """Members with exactly this mean and sample covariance."""
    anomalies = torch.randn(members, len(mean), generator=seeded(5), dtype=torch.float64)
    anomalies -= anomalies.mean(0)
    q, _ = torch.linalg.qr(anomalies)
    return mean + (members - 1) ** 0.5 * q @ torch.linalg.cholesky(covariance).T


def linear_case(cycles=5):
    simulator = linear_simulator()
    system = ObservedSystem(simulator, Diagonal(0.5))
    mean, covariance = torch.arange(4.0, dtype=torch.float64), torch.diag(torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64))
    ys = torch.randn(cycles, 2, generator=seeded(1), dtype=torch.float64)
    arrays = (simulator.model.numpy(), simulator.seen.matrix.numpy(), 0.25 * np.eye(2), np.zeros((4, 4)))
    return system, mean, covariance, ys, kalman_smoother(*arrays, mean.numpy(), covariance.numpy(), ys.numpy())


@pytest.mark.parametrize("rotate", [False, True])
def test_the_transform_filter_is_the_kalman_filter(rotate):
    system, mean, covariance, ys, (means, covariances, *_, likelihood) = linear_case()
    method = ETKF(9, rotate=rotate)
    ensemble = exact_ensemble(mean, covariance, 9)
    state = FilterState(ensemble, torch.ones((), dtype=torch.float64), 0)
    evidence = torch.zeros((), dtype=torch.float64)
    for index, y in enumerate(ys, start=1):
        forecast = method.forecast(system, state, seeded())
        evidence += log_evidence(method.compare(system, forecast, y), system.error.log_determinant(2, y))
        state = method.analyse(system, forecast, y, seeded(index))
        np.testing.assert_allclose(method.analysis(system, state).mean.numpy(), means[index], atol=1e-9)
        np.testing.assert_allclose(np.cov(state.ensemble.numpy().T), covariances[index], atol=1e-9)
    assert float(evidence) == pytest.approx(likelihood, abs=1e-9)


def test_the_stochastic_filter_tends_to_the_kalman_filter():
    system, mean, covariance, ys, (means, covariances, *_) = linear_case()
    method = EnKF(20000)
    generator = seeded(9)
    state = method.init(system, Prior(mean, Dense(covariance)), generator)
    for y in ys:
        state = method.step(system, state, y, generator)
    np.testing.assert_allclose(method.analysis(system, state).mean.numpy(), means[-1], atol=0.03)  # 1 / sqrt(20000) = 0.007
    np.testing.assert_allclose(np.cov(state.ensemble.numpy().T), covariances[-1], atol=0.03)


def test_without_end_of_the_taper_the_local_filter_is_the_global_one():
    system = ObservedSystem(Integrated(Lorenz96(8), 0.05), Diagonal(1.0))
    states = torch.randn(2, 6, 8, generator=seeded(), dtype=torch.float64)
    y = torch.randn(2, 8, generator=seeded(1), dtype=torch.float64)
    state = FilterState(states, torch.ones(2, dtype=torch.float64), 0)
    local = LETKF(6, Localisation(ring_distances(8), GaspariCohn(1e6)), 1.1, rotate=False)
    torch.testing.assert_close(
        local.analyse(system, state, y, seeded()).ensemble, ETKF(6, 1.1, rotate=False).analyse(system, state, y, seeded()).ensemble
    )


@pytest.mark.parametrize("inflation", [None, 1.05, FiniteSize(), InnovationInflation()], ids=lambda i: type(i).__name__)
def test_a_batch_of_experiments_is_each_alone(inflation):
    system = ObservedSystem(Integrated(Lorenz96(6), 0.05), Diagonal(0.7))
    states = torch.randn(3, 2, 5, 6, generator=seeded(), dtype=torch.float64)
    ys = torch.randn(3, 2, 6, generator=seeded(1), dtype=torch.float64)
    method = ETKF(5, inflation, rotate=False)

    def follow(ensemble, y):
        state = FilterState(ensemble, method.inflation.begin(ensemble), 0)
        for _ in range(2):
            state = method.step(system, state, y, seeded())
        return state.ensemble

    torch.testing.assert_close(follow(states, ys)[2, 1], follow(states[2, 1], ys[2, 1]))


@pytest.mark.parametrize("make", [lambda: EnKF(4, 1.1), lambda: ETKF(4, Positive(1.1)), lambda: LETKF(4, LOCAL, 1.1)])
def test_a_cycle_can_be_differentiated(make):
    torch.manual_seed(0)
    simulator = Integrated(Lorenz96(5, Positive(8.0)), 0.05)
    system, method = ObservedSystem(simulator, Diagonal(0.7)), make()
    y = torch.randn(5, generator=seeded(1), dtype=torch.float64)

    def mean(ensemble):
        state = FilterState(ensemble, torch.ones((), dtype=torch.float64), 0)
        return method.step(system, state, y, seeded(2)).ensemble

    # four members and five observations: three equal eigenvalues are avoided nowhere
    ensemble = torch.randn(4, 5, generator=seeded(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mean, (ensemble,), atol=1e-6)
    mean(ensemble).square().sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in (*simulator.parameters(), *method.parameters()))


LOCAL = Localisation(ring_distances(5), GaspariCohn(1.0))


def test_the_inverse_square_root_has_a_finite_gradient_at_equal_eigenvalues():
    matrix = torch.diag(torch.tensor([2.0, 2.0, 5.0], dtype=torch.float64)).requires_grad_()

    def root(a):
        return inverse_square_root((a + a.mT) / 2)

    assert torch.autograd.gradcheck(root, (matrix,))
    torch.testing.assert_close(root(matrix) @ root(matrix) @ matrix, torch.eye(3, dtype=torch.float64))


def test_a_rotation_keeps_mean_and_covariance_of_an_ensemble():
    rotation = random_rotation((2,), 6, torch.zeros((), dtype=torch.float64), seeded())
    anomalies = torch.randn(2, 6, 4, generator=seeded(), dtype=torch.float64)
    anomalies -= anomalies.mean(1, keepdim=True)
    moved = rotation @ anomalies
    assert float(moved.mean(1).abs().max()) < 1e-14
    torch.testing.assert_close(moved.mT @ moved, anomalies.mT @ anomalies)
    assert float((moved - anomalies).abs().max()) > 0.1


def test_the_taper_is_the_known_polynomial():
    taper = GaspariCohn(0.3**0.5)  # so that it ends at 2
    values = taper(torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0], dtype=torch.float64))
    torch.testing.assert_close(
        values, torch.tensor([1.0, 0.68489583, 5 / 24, 0.01649306, 0.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-8
    )


def test_ranks_count_where_the_truth_falls():
    ensemble = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert ranks(ensemble, torch.tensor([-1.0, 0.5, 2.0])).tolist() == [1, 1, 1]


def test_covariances_whiten_and_colour():
    generator = seeded()
    states = torch.randn(500, 3, generator=generator, dtype=torch.float64) @ torch.randn(
        3, 3, generator=generator, dtype=torch.float64
    )
    for covariance in (covariance_of(states, ridge=0.0), Diagonal(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))):
        v = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(covariance.whiten(covariance.root(v)), v)
        matrix = covariance.root(torch.eye(3, dtype=torch.float64)).T
        assert float(covariance.log_determinant(3, v)) == pytest.approx(float(torch.logdet(matrix @ matrix.T)))
        torch.testing.assert_close(covariance.deviations(3, v), (matrix @ matrix.T).diagonal().sqrt())
    factor = covariance_of(states, 0.0).factor.numpy()
    np.testing.assert_allclose(np.cov(states.numpy().T), factor @ factor.T, rtol=1e-9)


def short_experiment():
    return TwinExperiment(ObservedSystem(Integrated(Lorenz96(), 0.05), Diagonal(1.0)), cycles=220, burn_in=120, spin_up=100)


@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda: ETKF(24, 1.02), 0.23),
        (lambda: EnKF(40, 1.06), 0.28),
        (lambda: LETKF(7, Localisation(ring_distances(40), GaspariCohn(4.0)), 1.04), 0.27),
        (lambda: ETKF(24, FiniteSize(2.0)), 0.23),
    ],
    ids=["ETKF", "EnKF", "LETKF", "EnKF-N"],
)
def test_filters_follow_lorenz_96_as_well_as_is_known(make, bound):
    experiment = short_experiment()
    truth = experiment.simulate(seeded(), (3,))
    seen = []
    result = experiment.run(make(), truth, seeded(1), callback=seen.append)
    assert 0.12 < result.median() < bound
    assert not bool(result.diverged.any())
    assert len(seen) == 220
    assert 0.6 < float(result.spread.median()) / result.median() < 1.6
    assert float(result.histogram.sum(-1)[0]) == pytest.approx(1)
    assert "0 diverged" in str(result)


def test_what_diverges_is_reported_and_does_not_stop_the_others():
    experiment = short_experiment()
    truth = experiment.simulate(seeded(), (2,))
    narrow = experiment.run(EnKF(5), truth, seeded(1))
    assert bool(narrow.diverged.all())
    assert "2 diverged" in str(narrow)
    prior = experiment.prior(truth, seeded(2))
    prior.mean[0] = 1e200
    half = experiment.run(ETKF(24, 1.02), truth, seeded(1), prior=prior)
    assert half.diverged.tolist() == [True, False]
    assert not bool(torch.isfinite(half.rmse[0]))
    prior.mean[1] = 1e200
    with pytest.raises(DivergedError, match="every experiment"):
        experiment.run(ETKF(24, 1.02), truth, seeded(1), prior=prior)


def test_wrong_settings_are_said():
    with pytest.raises(ParameterError, match="at least 2 members"):
        ETKF(1)
    with pytest.raises(ParameterError, match="more cycles"):
        TwinExperiment(short_experiment().system, cycles=5, burn_in=5)
    with pytest.raises(ParameterError, match="not positive definite"):
        Dense(-torch.eye(2))
    with pytest.raises(ParameterError, match="no observation lies inside"):
        Localisation(torch.full((2, 2), 9.0), GaspariCohn(1.0))
    system = ObservedSystem(Integrated(Lorenz96(6), 0.05), Diagonal(1.0))
    state = FilterState(torch.zeros(3, 6), torch.ones(()), 0)
    with pytest.raises(ShapeError, match="the localisation is of 5"):
        LETKF(3, LOCAL).analyse(system, state, torch.zeros(6), seeded())
