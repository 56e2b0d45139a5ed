"""Marginal likelihood by proximal Markov chains: against evidence in closed form, and on planted weights and noise."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_ndtr
from torch import Tensor

from foreknow import DCT, L1, Box, Component, Exact, Gaussian, Matrix, Model, NonNegative, Quadratic
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters import MYULA, Gamma, Homogeneous, MarginalLikelihood, Outcome, PriorChain, ProximalHMC, Status
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.target import Target
from foreknow.operators import FFTConvolution, Mask
from foreknow.unroll import NoiseLevel, Operators, Weights

KERNEL = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def laplace(shape: tuple[int, ...], weight: float, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs()) / weight


def blurred(weight: float, sigma: float) -> Model:
    return Model(code=Component(L1(weight), FFTConvolution(KERNEL)), noise=Gaussian(sigma))


def ratios(outcome: Outcome, **truth: float) -> list[float]:
    return [float(outcome[key.replace("__", ".")]) / value for key, value in truth.items()]


# ---------------------------------------------------------------------- against evidence in closed form
def gaussian_evidence(y: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Maximum of the evidence of a Gaussian prior behind the blur, and the standard errors of the logarithms there."""
    transfer = torch.fft.fft(torch.nn.functional.pad(KERNEL, (0, y.shape[-1] - 5))).abs().square().numpy()
    power = (torch.fft.fft(y).abs().square() / y.shape[-1]).numpy()

    def cost(logs: np.ndarray) -> float:
        variance = transfer / np.exp(logs[0]) + np.exp(2 * logs[1])
        return 0.5 * float((np.log(variance) + power / variance).sum())

    best = minimize(cost, np.log([4.0, 0.15]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}).x
    step = 1e-3
    shifts = step * np.eye(2)
    hessian = np.array(
        [
            [(cost(best + a + b) - cost(best + a - b) - cost(best - a + b) + cost(best - a - b)) / (4 * step**2) for a in shifts]
            for b in shifts
        ]
    )
    return best, np.sqrt(np.diag(np.linalg.inv(hessian)))


@pytest.mark.parametrize(
    ("normaliser", "updates"),
    [(Homogeneous(), 150), pytest.param(PriorChain(), 400, marks=pytest.mark.slow)],
    ids=["closed form", "prior chain"],
)
def test_gaussian_evidence(normaliser: Homogeneous | PriorChain, updates: int) -> None:
    """Estimates and standard errors are those of the evidence, which is known for Gaussian priors."""
    generator = seeded(1)
    model = Model(x=Component(Quadratic(4.0), FFTConvolution(KERNEL)), noise=Gaussian(0.15))
    y, _ = model.simulate({"x": torch.randn((16, 64), generator=generator, dtype=torch.float64) / 2}, generator)
    best, errors = gaussian_evidence(y)
    start = Model(x=Component(Quadratic(2.0), FFTConvolution(KERNEL)), noise=Gaussian(0.3))
    method = MarginalLikelihood(normaliser=normaliser, updates=updates, tolerance=0.02)
    outcome = method.learn(start, y, generator=generator)
    assert outcome.converged, outcome
    found = torch.stack([number.now.log() for number in outcome.numbers]).numpy()
    spread = torch.stack([number.relative_error for number in outcome.numbers]).numpy()
    assert np.abs((found - best) / errors).max() < 0.5
    np.testing.assert_allclose(spread, errors, rtol=0.25)


