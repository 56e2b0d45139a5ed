"""The least-squares step of ADMM against the normal equations of a dense matrix."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Model
from foreknow.operators import (
    DCT,
    Convolution,
    Dictionary,
    FFTConvolution,
    FiniteDifference,
    Identity,
    Matrix,
    Wavelet,
)
from foreknow.problem import Problem
from foreknow.solve.least_squares import ConjugateGradients, FourierLeastSquares, TightFrameLeastSquares, least_squares
from foreknow.solve.splitting import image


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def problem(shape: tuple[int, ...], *components: Component) -> Problem:
    return Model(**{f"part{i}": component for i, component in enumerate(components)}).problem.onto(shape)


L = L1(0.1)
FOURIER = {
    "one channel": problem((5, 6), Component(L1(0.1, event_dims=3), Dictionary(draw(4, 3, 2), "circular"))),
    "one axis": problem((9,), Component(L1(0.1, event_dims=2), Dictionary(draw(3, 4), "circular", origin=0))),
    "two channels": problem((2, 7), Component(L1(0.1, event_dims=2), Convolution(draw(2, 3, 3), "circular"))),
    "three channels, more than codes": problem((3, 8), Component(L1(0.1, event_dims=2), Convolution(draw(3, 2, 5), "circular"))),
    "three axes": problem((3, 4, 2), Component(L1(0.1, event_dims=4), Dictionary(draw(2, 2, 2, 2), "circular"))),
    "two components": problem(
        (7,),
        Component(L1(0.1, event_dims=2), Dictionary(draw(2, 3), "circular")),
        Component(L, 0.5 * FFTConvolution(draw(3, seed=1))),
        Component(L),
    ),
    "channels and their identity": problem(
        (2, 6),
        Component(L1(0.1, event_dims=2), Convolution(draw(2, 2, 3), "circular")),
        Component(L1(0.1, event_dims=2)),
    ),
}
TIGHT = {
    "transform": problem((8,), Component(L, DCT(8).T)),
    "two frames": problem((8,), Component(L, DCT(8).T), Component(L, Wavelet("db2", 1, 8).T)),
}
OTHER = {
    "matrix": problem((6,), Component(L, Matrix(draw(6, 9)))),
    "composed prior": problem((6,), Component(L1(0.1, event_dims=2) @ FiniteDifference((6,)), Matrix(draw(6, 6)))),
    "two parts": problem((6,), Component(L & (L1(0.2, event_dims=2) @ FiniteDifference((6,))), Matrix(draw(6, 6)))),
}


def dense(of: Problem, *, blocks: bool) -> Tensor:
    """The matrix of A, or of the stacked M, on real vectors."""
    like = of.zeros(torch.zeros(of.shape or (), dtype=torch.float64))
    sizes = [part.numel() for part in like]
    basis = torch.eye(sum(sizes), dtype=torch.float64).split(sizes, dim=1)
    x = tuple(columns.reshape(-1, *part.shape) for columns, part in zip(basis, like, strict=True))
    out = image(of, x, data=False) if blocks else (of.synthesize(x),)
    return torch.cat([part.flatten(1) for part in out], dim=1).mT


def check(of: Problem, kind: type, tolerance: float) -> None:
    batch = 3
    y = draw(batch, *(of.shape or ()), seed=5)
    zeros = of.zeros(y)
    target = image(of, tuple(draw(*part.shape, seed=6) for part in zeros), data=False)
    alpha = torch.tensor([0.01, 1.0, 300.0], dtype=torch.float64)
    solver = least_squares(of, y)
    assert type(solver) is kind
    if isinstance(solver, ConjugateGradients):
        solver = ConjugateGradients(60)
    found = torch.cat([part.flatten(1) for part in solver(of, target, y, alpha, zeros)], dim=1)
    a, m = dense(of, blocks=False), dense(of, blocks=True)
    flat = torch.cat([part.flatten(1) for part in target], dim=1)
    for item in range(batch):
        right = alpha[item] * a.mT @ y[item].flatten() + m.mT @ flat[item]
        expected = torch.linalg.solve(alpha[item] * a.mT @ a + m.mT @ m, right)
        torch.testing.assert_close(found[item], expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", FOURIER)
def test_periodic_convolutions_are_solved_exactly(name: str) -> None:
    check(FOURIER[name], FourierLeastSquares, 1e-10)


@pytest.mark.parametrize("name", TIGHT)
def test_tight_frames_are_solved_exactly(name: str) -> None:
    check(TIGHT[name], TightFrameLeastSquares, 1e-10)


@pytest.mark.parametrize("name", OTHER)
def test_conjugate_gradients_solve_the_others(name: str) -> None:
    check(OTHER[name], ConjugateGradients, 1e-8)


def test_a_convolution_with_zeros_at_the_ends_is_not_taken_for_a_periodic_one() -> None:
    of = problem((9,), Component(L1(0.1, event_dims=2), Dictionary(draw(3, 4), "same")))
    assert isinstance(least_squares(of, draw(9)), ConjugateGradients)


def test_complex_data() -> None:
    of = problem((8,), Component(L, FFTConvolution(draw(3, dtype=torch.complex128))))
    y, target = draw(2, 8, dtype=torch.complex128), draw(2, 8, seed=1, dtype=torch.complex128)
    alpha = torch.tensor([0.3, 4.0], dtype=torch.float64)
    (found,) = least_squares(of, y)(of, (target,), y, alpha, of.zeros(y))
    a = of.synthesize((torch.eye(8, dtype=torch.complex128),)).mT
    for item in range(2):
        gram = alpha[item] * a.mH @ a + torch.eye(8)
        expected = torch.linalg.solve(gram, alpha[item] * a.mH @ y[item] + target[item])
        torch.testing.assert_close(found[item], expected, atol=1e-11, rtol=1e-11)


def test_the_last_coefficients_do_not_matter_where_the_step_is_exact() -> None:
    of = FOURIER["two channels"]
    y = draw(2, 7)
    target = (draw(3, 7, seed=1),)
    alpha = torch.tensor(2.0, dtype=torch.float64)
    solver = least_squares(of, y)
    first = solver(of, target, y, alpha, of.zeros(y))
    torch.testing.assert_close(solver(of, target, y, alpha, (draw(3, 7, seed=2),)), first, atol=0, rtol=0)


def test_the_identity_weighs_data_and_target() -> None:
    """(1 + alpha) x = t + alpha y."""
    of = problem((5,), Component(L, Identity(5)))
    y, target = draw(5), draw(5, seed=1)
    (x,) = least_squares(of, y)(of, (target,), y, torch.tensor(3.0, dtype=torch.float64), of.zeros(y))
    torch.testing.assert_close(x, (target + 3 * y) / 4)
