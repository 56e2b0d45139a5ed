"""The closed-form normaliser: the dimensions that it counts, and what it refuses; the joint most probable weights built on it."""

import math

import pytest
import torch
from torch import Tensor

from foreknow import (
    L1,
    STFT,
    Component,
    FiniteDifference,
    Gaussian,
    GroupL2,
    Matrix,
    Model,
    NonNegative,
    NuclearNorm,
    Prior,
    Quadratic,
    TotalVariation,
    TotalVariation1D,
    Wavelet,
)
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters import Gamma, Homogeneous, NormalisedPrior, Status
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.operators import FFTConvolution, LinearOperator
from foreknow.priors import SparseGroup
from foreknow.unroll import NoiseLevel, Weights

KERNEL = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def laplace(shape: tuple[int, ...], weight: float, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs()) / weight


def power(prior: Prior, y: Tensor, operator: LinearOperator | None = None, normaliser: Homogeneous | None = None) -> float:
    """D log(1/Z) / d log w."""
    knobs = Knobs(Model(x=Component(prior, operator), event_dims=None), [Weights()])
    problem = knobs.problem.for_data(y)
    log_normaliser = (normaliser or Homogeneous()).begin(problem, problem.zeros(y), None)
    return float(knobs.gradient(log_normaliser()).sum())


@pytest.mark.parametrize(
    ("prior", "shape", "expected"),
    [
        (L1(0.7), (3, 16), 48),
        (GroupL2(0.7, axes=(-1,), event_dims=2), (3, 8, 4), 96),
        (Quadratic(0.7), (3, 16), 24),
        (NuclearNorm(0.7), (3, 8, 4), 96),
        (TotalVariation1D(0.7), (3, 16), 45),
        (TotalVariation(0.7), (3, 8, 4), 93),
        (L1(0.7) & NonNegative(), (3, 16), 48),
        (L1(0.7).at(torch.ones(16)), (3, 16), 48),
        (L1(0.7) @ Wavelet("db2", 2, 16), (3, 16), 48),
        (L1(0.7) @ FiniteDifference(16), (3, 16), 45),
        (L1(torch.full((16,), 0.7)), (3, 16), 48),
        (NuclearNorm(0.7).over(3), (2, 3, 8, 4), 192),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Prior) else None,
)
def test_dimensions(prior: Prior, shape: tuple[int, ...], expected: int) -> None:
    assert power(prior, torch.zeros(shape, dtype=torch.float64)) == pytest.approx(expected)


def test_complex_coefficients_count_twice() -> None:
    transform = STFT(16, 8)
    y = torch.zeros((2, 64), dtype=torch.float64)
    prior = L1(0.7, event_dims=2)
    knobs = Knobs(Model(x=Component(prior, transform.on(64).T)), [Weights()])
    (x,) = knobs.problem.for_data(y).zeros(y)
    assert x.is_complex()
    assert power(prior, y, transform.on(64).T) == pytest.approx(2 * x.numel())


def test_dimensions_can_be_given() -> None:
    y = torch.zeros((3, 16), dtype=torch.float64)
    assert power(L1(0.7), y, normaliser=Homogeneous({"x": 10.0})) == pytest.approx(30.0)
    with pytest.raises(ParameterError, match="background"):
        power(L1(0.7), y, normaliser=Homogeneous({"background": 10.0}))


@pytest.mark.parametrize("prior", [L1(1.0) & Quadratic(1.0), SparseGroup(L1(1.0, event_dims=2), GroupL2(1.0, (-1,), 2))])
def test_priors_without_a_closed_form_are_named(prior: Prior) -> None:
    with pytest.raises(UnsupportedError, match="pass normaliser=PriorChain"):
        power(prior, torch.zeros((2, 8, 4), dtype=torch.float64))


# ---------------------------------------------------------------------- the most probable weights
def blurred(weight: float, sigma: float) -> Model:
    return Model(code=Component(L1(weight), FFTConvolution(KERNEL)), noise=Gaussian(sigma))