def test_laplace_evidence() -> None:
    """The evidence of one Laplacian number in Gaussian noise is known: the same weight maximises it."""
    generator, sigma = seeded(2), 0.3
    y = laplace((8, 500), 2.0, generator) + sigma * torch.randn((8, 500), generator=generator, dtype=torch.float64)
    data = y.numpy().ravel()

    def cost(logs: np.ndarray) -> float:
        w = float(np.exp(logs[0]))
        left, right = (s * w * data + log_ndtr(-s * data / sigma - w * sigma) for s in (1, -1))
        return -float((np.log(w / 2) + (w * sigma) ** 2 / 2 + np.logaddexp(left, right)).sum())

    exact = float(np.exp(minimize(cost, [math.log(2.0)], method="Nelder-Mead", options={"xatol": 1e-6}).x[0]))
    start = Model(x=Component(L1(0.5)), noise=Gaussian(sigma))
    outcome = MarginalLikelihood(updates=100).learn(start, y, [Weights()], generator=generator)
    assert outcome.converged
    assert float(outcome["x.weight"]) == pytest.approx(exact, rel=0.01)
    assert float(outcome.model.problem.noise.sigma) == sigma


# ---------------------------------------------------------------------- planted
def test_planted_weight_and_noise_without_labels() -> None:
    generator = seeded(3)
    y, _ = blurred(2.0, 0.15).simulate({"code": laplace((16, 256), 2.0, generator)}, generator)
    outcome = MarginalLikelihood(updates=100, tolerance=0.02).learn(blurred(0.7, 0.4), y, generator=generator)
    assert outcome.converged, outcome
    assert ratios(outcome, code__weight=2.0, noise__sigma=0.15) == pytest.approx([1, 1], abs=0.05)
    for number, truth in zip(outcome.numbers, (2.0, 0.15), strict=True):
        low, high = number.interval(3.0)
        assert low < truth < high
        assert 0.01 < float(number.relative_error) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_planted_weight_and_noise_over_seeds(seed: int) -> None:
    generator = seeded(100 + seed)
    y, _ = blurred(2.0, 0.15).simulate({"code": laplace((48, 256), 2.0, generator)}, generator)
    outcome = MarginalLikelihood().learn(blurred(0.7, 0.4), y, generator=generator)
    assert outcome.converged, outcome
    assert ratios(outcome, code__weight=2.0, noise__sigma=0.15) == pytest.approx([1, 1], abs=0.05)


@pytest.mark.slow
def test_two_components_with_a_weight_each() -> None:
    """Spikes and a few sparse cosines in one signal: two weights and the noise."""
    generator = seeded(4)
    cosines = Matrix(DCT(64).T(torch.eye(64, dtype=torch.float64))[:16].mT)
    blur = FFTConvolution(KERNEL)

    def model(spikes: float, tones: float, sigma: float) -> Model:
        return Model(spikes=Component(L1(spikes), blur), tones=Component(L1(tones), cosines), noise=Gaussian(sigma))

    truth = {"spikes": laplace((64, 64), 2.0, generator), "tones": laplace((64, 16), 0.5, generator)}
    y, _ = model(2.0, 0.5, 0.15).simulate(truth, generator)
    outcome = MarginalLikelihood(tolerance=0.02).learn(model(1.0, 1.0, 0.3), y, generator=generator)
    found = ratios(outcome, spikes__weight=2.0, tones__weight=0.5, noise__sigma=0.15)
    for ratio, number in zip(found, outcome.numbers, strict=True):
        assert abs(math.log(ratio)) < 3 * float(number.relative_error) < 0.15


@pytest.mark.slow
def test_missing_values_do_not_count() -> None:
    """Half of the samples are masked: as 0, they would halve the variance of the noise."""
    generator = seeded(5)
    mask = torch.rand((16, 128), generator=generator) < 0.5

    def model(weight: float, sigma: float) -> Model:
        return Model(x=Component(Quadratic(weight), Mask(mask[0]) @ FFTConvolution(KERNEL)), noise=Gaussian(sigma))

    x = torch.randn((64, 128), generator=generator, dtype=torch.float64)
    y, _ = model(1.0, 0.2).simulate({"x": x}, generator)
    y = y * mask[0]
    outcome = MarginalLikelihood(updates=100, tolerance=0.02).learn(model(2.0, 0.4), y, generator=generator)
    assert ratios(outcome, x__weight=1.0, noise__sigma=0.2) == pytest.approx([1, 1], abs=0.1)


