"""Douglas-Rachford splitting: its data steps, its certificate, and what it refuses."""

import cvxpy
import numpy as np
import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Exact, Gaussian, Huber, Model, NonNegative, NuclearNorm
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.noise import Noise, Poisson
from foreknow.operators import DCT, Dictionary, FFTConvolution, FiniteDifference, Identity, LinearOperator, Matrix
from foreknow.parameters import Positive
from foreknow.solve import ADMM, PDHG, CertificateKind, DouglasRachford, minimize


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sparse_in_two_bases(noise: Noise) -> Model:
    return Model(spikes=Component(L1(0.3), Identity(domain_dims=1)), waves=Component(L1(0.2) & NonNegative(), DCT().T), noise=noise)


def deconvolution(noise: Noise) -> Model:
    return Model(signal=Component(L1(0.1), FFTConvolution(torch.tensor([1.0, 0.6, 0.2], dtype=torch.float64))), noise=noise)


def convolutional_coding() -> Model:
    return Model(code=Component(L1(0.2), Dictionary(random(3, 4, seed=5), "circular")), noise=Gaussian(0.6))


GAUSSIAN, HUBER = Gaussian(0.5), Huber(0.7, sigma=0.5)
MODELS = {
    "two bases": sparse_in_two_bases(GAUSSIAN),
    "two bases, exact": sparse_in_two_bases(Exact()),
    "two bases, outliers": sparse_in_two_bases(HUBER),
    "deconvolution": deconvolution(GAUSSIAN),
    "dictionary": convolutional_coding(),
}
each_model = pytest.mark.parametrize("name", MODELS)


def brute_force(point: Tensor, operator: LinearOperator, noise: Noise, y: Tensor, step: float) -> Tensor:
    """argmin 1/2 |x - p|^2 + step D(A x), which is smooth and strongly convex, by gradient descent with the dense matrix."""
    matrix = operator(torch.eye(point.numel(), dtype=torch.float64)).mT

    def energy(x: Tensor) -> Tensor:
        return (x - point).square().sum() / 2 + step * noise.value(matrix @ x, y, 1)

    x = point.clone()
    length = 1 / (1 + step * float(noise.lipschitz(1)) * float(torch.linalg.matrix_norm(matrix, 2)) ** 2)
    for _ in range(int(30 / length)):
        x = x - length * torch.func.grad(energy)(x)
    return x


@pytest.mark.parametrize(
    ("operator", "noise"),
    [(DCT(12).T, GAUSSIAN), (2.0 * DCT(12), HUBER), (FFTConvolution(random(4, seed=3), domain=12), GAUSSIAN)],
    ids=["frame", "scaled frame, outliers", "Fourier"],
)
def test_the_data_step_is_the_proximal_map(operator, noise):
    problem = Model(part=Component(L1(0.1), operator), noise=noise).problem.for_data(random(12))
    y, point = random(12), random(12, seed=1)
    proximity = DouglasRachford().init(problem, y, problem.zeros(y)).proximity
    (found,) = proximity(problem, y, (point,), torch.tensor(0.7, dtype=torch.float64))
    torch.testing.assert_close(found, brute_force(point, operator, noise, y, 0.7), atol=1e-9, rtol=0)


@each_model
def test_it_agrees_with_other_algorithms(name):
    y = random(24, seed=2).cumsum(0)
    found = minimize(MODELS[name].problem, y, DouglasRachford(), tolerance=1e-8, max_iterations=20_000)
    assert found.converged, str(found)
    assert found.certificate.kind is CertificateKind.DUALITY_GAP
    for other in (ADMM(), PDHG()):
        expected = minimize(MODELS[name].problem, y, other, tolerance=1e-8, max_iterations=50_000)
        torch.testing.assert_close(found.objective, expected.objective, rtol=1e-7, atol=0)


def test_counts_agree_with_an_interior_point_method():
    """Poisson noise, which is not smooth: only the proximal map of the data term takes it."""
    mean = 3.0 * random(20, seed=4).abs() + 0.2
    y = torch.poisson(mean, generator=torch.Generator().manual_seed(0))
    model = Model(rate=Component(NonNegative() & L1(0.4)), noise=Poisson(0.1))
    found = minimize(model.problem, y, DouglasRachford(), tolerance=1e-7, max_iterations=20_000)
    assert found.converged, str(found)
    x, counts = cvxpy.Variable(20, nonneg=True), y.numpy()
    fit = cvxpy.sum(x + 0.1 - cvxpy.multiply(counts, cvxpy.log(x + 0.1))) + 0.4 * cvxpy.sum(x)
    best = cvxpy.Problem(cvxpy.Minimize(fit)).solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-10, tol_gap_abs=1e-10)
    best += float(np.sum(np.where(counts > 0, counts * np.log(np.maximum(counts, 1)), 0) - counts))
    assert float(found.objective) == pytest.approx(best, rel=1e-6)


@each_model
@pytest.mark.parametrize("relaxation", [0.7, 1.0, 1.9])
def test_the_certificate_is_never_optimistic(name, relaxation):
    y = random(24, seed=2).cumsum(0)
    optimum = minimize(MODELS[name].problem, y, ADMM(), tolerance=1e-9, max_iterations=50_000)
    lower = float(optimum.objective - optimum.certificate.absolute)
    for count in (1, 2, 3, 7, 20):
        algorithm = DouglasRachford(relaxation=relaxation)
        early = minimize(MODELS[name].problem, y, algorithm, tolerance=1e-15, max_iterations=count, look_every=1000)
        assert float(early.objective) - float(early.certificate.absolute) <= float(optimum.objective) * (1 + 1e-12)
        assert float(early.objective) >= lower * (1 - 1e-12)