def test_the_weight_balances_its_prior() -> None:
    """W = (d + a - 1) / (R(x) + b) at the end, the objective falls all the way, and the start does not matter."""
    y, _ = blurred(2.0, 0.02).simulate({"code": laplace((4, 128), 2.0, seeded())}, seeded(1))
    outcomes = [NormalisedPrior(Gamma(3.0, 5.0), tolerance=1e-6).learn(blurred(start, 0.02), y) for start in (0.1, 4.0)]
    for outcome in outcomes:
        assert outcome.converged
        solution = outcome.model.solve(y, tolerance=1e-9)
        norm = float(solution.coefficients["code"].abs().sum())
        assert float(outcome["code.weight"]) == pytest.approx((512 + 2) / (norm + 5), rel=1e-4)
        assert all(
            later <= earlier + 1e-6 * abs(earlier) for earlier, later in zip(outcome.objective, outcome.objective[1:], strict=False)
        )
    assert float(outcomes[0]["code.weight"]) == pytest.approx(float(outcomes[1]["code.weight"]), rel=1e-4)


def test_a_strong_signal_gives_the_planted_weight_and_a_weaker_one_too_large_a_weight() -> None:
    """The bias that the documentation tells of."""
    x = laplace((4, 512), 2.0, seeded())
    found = []
    for sigma in (0.01, 0.1, 0.2):
        model = Model(x=Component(L1(1.0)), noise=Gaussian(sigma))
        y, _ = model.simulate({"x": x}, seeded(1))
        found.append(float(NormalisedPrior().learn(model, y)["x.weight"]))
    empirical = 1 / float(x.abs().mean())
    assert found[0] == pytest.approx(empirical, rel=0.01)
    assert found[0] < found[1] < found[2]
    assert found[2] > 1.1 * empirical


@pytest.mark.parametrize("hyper_prior", [Gamma(), Gamma(1.0, 0.1)], ids=["flat", "with a rate"])
def test_a_weak_signal_collapses_and_says_so(hyper_prior: Gamma) -> None:
    model = Model(x=Component(L1(2.0)), noise=Gaussian(1.0))
    y, _ = model.simulate({"x": laplace((4, 128), 2.0, seeded())}, seeded(1))
    outcome = NormalisedPrior(hyper_prior).learn(model, y)
    assert outcome.status is Status.COLLAPSED
    assert "MarginalLikelihood" in str(outcome)


def test_weights_of_elements_are_learned_from_many_items() -> None:
    planted = torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)
    x = laplace((2000, 4), 1.0, seeded()) / planted
    model = Model(x=Component(L1(torch.ones(4, dtype=torch.float64))), noise=Gaussian(0.001))
    y, _ = model.simulate({"x": x}, seeded(1))
    torch.testing.assert_close(NormalisedPrior().learn(model, y)["x.weight"], planted, rtol=0.1, atol=0.0)


def test_a_noise_level_of_an_overdetermined_model() -> None:
    """Eight equations a coefficient: the residual says what the noise is, and the bias is that of 1/8 fitted coefficients."""
    matrix = torch.randn((256, 32), generator=seeded(), dtype=torch.float64) / 16

    model = Model(x=Component(L1(2.0), Matrix(matrix)), noise=Gaussian(0.5))
    truth = Model(x=Component(L1(2.0), Matrix(matrix)), noise=Gaussian(0.05))
    y, _ = truth.simulate({"x": laplace((8, 32), 2.0, seeded(1))}, seeded(2))
    outcome = NormalisedPrior().learn(model, y, [Weights(), NoiseLevel()])
    assert outcome.converged
    assert float(outcome["noise.sigma"]) == pytest.approx(0.05 * math.sqrt(7 / 8), rel=0.05)


def test_the_level_of_other_noise_has_no_closed_form() -> None:
    from foreknow.noise import Huber as HuberNoise

    model = Model(x=Component(L1(2.0)), noise=HuberNoise())
    with pytest.raises(UnsupportedError, match="MarginalLikelihood"):
        NormalisedPrior().learn(model, torch.ones((1, 8), dtype=torch.float64), [NoiseLevel()])
    with pytest.raises(ParameterError):
        NormalisedPrior(tolerance=0.0)