def test_the_model_that_was_given_is_left_alone_and_the_learned_one_solves() -> None:
    generator = seeded(6)
    model = blurred(1.0, 0.3)
    y, _ = blurred(2.0, 0.15).simulate({"code": laplace((4, 64), 2.0, generator)}, generator)
    outcome = MarginalLikelihood(updates=20, rounds=1).learn(model, y, generator=generator)
    assert float(model.problem.declared_priors()[0].weight) == 1.0
    learned = float(outcome["code.weight"])
    assert learned != 1.0
    assert float(outcome.model.problem.declared_priors()[0].weight) == learned
    assert not any(p.requires_grad for p in outcome.model.parameters())
    assert outcome.model.solve(y).converged
    assert "code.weight: 1 ->" in str(outcome)
    with pytest.raises(KeyError, match=r"code\.weight"):
        outcome["weight"]


def test_the_same_seed_gives_the_same_numbers() -> None:
    y, _ = blurred(2.0, 0.15).simulate({"code": laplace((2, 64), 2.0, seeded())}, seeded(1))
    method = MarginalLikelihood(updates=10, rounds=1)
    first, second = (method.learn(blurred(1.0, 0.3), y, generator=seeded(2)) for _ in range(2))
    assert torch.equal(first.history, second.history)


@pytest.mark.slow
def test_chains_share_the_data_and_not_the_draws() -> None:
    """Two chains an item estimate the same information of the same data."""
    y, _ = blurred(2.0, 0.15).simulate({"code": laplace((64, 32), 2.0, seeded())}, seeded(1))
    one, two = (
        MarginalLikelihood(updates=150, chains=chains, tolerance=0.03).learn(blurred(1.5, 0.2), y, generator=seeded(2))
        for chains in (1, 2)
    )
    for a, b in zip(one.numbers, two.numbers, strict=True):
        assert float((a.now / b.now).log().abs()) < 1.0 * float(a.relative_error)
        assert float(a.relative_error) == pytest.approx(float(b.relative_error), rel=0.3)


def test_pure_noise_says_nothing_of_a_weight() -> None:
    """No signal: the weight runs away, and the outcome says so instead of giving a number."""
    y = 0.3 * torch.randn((4, 64), generator=seeded(), dtype=torch.float64)
    start = Model(x=Component(L1(2.0)), noise=Gaussian(0.3))
    outcome = MarginalLikelihood(updates=100, within=20.0).learn(start, y, [Weights()], generator=seeded(1))
    assert not outcome.converged
    assert float(outcome["x.weight"]) > 8.0


def test_a_hyper_prior_holds_a_weight() -> None:
    y = 0.3 * torch.randn((4, 64), generator=seeded(), dtype=torch.float64)
    start = Model(x=Component(L1(2.0)), noise=Gaussian(0.3))
    strong = MarginalLikelihood(updates=100, hyper_prior=Gamma(20000.0, 10000.0)).learn(start, y, [Weights()], generator=seeded(1))
    assert float(strong["x.weight"]) == pytest.approx(2.0, rel=0.05)


# ---------------------------------------------------------------------- the chains
def posterior_moment(y: float, weight: float, sigma: float) -> float:
    grid = np.linspace(-8, 8, 40001)
    density = np.exp(-((grid - y) ** 2) / (2 * sigma**2) - weight * np.abs(grid))
    return float((np.abs(grid) * density).sum() / density.sum())


@pytest.mark.parametrize("leapfrog", [1, 10])
def test_hamiltonian_draws_have_no_bias(leapfrog: int) -> None:
    """Mean |x| of one number with a Laplacian prior of a scale below that of the noise, where envelopes are far from the prior."""
    weight, sigma, size = 2.0, 1.0, 20000
    y = torch.full((size, 1), 0.5, dtype=torch.float64)
    target = Target(Model(x=Component(L1(weight)), noise=Gaussian(sigma)).problem.for_data(y), y)
    sampler = ProximalHMC(leapfrog)
    chain = sampler.run(target, sampler.begin(target, (y,)), 60, seeded())
    found = chain.x[0].abs()
    assert float(found.mean()) == pytest.approx(posterior_moment(0.5, weight, sigma), abs=4 * float(found.std()) / math.sqrt(size))