@each_model
def test_a_batch_is_a_loop_and_a_constant_step_and_single_precision_work(name):
    model = MODELS[name]
    batch = torch.stack([random(24, seed=seed).cumsum(0) * scale for seed, scale in ((2, 1.0), (3, 30.0), (4, 0.05))])
    together = minimize(model.problem, batch, DouglasRachford(), tolerance=1e-8, max_iterations=50_000)
    for index, item in enumerate(batch):
        alone = minimize(model.problem, item, DouglasRachford(), tolerance=1e-8, max_iterations=50_000)
        torch.testing.assert_close(together.objective[index], alone.objective, rtol=3e-8, atol=0)
    constant = minimize(model.problem, batch[0], DouglasRachford(step=1.0), tolerance=1e-6, max_iterations=50_000)
    torch.testing.assert_close(constant.objective, together.objective[0], rtol=2e-6, atol=0)
    single = minimize(model.problem, batch[0].float(), DouglasRachford(), tolerance=3e-4, max_iterations=20_000)
    assert single.converged, str(single)
    assert all(part.dtype == torch.float32 for part in single.components.values())
    torch.testing.assert_close(single.objective, together.objective[0], rtol=4e-4, atol=0)


@each_model
def test_zero_data_are_explained_by_zero(name):
    found = minimize(MODELS[name].problem, torch.zeros(2, 24, dtype=torch.float64), DouglasRachford())
    assert not any(bool(part.any()) for part in found.coefficients.values())
    assert float(found.certificate.absolute.max()) <= 1e-12


@each_model
def test_steps_are_differentiable(name):
    problem = MODELS[name].problem.for_data(random(12))
    algorithm = DouglasRachford(step=0.5)

    def run(y: Tensor) -> Tensor:
        state = algorithm.init(problem, y, problem.zeros(y))
        for _ in range(4):
            state = algorithm.step(problem, y, state)
        return torch.cat([part.flatten() for part in algorithm.iterate(problem, y, state).coefficients])

    assert torch.autograd.gradcheck(run, random(12, seed=6).requires_grad_(), fast_mode=True)


def test_gradients_reach_a_weight():
    model = Model(part=Component(L1(Positive(0.3)), DCT()))
    y = random(10)
    problem, algorithm = model.problem.for_data(y), DouglasRachford()
    state = algorithm.init(problem, y, problem.zeros(y))
    for _ in range(30):
        state = algorithm.step(problem, y, state)
    (gradient,) = torch.autograd.grad(state.coefficients[0].abs().sum(), list(model.parameters()))
    kept = (DCT(10).adjoint(y).abs() > 0.3).sum()
    assert float(gradient) == pytest.approx(-0.3 * float(kept), rel=1e-3)  # each kept coefficient is |c| - w


def test_another_problem_renews_the_data_step():
    y = random(12)
    first, second = (Model(part=Component(L1(0.1), FFTConvolution(random(3, seed=seed)))) for seed in (1, 2))
    algorithm = DouglasRachford(step=1.0)
    state = algorithm.init(first.problem.for_data(y), y, first.problem.for_data(y).zeros(y))
    problem = second.problem.for_data(y)
    moved = algorithm.step(problem, y, algorithm.transfer(problem, y, state))
    fresh = algorithm.step(problem, y, algorithm.init(problem, y, problem.zeros(y)))
    torch.testing.assert_close(moved.coefficients, fresh.coefficients)


def test_a_film_is_separated():
    low_rank = random(12, 1) @ random(1, 9, seed=1)
    sparse = 4.0 * (random(12, 9, seed=2) > 1.6)
    model = Model(still=Component(NuclearNorm()), moving=Component(L1(0.3, event_dims=2)), noise=Exact())
    found = minimize(model.problem, low_rank + sparse, DouglasRachford(), tolerance=1e-7, max_iterations=5000)
    torch.testing.assert_close(found["still"], low_rank, atol=1e-3, rtol=0)
    torch.testing.assert_close(found["still"] + found["moving"], low_rank + sparse, atol=1e-12, rtol=0)


def test_what_it_cannot_treat_is_named():
    y = random(8)
    matrix = Model(code=Component(L1(0.1), Matrix(random(8, 12))))
    with pytest.raises(UnsupportedError, match=r"Matrix of component 'code'.*ADMM"):
        minimize(matrix.problem, y, DouglasRachford())
    blurred = Model(signal=Component(L1(0.1), FFTConvolution(random(3))), noise=Exact())
    with pytest.raises(UnsupportedError, match=r"FFTConvolution of component 'signal'"):
        minimize(blurred.problem, y, DouglasRachford())
    composed = Model(flat=Component(L1(0.1, event_dims=2) @ FiniteDifference((8,))))
    with pytest.raises(UnsupportedError, match=r"component 'flat'"):
        minimize(composed.problem, y, DouglasRachford())
    for bad in ({"relaxation": 2.0}, {"relaxation": 0.0}, {"step": 0.0}, {"step": float("inf")}):
        with pytest.raises(ParameterError, match="Douglas-Rachford"):
            DouglasRachford(**bad)
