"""Learning simulators: numbers from observations, residuals, surrogates, a learned solver."""

import pytest
import torch
from torch import nn

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.learn import Compute, Examples, Settings, Silent, Supervised, fit
from foreknow.learn.simulators import Likelihood, SurrogateRejectedError, pairs, surrogate_error, train_surrogate
from foreknow.parameters import Bounded
from foreknow.simulate import Integrated, Lorenz96, Residual, RingNetwork, Surrogate, TwoScaleLorenz96
from foreknow.simulate.assimilation import (
    ETKF,
    Background,
    Diagonal,
    FilterLikelihood,
    FourDVar,
    ObservedSystem,
    Prior,
    RingCorrection,
    TwinExperiment,
    UnrolledFourDVar,
    VariationalLikelihood,
)
from foreknow.solve import LBFGS, GaussNewton

SIZE = 8
CPU = Compute("cpu")


class Most(nn.Module):
    """All places but the last are seen."""

    def forward(self, state):
        return state[..., :-1]


def first_guess(y):
    """The first observation, and for the unseen place the climatological mean."""
    return torch.cat((y[..., 0, :], torch.full_like(y[..., 0, :1], 2.3)), dim=-1)


def observed(forcing):
    return ObservedSystem(Integrated(Lorenz96(SIZE, forcing), 0.05, observation=Most()), Diagonal(0.3), every=2)


def windows(cycles=6, count=24):
    experiment = TwinExperiment(observed(8.0), cycles, spin_up=60, dtype=torch.float32)
    return experiment.simulate(torch.Generator().manual_seed(0), (count,))


@pytest.mark.parametrize("kind", ["filter", "variational"])
def test_a_forcing_is_learned_from_noisy_partial_observations(kind):
    truth = windows()
    system = observed(Bounded(6.0, 4.0, 12.0))
    spread = Diagonal(torch.tensor([1.0] * (SIZE - 1) + [3.5]))
    if kind == "filter":
        network = FilterLikelihood(system, ETKF(12, rotate=False), Prior(torch.zeros(SIZE), spread), first_guess)
    else:
        network = VariationalLikelihood(system, FourDVar(GaussNewton(1e-3, 8)), Background(torch.zeros(SIZE), spread), first_guess)
    settings = Settings(epochs=16, batch_size=24, learning_rate=0.25)
    history = fit(network, Likelihood(), Examples(truth.observations), settings, compute=CPU, progress=Silent())
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert abs(float(system.simulator.values(torch.zeros(())).detach()) - 8) < 0.7


def test_the_likelihood_has_the_gradient_of_differences():
    truth = windows(4, 2)
    parameter = Bounded(7.0, 4.0, 12.0)
    system = observed(parameter)
    mean = truth.states.flatten(0, 1).double().mean(0)
    y = truth.observations.double()
    for network in (
        FilterLikelihood(system, ETKF(12), Prior(mean, Diagonal(3.0))),
        VariationalLikelihood(system, FourDVar(GaussNewton(1e-12, 60)), Background(mean, Diagonal(3.0))),
    ):
        (gradient,) = torch.autograd.grad(next(iter(network(y).values())).sum(), parameter.logit)
        with torch.no_grad():
            parameter.logit += 1e-5
            above = next(iter(network(y).values())).sum()
            parameter.logit -= 2e-5
            below = next(iter(network(y).values())).sum()
            parameter.logit += 1e-5
        assert float(gradient) == pytest.approx(float((above - below) / 2e-5), rel=1e-3)


def two_scale_runs():
    simulator = Integrated(TwoScaleLorenz96(SIZE, 4), 0.05, substeps=8)
    first = simulator.advance(simulator.initial(torch.Generator().manual_seed(0), (10,)), 60)
    return simulator.trajectory(first, 60)[..., :SIZE].float()


