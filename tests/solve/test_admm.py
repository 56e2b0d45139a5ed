"""ADMM for convolutional sparse coding: known optima, batches, precisions, gradients through its steps."""

import cvxpy
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from foreknow import L1, Component, Gaussian, Model, NonNegative
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.operators import Convolution, Dictionary, FiniteDifference, Matrix
from foreknow.parameters import Positive
from foreknow.priors import PlugIn, Prior
from foreknow.problem import Problem
from foreknow.solve import ADMM, FISTA, PDHG, CertificateKind, choose_algorithm, minimize
from foreknow.solve.penalty import BalancedPenalty, FixedPenalty


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ATOMS, KERNEL = draw(3, 5), draw(2, 3, 4, seed=1)
# the model, the shape of its data, and the weights of its L1 norms
MODELS: dict[str, tuple[Model, tuple[int, ...], tuple[float, ...]]] = {
    "signal": (Model(code=Component(L1(0.6, event_dims=2), Dictionary(ATOMS, "circular")), noise=Gaussian(0.7)), (20,), (0.6,)),
    "image": (Model(code=Component(L1(0.5, event_dims=3), Dictionary(draw(3, 2, 3), "circular"))), (5, 6), (0.5,)),
    "channels": (Model(code=Component(L1(0.4, event_dims=2), Convolution(KERNEL, "circular"))), (2, 12), (0.4,)),
    "positive": (Model(code=Component(L1(0.3, event_dims=2) & NonNegative(2), Dictionary(ATOMS, "circular"))), (20,), (0.3,)),
    "with spikes": (
        Model(code=Component(L1(0.6, event_dims=2), Dictionary(ATOMS, "circular")), spikes=Component(L1(0.9))),
        (20,),
        (0.6, 0.9),
    ),
}
every = pytest.mark.parametrize("name", MODELS)


def data(name: str, seed: int = 4) -> Tensor:
    return 2.0 * draw(*MODELS[name][1], seed=seed)


def optimum(name: str, y: Tensor) -> float:
    """By an interior-point method, with the dictionary as a dense matrix."""
    problem = MODELS[name][0].problem.for_data(y)
    fit, penalty = y.flatten().numpy(), 0
    for weight, operator in zip(MODELS[name][2], problem.linear_operators(), strict=True):
        size = torch.Size(operator.domain).numel()
        dense = operator(torch.eye(size, dtype=torch.float64).reshape(size, *operator.domain)).reshape(size, -1).mT
        x = cvxpy.Variable(size, nonneg=name == "positive")
        fit = fit - dense.numpy() @ x
        penalty += weight * cvxpy.norm1(x)
    objective = cvxpy.sum_squares(fit) * float(problem.noise.lipschitz(problem.event_dims)) / 2 + penalty
    return float(
        cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-9, tol_gap_abs=1e-9, tol_feas=1e-9)
    )


@every
def test_reaches_the_optimum_of_the_dense_problem(name: str) -> None:
    y = data(name)
    expected = optimum(name, y)
    solution = MODELS[name][0].solve(y, tolerance=1e-8)
    assert solution.algorithm == "ADMM"
    assert solution.converged
    assert abs(float(solution.objective) - expected) <= 2e-8 * expected
    other = minimize(MODELS[name][0].problem, y, FISTA(), tolerance=1e-8, max_iterations=20000)
    torch.testing.assert_close(other.objective, solution.objective, rtol=2e-8, atol=0)


