"""What networks are trained for: exact values, unbiased estimates, and the noise level where nobody knows it."""

import pytest
import torch
from learn_problems import LENGTH, SIGMA, emitting, sparse_model, spike_data, unrolled
from torch import Tensor, nn

from foreknow import Component, Gaussian, Model, NonNegative, PlugIn
from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.learn import (
    SURE,
    UNSURE,
    Compute,
    Example,
    Examples,
    Settings,
    Silent,
    Simulated,
    Supervised,
    Unsupervised,
    evaluate,
    fit,
    relative_squared_error,
)
from foreknow.learn.emission import Emission, Emitter
from foreknow.learn.objectives.divergence import RiskTerms

GENERATOR = torch.Generator().manual_seed(0)


class Soft(nn.Module):
    """Soft thresholding, the threshold being learned."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, y: Tensor) -> Tensor:
        return y.sign() * torch.relu(y.abs() - self.threshold)


class Extrapolated(Soft):
    """y - a (y - soft(y)): can have zero divergence, as UNSURE needs it."""

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold)
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, y: Tensor) -> Tensor:
        return y - self.factor * (y - super().forward(y))


# ---------------------------------------------------------------------- supervised
def test_supervised_is_the_weighted_mean_squared_error_of_components() -> None:
    truth = {"a": torch.randn(3, 2, 5, generator=GENERATOR), "b": torch.randn(3, 2, 5, generator=GENERATOR)}
    found = {"a": truth["a"] + 1, "b": truth["b"] - 2, "rest": truth["a"]}
    example = Example(truth["a"] + truth["b"], truth)

    def emit(y: Tensor) -> Emission:  # noqa: ARG001
        return Emission({}, found)

    torch.testing.assert_close(Supervised().losses(emit, example, GENERATOR), torch.full((3,), 5.0))
    weighted = Supervised(weights={"b": 0.5}).losses(emit, example, GENERATOR)
    torch.testing.assert_close(weighted, torch.full((3,), 2.0))
    relative = Supervised(relative_squared_error, {"a": 1}).losses(emit, example, GENERATOR)
    torch.testing.assert_close(relative, 10 / truth["a"].square().sum(dim=(1, 2)))


def test_supervised_names_what_is_missing() -> None:
    y = torch.zeros(2, 4)
    with pytest.raises(DataError, match="true components"):
        Supervised().losses(emitting(nn.Identity()), Example(y), GENERATOR)
    with pytest.raises(DataError, match="'vessels'"):
        Supervised().losses(emitting(nn.Identity()), Example(y, {"vessels": y}), GENERATOR)
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        Supervised().losses(emitting(nn.Linear(4, 3)), Example(y, {"signal": y}), GENERATOR)
    with pytest.raises(ParameterError, match="non-negative"):
        Supervised(weights={"a": -1})
    with pytest.raises(DataError, match="tuple"):
        Emitter(nn.LSTM(4, 4))(torch.zeros(1, 4))


# ---------------------------------------------------------------------- unsupervised
def test_unsupervised_is_the_declared_objective_and_the_solver_is_its_floor() -> None:
    model, network = sparse_model(), unrolled(steps=4)
    example = spike_data().draw(range(6), 0)
    objective = Unsupervised(model)
    losses = objective.losses(Emitter(network), example, GENERATOR)
    estimate = network(example.y)
    torch.testing.assert_close(losses, model.objective(estimate.coefficients, example.y))
    solution = model.solve(example.y.double(), tolerance=1e-8)
    optimum = model.objective(solution.coefficients, example.y.double()).float()
    assert bool((losses >= optimum * (1 - 1e-5)).all())

    # Trained without any truth, one step becomes the step that goes all the way: the threshold of the closed-form solution.
    single = unrolled(steps=1, weight=0.4)
    before = evaluate(single, objective, spike_data(40, seed=9))
    settings = Settings(epochs=6, batch_size=10, learning_rate=0.1, clip_norm=None)
    fit(single, objective, spike_data(), settings, compute=Compute("cpu"), progress=Silent())
    after = evaluate(single, objective, spike_data(40, seed=9))
    y = spike_data(40, seed=9).draw(range(40), 0).y
    floor = float(model.objective(model.solve(y).coefficients, y).mean())
    assert floor < after < before
    assert not any(parameter.requires_grad for parameter in objective.parameters())


def test_unsupervised_refuses_points_outside_the_domain_and_priors_without_value() -> None:
    model = Model(noise=Gaussian(), signal=Component(NonNegative()))
    y = -torch.ones(2, 4)
    with pytest.raises(DataError, match="infinite at what the network gives for 2 of 2"):
        Unsupervised(model).losses(emitting(nn.Identity()), Example(y), GENERATOR)
    with pytest.raises(UnsupportedError, match="Supervised or SURE"):
        Unsupervised(Model(signal=Component(PlugIn(lambda x, sigma: x))))  # noqa: ARG005
    with pytest.raises(DataError, match="'signal'"):
        Unsupervised(model).losses(lambda _: Emission({}, {}), Example(y), GENERATOR)


# ---------------------------------------------------------------------- self-supervised
def test_the_divergence_of_a_linear_map_is_its_trace() -> None:
    matrix = torch.randn(LENGTH, LENGTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.randn(4000, LENGTH, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def emit(x: Tensor) -> Emission:
        return Emission({}, {"signal": x @ matrix.mT})

    risk = RiskTerms()(emit, y, torch.Generator().manual_seed(3))
    error = risk.divergence.std() / len(y) ** 0.5
    assert abs(float(risk.divergence.mean() - matrix.trace() / LENGTH)) < 4 * float(error)
    torch.testing.assert_close(risk.residual, (y @ matrix.mT - y).square().mean(dim=1))


@pytest.mark.parametrize("threshold", [0.1, 0.6, 1.5])
def test_sure_is_unbiased_for_the_error_that_nobody_knows(threshold: float) -> None:
    example = spike_data().draw(range(3000), 0)
    emit = emitting(Soft(threshold))
    with torch.no_grad():
        sure = SURE(SIGMA).losses(emit, Example(example.y), torch.Generator().manual_seed(0))
        error = Supervised().losses(emit, example, GENERATOR)
    difference = sure - error
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / len(difference) ** 0.5
    assert float(difference.std()) / len(difference) ** 0.5 < 0.05 * float(error.mean())  # so that the line above says something


def test_training_on_sure_finds_the_threshold_of_supervised_training_without_any_truth() -> None:
    settings = Settings(epochs=8, batch_size=100, learning_rate=0.1, clip_norm=None)
    whole = spike_data().draw(range(800), 0)
    found = {}
    for objective in (Supervised(), SURE(SIGMA)):
        network = Soft(1.5)
        data = Examples(whole.y, whole.truth if isinstance(objective, Supervised) else None)
        fit(network, objective, data, settings, compute=Compute("cpu"), progress=Silent())
        found[type(objective)] = float(network.threshold.detach())
    assert found[SURE] == pytest.approx(found[Supervised], rel=0.1)
    assert abs(found[Supervised] - 1.5) > 0.5


def _rare_spikes(generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    clean = torch.zeros(200)
    clean[torch.randint(200, (3,), generator=generator)] = 8.0
    return clean + SIGMA * torch.randn(200, generator=generator), {}


@pytest.mark.parametrize("guess", [2.0, 0.5])
def test_unsure_finds_the_noise_level_from_a_wrong_guess(guess: float) -> None:
    network, objective = Extrapolated(0.3), UNSURE(sigma=guess * SIGMA)
    settings = Settings(epochs=40, batch_size=10, learning_rate=0.05, clip_norm=None)
    fit(network, objective, Simulated(_rare_spikes, 100), settings, compute=Compute("cpu"), progress=Silent())
    assert objective.sigma == pytest.approx(SIGMA, rel=0.1)
    risk = objective.terms(Emitter(network), Simulated(_rare_spikes, 200, seed=1).draw(range(200), 0).y, GENERATOR)
    assert abs(float(risk.divergence.detach().mean())) < 0.15


def test_stein_estimates_refuse_what_they_are_not_made_for() -> None:
    with pytest.raises(ParameterError, match="UNSURE"):
        SURE(0.0)
    with pytest.raises(ParameterError, match="momentum"):
        UNSURE(1.0, momentum=1.0)
    with pytest.raises(ParameterError, match="probe"):
        SURE(1.0, probe=0.0)
    with pytest.raises(DataError, match="two channels"):
        SURE(1.0).losses(emitting(nn.Identity()), Example(torch.zeros(1, 4, dtype=torch.complex64)), GENERATOR)
    with pytest.raises(DataError, match="vessels"):
        SURE(1.0, components=["vessels"]).losses(emitting(nn.Identity()), Example(torch.zeros(1, 4)), GENERATOR)
    with pytest.raises(DataError, match=r"\(3,\) for data of shape \(4,\)"):
        SURE(1.0).losses(emitting(nn.Linear(4, 3)), Example(torch.zeros(1, 4)), GENERATOR)
