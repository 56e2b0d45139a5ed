"""SURE, its gradient and its minimum against the truth it never sees; bilevel learning against finite differences."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Gaussian, GroupL2, Huber, Model, NonNegative, TotalVariation1D, Wavelet
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters import Bilevel, Certified, Descent, MedianNoise, SolutionMap, Status, UnbiasedRisk, Unrolled
from foreknow.learn.hyperparameters.bilevel import SquaredError
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.unbiased_risk import _Risk
from foreknow.operators import FFTConvolution
from foreknow.solve import FISTA, PDHG
from foreknow.unroll import NoiseLevel, Weights

KERNEL = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spikes(shape: tuple[int, ...], generator: torch.Generator, density: float = 0.1) -> Tensor:
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return 2 * values * (torch.rand(shape, generator=generator, dtype=torch.float64) < density)


def two_weights(spikes_weight: float = 5.0, blurred_weight: float = 2.0, sigma: float = 0.3) -> Model:
    return Model(
        spikes=Component(L1(spikes_weight)), blurred=Component(L1(blurred_weight), FFTConvolution(KERNEL)), noise=Gaussian(sigma)
    )


def drawn(model: Model, shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    return model.simulate({name: spikes(shape, seeded(seed + k)) for k, name in enumerate(model.names)}, seeded(seed + 10))


# ---------------------------------------------------------------------- SURE
def test_sure_of_soft_thresholding() -> None:
    """The divergence is the number of survivors (Donoho and Johnstone 1995), on average over the probes."""
    sigma, weight = 0.5, 3.0
    model = Model(x=Component(L1(weight)), noise=Gaussian(sigma))
    y, _ = drawn(model, (4, 4096))
    threshold = sigma**2 * weight
    count = y.numel()
    exact = torch.minimum(y.abs(), torch.tensor(threshold)).square().sum() / sigma**2 - count + 2 * (y.abs() > threshold).sum()
    found = UnbiasedRisk(probes=8, epsilon=1e-3).risk(model, y, generator=seeded(5))
    assert found == pytest.approx(float(exact) / count, abs=0.01)


def test_sure_is_the_error_that_it_does_not_see() -> None:
    """To the standard deviation of SURE, which is about sqrt(2 / N)."""
    model = Model(x=Component(L1(4.0), Wavelet("db4", 4, 1024).T), noise=Gaussian(0.3))
    y, parts = drawn(model, (32, 1024))
    error = float((model.solve(y)["x"] - parts["x"]).square().mean()) / 0.3**2
    assert 0.2 < error < 0.8
    assert UnbiasedRisk().risk(model, y, generator=seeded(3)) == pytest.approx(error, abs=4 * (2 / y.numel()) ** 0.5)


@pytest.mark.parametrize(
    "solution", [Certified(tolerance=1e-13, max_iterations=50000), Unrolled(60)], ids=["certified", "unrolled"]
)
def test_the_gradient_of_sure_is_that_of_its_value(solution: SolutionMap) -> None:
    """SUGAR against central differences of the same SURE, for two weights."""
    model = two_weights()
    y, _ = drawn(model, (3, 64))
    method = UnbiasedRisk(solution=solution, epsilon=0.05)
    knobs = Knobs(model, [Weights()], solution.algorithm)
    risk = _Risk(method, knobs, y, seeded(1))
    _, gradient = risk(knobs.start)
    step = 1e-5
    for index in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[index] = step
        difference = (risk(knobs.start + shift)[0] - risk(knobs.start - shift)[0]) / (2 * step)
        assert float(gradient[index]) == pytest.approx(difference, rel=2e-3, abs=1e-6)


def test_sure_finds_the_weight_of_least_error() -> None:
    """Within 5 % of what the truth gives, and no worse in error by more than 0.5 %."""
    model = Model(x=Component(L1(1.0)), noise=Gaussian(0.5))
    y, parts = drawn(model, (16, 4096))
    blind = UnbiasedRisk().learn(model, y, generator=seeded(2))
    oracle = Bilevel().learn(model, y, parts)
    assert blind.converged
    assert oracle.converged
    assert float(blind["x.weight"]) == pytest.approx(float(oracle["x.weight"]), rel=0.05)

    def error(found: Model) -> float:
        return float((found.solve(y)["x"] - parts["x"]).square().sum())

    assert error(blind.model) < 1.005 * error(oracle.model)


@pytest.mark.slow
def test_sure_learns_several_weights_at_once() -> None:
    """The error is far below that of the start, and as low as that of other weights, to what the noise of SURE allows."""
    model = two_weights(1.0, 1.0)
    y, parts = drawn(model, (8, 128))
    clean = {"spikes": parts["spikes"], "blurred": parts["blurred"]}
    blind = UnbiasedRisk(solution=Certified(FISTA(), tolerance=1e-5)).learn(model, y, generator=seeded(2))
    assert blind.converged

    def error(found: Model) -> float:
        solution = found.solve(y, algorithm=FISTA(), tolerance=1e-5)
        return float((solution["spikes"] + solution["blurred"] - clean["spikes"] - clean["blurred"]).square().sum())

    assert error(blind.model) < 0.8 * error(model)
    for factors in ((2.0, 1.0), (0.5, 1.0), (1.0, 2.0), (1.0, 0.5)):
        weights = [float(blind[f"{name}.weight"]) * factor for name, factor in zip(model.names, factors, strict=True)]
        assert error(blind.model) < 1.05 * error(two_weights(*weights))


def test_sure_with_other_priors() -> None:
    """Total variation, and a set, have divergences of their own; nothing in SURE is about L1."""
    steps = torch.repeat_interleave(torch.randn((8, 16), generator=seeded(), dtype=torch.float64), 32, dim=-1)
    for prior, truth in ((TotalVariation1D(1.0), steps), (L1(1.0) & NonNegative(), spikes((8, 512), seeded()).abs())):
        model = Model(x=Component(prior), noise=Gaussian(0.3))
        y, parts = model.simulate({"x": truth}, seeded(1))
        blind, oracle = UnbiasedRisk().learn(model, y, generator=seeded(2)), Bilevel().learn(model, y, parts)
        error = [float((found.model.solve(y)["x"] - truth).square().sum()) for found in (blind, oracle)]
        assert error[0] < 1.03 * error[1]


def test_sure_asks_for_the_noise() -> None:
    y = torch.randn((2, 16), generator=seeded(), dtype=torch.float64)
    with pytest.raises(ParameterError, match="MedianNoise"):
        UnbiasedRisk().learn(Model(x=Component(L1(1.0)), noise=Gaussian(0.5)), y, [Weights(), NoiseLevel()])
    with pytest.raises(UnsupportedError, match="Gaussian"):
        UnbiasedRisk().learn(Model(x=Component(L1(1.0)), noise=Huber()), y)
    for wrong in ({"probes": 0}, {"epsilon": 0.0}):
        with pytest.raises(ParameterError):
            UnbiasedRisk(**wrong)


# ---------------------------------------------------------------------- bilevel
def test_bilevel_gradient_is_that_of_the_loss() -> None:
    """Implicit against unrolled against central differences, for two weights and the noise level."""
    model = two_weights()
    y, parts = drawn(model, (3, 64))
    gradients = []
    for solution in (Certified(tolerance=1e-13, max_iterations=50000), Unrolled(1500)):
        knobs = Knobs(model, [Weights(), NoiseLevel()], solution.algorithm)

        def loss(logarithms: Tensor, knobs: Knobs = knobs, solution: SolutionMap = solution) -> Tensor:
            knobs.assign(logarithms)
            x = solution.solve(knobs.layer, y, None)
            problem = knobs.problem.for_data(y)
            return SquaredError().value(dict(zip(problem.names, problem.parts(x), strict=True)), parts, 1)

        gradients.append(knobs.gradient(loss(knobs.start)))
        if isinstance(solution, Certified):
            shifts = 1e-5 * torch.eye(3, dtype=torch.float64)
            differences = [(float(loss(knobs.start + s).detach()) - float(loss(knobs.start - s).detach())) / 2e-5 for s in shifts]
    torch.testing.assert_close(gradients[0], torch.tensor(differences, dtype=torch.float64), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)


def test_bilevel_finds_the_best_weight_on_a_grid() -> None:
    model = Model(x=Component(GroupL2(1.0, (-1,), 2)), noise=Gaussian(0.5))
    truth = spikes((4, 128, 1), seeded(), 0.2) * torch.randn((4, 128, 3), generator=seeded(1), dtype=torch.float64)
    y, parts = model.simulate({"x": truth}, seeded(2))
    outcome = Bilevel().learn(model, y, parts)
    assert outcome.converged
    assert list(outcome.objective) == sorted(outcome.objective, reverse=True)
    grid = torch.linspace(0.5, 12.0, 400, dtype=torch.float64)
    errors = [
        float((Model(x=Component(GroupL2(float(w), (-1,), 2)), noise=Gaussian(0.5)).solve(y)["x"] - truth).square().sum())
        for w in grid
    ]
    best = float(grid[int(torch.tensor(errors).argmin())])
    assert float(outcome["x.weight"]) == pytest.approx(best, rel=0.02)


def test_bilevel_through_a_splitting_algorithm() -> None:
    """A prior without a proximal map cannot be differentiated implicitly here, but can be unrolled."""
    from foreknow import FiniteDifference

    steps = torch.repeat_interleave(torch.randn((4, 4), generator=seeded(), dtype=torch.float64), 16, dim=-1)
    model = Model(x=Component(L1(0.5) @ FiniteDifference(64)), noise=Gaussian(0.3))
    y, parts = model.simulate({"x": steps}, seeded(1))
    with pytest.raises(UnsupportedError, match="proximal"):
        Bilevel().learn(model, y, parts)
    outcome = Bilevel(solution=Unrolled(150, PDHG()), descent=Descent(starts=(10.0,))).learn(model, y, parts)
    same = Bilevel().learn(Model(x=Component(TotalVariation1D(0.5)), noise=Gaussian(0.3)), y, parts)
    assert float(outcome["x.prior.weight"]) == pytest.approx(float(same["x.weight"]), rel=0.03)


def test_bilevel_asks_for_truth_that_fits() -> None:
    model = Model(x=Component(L1(1.0)))
    y = torch.zeros((2, 8), dtype=torch.float64)
    for wrong in ({}, {"z": y}, {"x": y[0]}):
        with pytest.raises(ParameterError, match="truth"):
            Bilevel().learn(model, y, wrong)


# ---------------------------------------------------------------------- the noise level
@pytest.mark.parametrize("shape", [(4, 1024), (64, 64)], ids=["signals", "image"])
def test_median_noise_of_sparse_details(shape: tuple[int, ...]) -> None:
    dims = 1 if shape[0] == 4 else 2
    smooth = torch.linspace(0, 3, shape[-1], dtype=torch.float64).sin().expand(shape) * 10
    model = Model(x=Component(L1(1.0, event_dims=dims)), noise=Gaussian(1.0))
    y = smooth + 0.2 * torch.randn(shape, generator=seeded(), dtype=torch.float64)
    outcome = MedianNoise().learn(model, y)
    assert float(outcome["noise.sigma"]) == pytest.approx(0.2, rel=4 * float(outcome.numbers[0].relative_error))
    assert float(outcome.numbers[0].relative_error) < 0.05


def test_the_standard_error_of_the_median_is_right() -> None:
    model = Model(x=Component(L1(1.0)), noise=Gaussian(1.0))
    noise = 0.2 * torch.randn((300, 1, 512), generator=seeded(), dtype=torch.float64)
    levels = torch.stack([MedianNoise().learn(model, one)["noise.sigma"] for one in noise])
    error = float(MedianNoise().learn(model, noise[0]).numbers[0].relative_error)
    assert float(levels.std() / levels.mean()) == pytest.approx(error, rel=0.2)


def test_median_noise_then_sure() -> None:
    """The chain that the documentation tells of: nothing is known of weight and noise."""
    wavelet = Wavelet("db4", 4, 1024)
    time = torch.linspace(0, 1, 1024, dtype=torch.float64)
    clean = torch.stack([torch.sin(2 * torch.pi * f * time) * (time > 0.3) for f in (3, 5, 7, 9)])
    model = Model(x=Component(L1(1.0), wavelet.T), noise=Gaussian(1.0))
    y = clean + 0.1 * torch.randn(clean.shape, generator=seeded(), dtype=torch.float64)
    level = MedianNoise().learn(model, y)
    outcome = UnbiasedRisk().learn(level.model, y, generator=seeded(1))
    assert outcome.converged
    oracle = Bilevel().learn(model, y, {"x": clean})
    error, least = (float((found.model.solve(y)["x"] - clean).square().mean()) for found in (outcome, oracle))
    assert error < 1.1 * least < 0.3 * 0.1**2


def test_median_noise_refuses_what_it_cannot_measure() -> None:
    model = Model(x=Component(L1(1.0)))
    with pytest.raises(UnsupportedError, match="details are 0"):
        MedianNoise().learn(model, torch.ones((2, 64), dtype=torch.float64) * 0)
    with pytest.raises(UnsupportedError, match="Gaussian"):
        MedianNoise().learn(Model(x=Component(L1(1.0)), noise=Huber()), torch.ones((2, 64), dtype=torch.float64))


# ---------------------------------------------------------------------- descent
def test_descent_on_a_narrow_valley() -> None:
    def rosenbrock(p: Tensor) -> tuple[float, Tensor]:
        a, b = float(p[0]), float(p[1])
        slope = torch.tensor([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)], dtype=torch.float64)
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2, slope

    found = Descent(tolerance=1e-7, max_iterations=200).minimise(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))
    assert found.status is Status.CONVERGED
    torch.testing.assert_close(found.point, torch.ones(2, dtype=torch.float64), atol=1e-5, rtol=0)


def test_descent_tells_why_it_ends() -> None:
    start = torch.zeros(1, dtype=torch.float64)
    runaway = Descent(limit=3.0).minimise(lambda p: (float((-p).exp()), -(-p).exp()), start)
    wrong_slope = Descent().minimise(lambda p: (float(p.square().sum()), -2 * p - 1), start)
    short = Descent(starts=(1.0,), max_iterations=1).minimise(lambda p: (float((p - 5).square().sum()), 2 * (p - 5)), start)
    assert runaway.status is Status.COLLAPSED
    assert wrong_slope.status is Status.STALLED
    assert short.status is Status.ITERATION_LIMIT
    with pytest.raises(ParameterError):
        Descent(starts=())