@every
def test_a_batch_is_solved_like_its_items(name: str) -> None:
    """One step of a batch is the step of each item, each with its own penalty; of any number of batch axes."""
    items = torch.stack([data(name, seed=seed) * 3.0**seed for seed in range(4)])
    problem = MODELS[name][0].problem.for_data(items)

    def iterate(y: Tensor) -> tuple[Tensor, ...]:
        algorithm = ADMM()
        state = algorithm.init(problem, y, problem.zeros(y))
        for _ in range(25):
            state = algorithm.step(problem, y, state)
        return algorithm.iterate(problem, y, state).coefficients

    together, alone = iterate(items), [iterate(item) for item in items]
    square = iterate(items.reshape(2, 2, *items.shape[1:]))
    for index, part in enumerate(together):
        torch.testing.assert_close(part, torch.stack([parts[index] for parts in alone]), atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(square[index].flatten(0, 1), part, atol=1e-9, rtol=1e-9)


@every
def test_single_precision(name: str) -> None:
    y = data(name)
    solution = MODELS[name][0].solve(y.float(), tolerance=2e-5)
    assert all(part.dtype == torch.float32 for part in solution.coefficients.values())
    excess = float(MODELS[name][0].objective({k: x.double() for k, x in solution.coefficients.items()}, y)) - optimum(name, y)
    assert excess <= 2.5e-5 * float(solution.objective)


def test_weights_from_which_on_nothing_is_explained() -> None:
    """At lambda_max = |D^* y|_inf the code is zero, just below it is not."""
    dictionary, y = Dictionary(ATOMS, "circular"), data("signal")
    greatest = float(dictionary.onto((20,)).adjoint(y).abs().max())
    for factor, zero in ((1.001, True), (0.98, False)):
        model = Model(code=Component(L1(factor * greatest, event_dims=2), dictionary))
        code = model.solve(y, tolerance=1e-9).coefficients["code"]
        assert bool((code == 0).all()) is zero


def test_zero_data_have_a_zero_code() -> None:
    solution = MODELS["signal"][0].solve(torch.zeros(2, 20))
    assert bool((solution.coefficients["code"] == 0).all())
    assert solution.converged


def test_what_is_chosen() -> None:
    code = L1(0.1, event_dims=2)
    periodic = Model(code=Component(code, Dictionary(ATOMS, "circular"))).problem
    bounded = Model(code=Component(code, Dictionary(ATOMS, "same"))).problem
    smooth = L1(0.1, event_dims=3) @ FiniteDifference((3, 20))
    composed = Model(code=Component(smooth, Dictionary(ATOMS, "circular"))).problem
    found = [type(choose_algorithm(problem.onto((20,)))) for problem in (periodic, bounded, composed)]
    assert found == [ADMM, FISTA, PDHG]


@pytest.mark.parametrize("relaxation", [1.0, 1.5, 1.95])
def test_every_relaxation_converges(relaxation: float) -> None:
    y = data("signal")
    solution = minimize(MODELS["signal"][0].problem, y, ADMM(relaxation=relaxation), tolerance=1e-7)
    assert solution.converged
    assert abs(float(solution.objective) - optimum("signal", y)) <= 2e-7 * float(solution.objective)


@pytest.mark.parametrize("relaxation", [0.9, 2.0])
def test_others_are_refused(relaxation: float) -> None:
    with pytest.raises(ParameterError, match="relaxation"):
        ADMM(relaxation=relaxation)


class Unknown(Prior):
    """A prior that nobody has a proximal map of."""

    has_prox = False

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        return weight * x.abs().sum(-1)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize("algorithm", [ADMM(), FISTA(), PDHG(), None], ids=lambda a: "default" if a is None else a.name)
@pytest.mark.parametrize("composed", [False, True])
def test_a_prior_without_a_proximal_map_is_named(algorithm: ADMM | None, composed: bool) -> None:
    prior = Unknown(0.1) @ Matrix(draw(4, 6)) if composed else Unknown(0.1)
    model = Model(fine=Component(L1(0.1)), strange=Component(prior))
    with pytest.raises(UnsupportedError, match="'strange'"):
        model.solve(draw(6), algorithm=algorithm)


@pytest.mark.parametrize("algorithm", [ADMM(), ADMM(FixedPenalty(1.0)), FISTA()], ids=["automatic", "fixed", "FISTA"])
def test_a_plugged_in_denoiser_has_no_value_but_a_solution(algorithm: ADMM) -> None:
    """Soft thresholding as a denoiser: the solution of the L1 norm, with a residual in place of a gap."""

    def shrink(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.sign(x) * torch.relu(x.abs() - sigma.square())

    y, dictionary = data("signal"), Dictionary(ATOMS, "circular")
    expected = Model(code=Component(L1(0.4, event_dims=2), dictionary)).solve(y, tolerance=1e-11)
    plugged = Model(code=Component(PlugIn(shrink, 0.4, event_dims=2), dictionary)).problem
    found = minimize(plugged, y, algorithm, tolerance=1e-9, max_iterations=20000)
    assert found.converged
    assert found.certificate.kind is CertificateKind.FIXED_POINT_RESIDUAL
    assert bool(torch.isnan(found.objective))
    torch.testing.assert_close(found["code"], expected["code"], atol=1e-4, rtol=1e-4)


# ---------------------------------------------------------------------- gradients through the steps
def unrolled(problem: Problem, y: Tensor, algorithm: ADMM, steps: int) -> Tensor:
    state = algorithm.init(problem, y, problem.zeros(y))
    for _ in range(steps):
        state = algorithm.step(problem, y, state)
    (x,) = algorithm.iterate(problem, y, state).coefficients
    return (x * draw(*x.shape, seed=11)).sum() + x.square().sum()


CODERS = {
    "Fourier": (lambda kernel: Dictionary(kernel, "circular"), (3, 5), (2, 9), 2),
    "Fourier, long atoms": (lambda kernel: Dictionary(kernel, "circular"), (2, 17), (2, 20), 2),
    "Fourier, channels": (lambda kernel: Convolution(kernel, "circular"), (2, 2, 3), (2, 2, 7), 2),
    "conjugate gradients": (Matrix, (5, 7), (2, 5), 1),
}


@pytest.mark.parametrize("name", CODERS)
def test_gradients_through_the_steps(name: str) -> None:
    """With respect to data, kernel, weight and penalty, against differences (gradcheck of a directional kind)."""
    make, size, shape, dims = CODERS[name]
    y = draw(*shape, seed=5).requires_grad_()
    kernel, weight = nn.Parameter(draw(*size, seed=6) / 2), Positive(torch.tensor(0.2, dtype=torch.float64))
    penalty = draw(2, seed=7).exp().requires_grad_()
    problem = Model(code=Component(L1(weight, event_dims=dims), make(kernel)), noise=Gaussian(0.8)).problem.onto(shape[1:])
    tensors = [y, kernel, weight.log_value, penalty]

    def value() -> Tensor:
        return unrolled(problem, y, ADMM(FixedPenalty(penalty)), 4)

    gradients = torch.autograd.grad(value(), tensors)
    for seed, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        direction = draw(*tensor.shape, seed=20 + seed)
        differences = []
        for sign in (1, -1):
            with torch.no_grad():
                tensor.add_(sign * 1e-6 * direction)
                differences.append(float(value()))
                tensor.sub_(sign * 1e-6 * direction)
        expected = (differences[0] - differences[1]) / 2e-6
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-5, abs=1e-7)
        assert abs(expected) > 1e-4


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_gradients_are_finite_where_all_is_zero_and_the_penalty_finds_itself(scale: float) -> None:
    """Norms of zero have no derivative: the search of the penalty must not spoil the gradient."""
    kernel = nn.Parameter(draw(3, 5))
    problem = Model(code=Component(L1(0.5, event_dims=2), Dictionary(kernel, "circular"))).problem.onto((20,))
    y = torch.cat([torch.zeros(1, 20, dtype=torch.float64), scale * draw(2, 20)])
    (gradient,) = torch.autograd.grad(unrolled(problem, y, ADMM(BalancedPenalty()), 8), kernel)
    assert bool(torch.isfinite(gradient).all())
    assert bool((gradient != 0).any()) is (scale == 1.0)


def test_numpy_sees_what_was_solved() -> None:
    """The components are the dictionary times the coefficients."""
    y = data("signal")
    solution = MODELS["signal"][0].solve(y)
    code = solution.coefficients["code"].numpy()
    atoms = np.zeros((3, 20))
    atoms[:, :5] = ATOMS.numpy()
    atoms = np.roll(atoms, -2, axis=1)
    expected = np.fft.ifft((np.fft.fft(atoms) * np.fft.fft(code)).sum(0)).real
    np.testing.assert_allclose(solution["code"].numpy(), expected, atol=1e-12)