def test_a_surrogate_is_learned_accepted_and_a_bad_one_refused():
    torch.manual_seed(0)
    runs = two_scale_runs()
    cheap = Integrated(Lorenz96(SIZE, 10.0), 0.05)
    surrogate = Surrogate(cheap, RingNetwork(8), scale=0.2, base=cheap)
    before = surrogate_error(surrogate, runs[8:], 8)
    settings = Settings(epochs=6, batch_size=64, learning_rate=5e-3)
    train_surrogate(surrogate, runs[:8], settings, compute=CPU, progress=Silent())
    after = surrogate_error(surrogate, runs[8:], 8)
    assert after.errors[-1] < 0.5 * before.errors[-1]
    assert after.errors[-1] < after.persistence[-1]
    after.require(after.errors[-1])
    with pytest.raises(SurrogateRejectedError, match="of the natural variability"):
        before.require(after.errors[-1])
    still = surrogate_error(Surrogate(cheap, RingNetwork(4)), runs[8:], 3)
    with pytest.raises(SurrogateRejectedError, match="no better than if nothing changed"):
        still.require(10.0)
    assert "persistence" in str(after)
    with pytest.raises(ParameterError, match="need runs"):
        pairs(runs[:, :3], 3)
    with pytest.raises(ShapeError, match="the base has states"):
        Surrogate(cheap, RingNetwork(4), base=Integrated(Lorenz96(SIZE + 1), 0.05))


@pytest.mark.slow
def test_a_residual_is_learned_through_4d_var():
    """The slow equations miss the fast places; a network learns what they do from noisy windows."""
    torch.manual_seed(0)
    runs = two_scale_runs()
    noisy = runs + 0.1 * torch.randn(runs.shape)
    y = noisy[:, :60].unflatten(1, (20, 3)).flatten(0, 1)
    dynamics = Residual(Lorenz96(SIZE, 10.0), RingNetwork(8))
    system = ObservedSystem(Integrated(dynamics, 0.05), Diagonal(0.1))
    before = surrogate_error(system.simulator, runs[8:], 5)
    background = Background(torch.zeros(SIZE), Diagonal(1.0))
    network = VariationalLikelihood(system, FourDVar(LBFGS(1e-2, 8)), background, lambda y: y[..., 0, :])
    settings = Settings(epochs=4, batch_size=40, learning_rate=1e-2)
    fit(network, Likelihood(), Examples(y), settings, compute=CPU, progress=Silent())
    assert surrogate_error(system.simulator, runs[8:], 5).errors[-1] < 0.8 * before.errors[-1]


def test_unrolled_4d_var_learns_to_be_better_than_its_start():
    torch.manual_seed(0)
    system = ObservedSystem(Integrated(Lorenz96(SIZE), 0.05), Diagonal(1.0))
    experiment = TwinExperiment(system, 4, spin_up=60, dtype=torch.float32)
    truth = experiment.simulate(torch.Generator().manual_seed(0), (128,))
    background = Background(torch.zeros(SIZE), Diagonal(1.0))
    network = UnrolledFourDVar(system, lambda y: y[..., 0, :], background, 4, RingCorrection(8))

    def error():
        with torch.no_grad():
            return float((network(truth.observations[96:])["trajectory"] - truth.states[96:]).square().mean())

    before = error()
    data = Examples(truth.observations[:96], {"trajectory": truth.states[:96]})
    fit(network, Supervised(), data, Settings(epochs=8, batch_size=16, learning_rate=1e-2), compute=CPU, progress=Silent())
    assert error() < 0.8 * before
    with pytest.raises(ParameterError, match="at least one step"):
        UnrolledFourDVar(system, lambda y: y, background, 0)


def test_the_objective_says_what_it_trains():
    data = Examples(torch.zeros(2, 3, 4))
    with pytest.raises(DataError, match="not a network that gives"):
        fit(nn.Linear(4, 4), Likelihood(), data, Settings(epochs=1), compute=CPU, progress=Silent())
