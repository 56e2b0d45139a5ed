"""Block coordinate descent: exact where it says so, monotone, certified, and what it refuses."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Exact, Gaussian, GroupL2, Huber, Model, NonNegative, NuclearNorm
from foreknow.errors import UnsupportedError
from foreknow.operators import DCT, FiniteDifference, Identity, Mask, Matrix, Wavelet
from foreknow.priors import MCP, Quadratic, TotalVariation1D
from foreknow.solve import ADMM, BlockCoordinate, CertificateKind, minimize


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def morphological() -> Model:
    """Steps, spikes and waves: three blocks, each minimised exactly."""
    return Model(
        steps=Component(TotalVariation1D(0.9)),
        spikes=Component(L1(0.6), Identity(domain_dims=1)),
        waves=Component(L1(0.4), 1.5 * DCT().T),
        noise=Gaussian(0.8),
    )


def general() -> Model:
    """A matrix, a mask and a frame: proximal gradient steps for the first two."""
    return Model(
        code=Component(L1(0.5) & Quadratic(0.5), Matrix(random(16, 6, seed=9))),
        seen=Component(L1(0.3) & NonNegative(), Mask((random(16, seed=8) > 0).double())),
        waves=Component(GroupL2(0.4, event_dims=1), Wavelet("haar", 2)),
    )


MODELS = {
    "exact blocks": morphological(),
    "proximal gradient blocks": general(),
    "outliers": Model(a=Component(L1(0.2)), b=Component(L1(0.1), DCT()), noise=Huber(0.5, sigma=0.7)),
}
each_model = pytest.mark.parametrize("name", MODELS)


@each_model
def test_it_agrees_with_another_algorithm_and_the_certificate_is_never_optimistic(name):
    y = 2 * random(16, seed=2)
    problem = MODELS[name].problem
    expected = minimize(problem, y, ADMM(), tolerance=1e-9, max_iterations=50_000)
    found = minimize(problem, y, BlockCoordinate(), tolerance=1e-7, max_iterations=50_000)
    assert found.converged, str(found)
    assert found.certificate.kind is CertificateKind.DUALITY_GAP
    torch.testing.assert_close(found.objective, expected.objective, rtol=2e-7, atol=0)
    for count in (1, 2, 3, 7, 20):
        early = minimize(problem, y, BlockCoordinate(), tolerance=1e-15, max_iterations=count, look_every=1000)
        assert float(early.objective - early.certificate.absolute) <= float(expected.objective) * (1 + 1e-12)


@each_model
def test_the_objective_never_rises_from_any_start(name):
    y = random(3, 16, seed=2)
    problem, algorithm = MODELS[name].problem.for_data(y), BlockCoordinate()
    start = problem.prox(tuple(random(*zero.shape, seed=5) for zero in problem.zeros(y)), torch.tensor(1e-3))
    state = algorithm.init(problem, y, start)
    before = problem.objective(start, y)
    for _ in range(40):
        state = algorithm.step(problem, y, state)
        after = problem.objective(state.coefficients, y)
        assert bool((after <= before * (1 + 1e-13)).all())
        before = after


def test_a_tight_block_is_minimised_exactly():
    """After a sweep no change of the last block alone lowers the objective: one proximal map of the residual was enough."""
    y = random(16, seed=3)
    problem, algorithm = MODELS["exact blocks"].problem.for_data(y), BlockCoordinate()
    state = algorithm.step(problem, y, algorithm.init(problem, y, tuple(random(*z.shape, seed=4) for z in problem.zeros(y))))
    rest = y - state.parts[0] - state.parts[1]
    weight, scale = 0.4 * 0.8**2, 1.5
    analysed = (1.5 * DCT(16).T).adjoint(rest) / scale**2
    expected = analysed.sign() * (analysed.abs() - weight / scale**2).clamp_min(0)
    torch.testing.assert_close(state.coefficients[2], expected, atol=1e-13, rtol=0)


def test_one_exact_block_takes_one_sweep():
    y = random(20)
    model = Model(signal=Component(TotalVariation1D(0.7)))
    found = minimize(model.problem, y, BlockCoordinate(), tolerance=1e-10)
    assert found.iterations == 1
    torch.testing.assert_close(found["signal"], TotalVariation1D(0.7).prox(y))


def test_priors_that_are_not_convex_go_down_to_a_fixed_point():
    y = 2 * random(16, seed=6)
    model = Model(spikes=Component(MCP(0.5, knee=3.0)), waves=Component(L1(0.3), DCT()))
    found = minimize(model.problem, y, BlockCoordinate(), tolerance=1e-10, max_iterations=20_000)
    assert found.converged
    assert found.certificate.kind is CertificateKind.FIXED_POINT_RESIDUAL
    problem = model.problem.for_data(y)
    again = minimize(model.problem, y, BlockCoordinate(), max_iterations=1, start=tuple(found.coefficients.values()))
    for one, other in zip(again.coefficients.values(), found.coefficients.values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=0)
    assert float(found.objective) < float(problem.objective(problem.zeros(y), y))


@each_model
def test_a_batch_is_a_loop_and_single_precision_works(name):
    model = MODELS[name]
    batch = torch.stack([random(16, seed=seed) * scale for seed, scale in ((2, 2.0), (3, 3.0), (4, 1.0))])
    together = minimize(model.problem, batch, BlockCoordinate(), tolerance=1e-7, max_iterations=20_000)
    for index, item in enumerate(batch):
        alone = minimize(model.problem, item, BlockCoordinate(), tolerance=1e-7, max_iterations=20_000)
        torch.testing.assert_close(together.objective[index], alone.objective, rtol=3e-7, atol=0)
    single = minimize(model.problem, batch[0].float(), BlockCoordinate(), tolerance=3e-4, max_iterations=20_000)
    assert single.converged, str(single)
    assert all(part.dtype == torch.float32 for part in single.components.values())
    torch.testing.assert_close(single.objective, together.objective[0], rtol=4e-4, atol=0)


@each_model
def test_zero_data_are_explained_by_zero(name):
    found = minimize(MODELS[name].problem, torch.zeros(2, 16, dtype=torch.float64), BlockCoordinate())
    assert not any(bool(part.any()) for part in found.coefficients.values())
    assert float(found.certificate.absolute.max()) <= 1e-12


def test_an_operator_that_is_zero_leaves_only_its_prior():
    model = Model(unseen=Component(L1(0.3), Mask(torch.zeros(6, dtype=torch.float64))), seen=Component(L1(0.1)))
    y = random(6)
    found = minimize(model.problem, y, BlockCoordinate(), tolerance=1e-9, start=(random(6, seed=1), random(6, seed=2)))
    assert not bool(found["unseen"].any())
    torch.testing.assert_close(found["seen"], y.sign() * (y.abs() - 0.1).clamp_min(0))


@each_model
def test_steps_are_differentiable(name):
    problem, algorithm = MODELS[name].problem.for_data(random(16)), BlockCoordinate()

    def run(y: Tensor) -> Tensor:
        state = algorithm.init(problem, y, problem.zeros(y))
        for _ in range(3):
            state = algorithm.step(problem, y, state)
        return torch.cat([part.flatten() for part in state.coefficients])

    assert torch.autograd.gradcheck(run, (2 * random(16, seed=6)).requires_grad_(), fast_mode=True)


def test_another_problem_renews_signals_and_steps():
    y = random(12)
    first, second = (Model(part=Component(L1(0.1), Matrix(random(12, 20, seed=seed)))) for seed in (1, 2))
    algorithm = BlockCoordinate()
    state = algorithm.init(first.problem.for_data(y), y, (random(20),))
    problem = second.problem.for_data(y)
    moved = algorithm.step(problem, y, algorithm.transfer(problem, y, state))
    fresh = algorithm.step(problem, y, algorithm.init(problem, y, (random(20),)))
    torch.testing.assert_close(moved.coefficients, fresh.coefficients)


def test_a_film_with_noise_is_separated():
    low_rank = 3.0 * random(12, 1) @ random(1, 9, seed=1)
    sparse = 6.0 * (random(12, 9, seed=2) > 1.6)
    y = low_rank + sparse + 0.01 * random(12, 9, seed=3)
    model = Model(still=Component(NuclearNorm(0.1)), moving=Component(L1(0.03, event_dims=2)), noise=Gaussian(1.0))
    found = minimize(model.problem, y, BlockCoordinate(), tolerance=1e-6, max_iterations=5000)
    assert found.converged
    assert float((found["still"] - low_rank).norm() / low_rank.norm()) < 0.05


def test_what_it_cannot_treat_is_named():
    y = random(8)
    with pytest.raises(UnsupportedError, match="smooth data term, which Exact is not"):
        minimize(Model(code=Component(L1(0.1)), noise=Exact()).problem, y, BlockCoordinate())
    composed = Model(rest=Component(L1(1.0)), flat=Component(L1(0.1, event_dims=2) @ FiniteDifference((8,))))
    with pytest.raises(UnsupportedError, match="component 'flat'"):
        minimize(composed.problem, y, BlockCoordinate())