def test_unadjusted_draws_are_too_wide_by_what_the_documentation_says() -> None:
    """A flat prior leaves a Gaussian: variance / (1 - t L / 2) with t L = 0.98 / 2."""
    y = torch.zeros((20000, 1), dtype=torch.float64)
    target = Target(Model(x=Component(L1(1e-9)), noise=Gaussian(0.5)).problem.for_data(y), y)
    sampler = MYULA()
    chain = sampler.run(target, sampler.begin(target, (y,)), 60, seeded())
    assert float(chain.x[0].var()) / 0.25 == pytest.approx(1 / (1 - 0.98 / 4), rel=0.04)


def test_a_tuned_chain_accepts_what_it_is_asked_to() -> None:
    y = laplace((8, 256), 1.0, seeded())
    target = Target(blurred(1.0, 0.1).problem.for_data(y), y)
    sampler = ProximalHMC(acceptance=0.7)
    chain = sampler.run(target, sampler.begin(target, target.problem.zeros(y)), 200, seeded(1))
    chain = sampler.run(target, chain, 100, seeded(2))
    assert chain.acceptance == pytest.approx(0.7, abs=0.05)


# ---------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("model", "learn", "error", "says"),
    [
        (Model(x=Component(L1(1.0) & Quadratic(1.0))), None, UnsupportedError, "PriorChain"),
        (Model(x=Component(L1(1.0) & NonNegative())), None, UnsupportedError, "walls"),
        (Model(x=Component(L1(1.0) & Box(-1.0, 1.0))), None, UnsupportedError, "walls"),
        (Model(x=Component(L1(1.0)), noise=Exact()), [Weights()], UnsupportedError, "Gaussian"),
        (Model(x=Component(L1(1.0), FFTConvolution(KERNEL))), [Operators()], ParameterError, "kernel"),
        (Model(x=Component(L1(0.0))), [Weights()], ParameterError, "positive weight"),
    ],
)
def test_what_cannot_be_learned_is_named(model: Model, learn: list | None, error: type[Exception], says: str) -> None:
    y = torch.randn((2, 16), generator=seeded(), dtype=torch.float64)
    with pytest.raises(error, match=says):
        MarginalLikelihood(updates=5, rounds=1).learn(model, y, learn)


def test_complex_data_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="real data"):
        MarginalLikelihood().learn(Model(x=Component(L1(1.0))), torch.zeros((2, 16), dtype=torch.complex128))


def test_arguments_outside_their_range() -> None:
    for wrong in ({"updates": 0}, {"tolerance": 0.0}, {"within": 1.0}):
        with pytest.raises(ParameterError):
            MarginalLikelihood(**wrong)
    for make in (lambda: ProximalHMC(0), lambda: MYULA(step=2.0), lambda: Gamma(0.5), lambda: Gamma(1.0, -1.0)):
        with pytest.raises(ParameterError):
            make()


# ---------------------------------------------------------------------- knobs
def test_gradients_of_several_values_are_those_of_each() -> None:
    knobs = Knobs(blurred(1.3, 0.4), [Weights(), NoiseLevel()])
    y = laplace((3, 32), 1.0, seeded())
    energies = knobs.problem.for_data(y).objective((y,), y)
    together = knobs.gradients(energies)
    apart = torch.stack([knobs.gradient(value) for value in energies])
    torch.testing.assert_close(together, apart)


def test_a_collapsed_number_is_reported() -> None:
    y = laplace((4, 64), 1.0, seeded())
    start = Model(x=Component(L1(50.0)), noise=Gaussian(0.1))
    outcome = MarginalLikelihood(updates=50, rounds=1, within=2.0).learn(start, y, [Weights()], generator=seeded(1))
    assert outcome.status is Status.COLLAPSED
    assert float(outcome["x.weight"]) == pytest.approx(25.0)
