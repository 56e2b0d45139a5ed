"""Singular value thresholding against LAPACK, the precision of the Gram path, and derivatives where formulas divide by zero."""

import pytest
import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.parameters import Positive
from foreknow.priors import LocalNuclearNorm, NuclearNorm, RandomGrid, Rank, RankBall, TensorNuclearNorm, WeightedNuclearNorm
from foreknow.priors.gram import right_singular, singular_values
from foreknow.priors.shrinkage import HARD
from foreknow.priors.singular_value import shrink_singular_values, singular_value_threshold

WIDE_DTYPES = (torch.float64, torch.complex128)


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def orthonormal(rows: int, columns: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.linalg.qr(random(rows, columns, dtype=dtype, seed=seed)).Q


def with_singular_values(rows: int, values: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    left, right = orthonormal(rows, len(values), dtype), orthonormal(len(values), len(values), dtype, seed=1)
    return (left * values) @ right.mH


def lapack_threshold(x: Tensor, level: float) -> Tensor:
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    return (left * (values - level).clamp_min(0).unsqueeze(-2)) @ right


@pytest.mark.parametrize("dtype", WIDE_DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(30, 7), (7, 30), (9, 9), (1, 5), (5, 1), (2, 3, 12, 6)], ids=str)
def test_thresholding_is_that_of_lapack(shape, dtype):
    x = random(*shape, dtype=dtype)
    for level in (0.0, 1e-3, 1.5, 100.0):
        torch.testing.assert_close(singular_value_threshold(x, level), lapack_threshold(x, level), atol=1e-12, rtol=0)
    norms = torch.linalg.svdvals(x).sum(-1)
    torch.testing.assert_close(NuclearNorm(2.0).value(x), 2.0 * norms)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
@pytest.mark.parametrize("rows", [2000, 40_000])
def test_tall_single_precision_matrices_with_tiny_singular_values(rows, dtype):
    """The error is that of rounding the entries, 6e-8 of the largest value: no more than LAPACK has in single precision."""
    values = torch.tensor([1.0, 0.5, 1e-2, 1e-3, 1e-4, 1e-5], dtype=torch.float64)
    exact = with_singular_values(rows, values, torch.complex128 if dtype.is_complex else torch.float64)
    x = exact.to(dtype)
    torch.testing.assert_close(singular_values(x), values, atol=2e-8, rtol=0)
    for level in (1e-6, 3e-4, 0.2):
        expected = lapack_threshold(exact, level)
        error = torch.linalg.matrix_norm(singular_value_threshold(x, level) - expected, ord=2)
        assert float(error) <= 3e-7, level
    assert float(NuclearNorm().value(x)) == pytest.approx(float(values.sum()), abs=2e-7)


def test_gram_matrix_is_summed_in_double_precision():
    """A sum of 40,000 equal squares: single precision would lose the small column behind the large one."""
    x = torch.ones(40_000, 2)
    x[:, 1] += 1e-4 * torch.where(torch.arange(40_000) % 2 == 0, 1.0, -1.0)
    expected = torch.linalg.svdvals(x.double())
    torch.testing.assert_close(singular_values(x), expected, atol=1e-6, rtol=1e-6)
    assert singular_values(x).dtype == torch.float64


def test_double_precision_resolves_what_the_gram_matrix_does_not():
    values = torch.tensor([1.0, 1e-6, 1e-10, 1e-13], dtype=torch.float64)
    x = with_singular_values(50, values)
    torch.testing.assert_close(singular_values(x), torch.linalg.svdvals(x), atol=1e-15, rtol=0)
    torch.testing.assert_close(singular_value_threshold(x, 1e-11), lapack_threshold(x, 1e-11), atol=1e-15, rtol=0)
    found = right_singular(x, lambda s: s > 0)
    torch.testing.assert_close(found.vectors.mH @ found.vectors, torch.eye(4, dtype=torch.float64), atol=1e-13, rtol=0)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_any_magnitude_in_double_precision(scale):
    x = random(12, 5)
    torch.testing.assert_close(
        singular_value_threshold(scale * x, scale * 1.5) / scale, lapack_threshold(x, 1.5), atol=1e-12, rtol=0
    )


# ----------------------------------------------------------------------------------------------------------------- derivatives
DEGENERATE = {
    "repeated": [2.0, 2.0, 2.0, 0.3],
    "repeated below": [2.0, 0.3, 0.3, 0.3],
    "zero": [2.0, 1.5, 0.0, 0.0],
    "repeated and zero": [2.0, 2.0, 0.0, 0.0],
    "all zero": [0.0, 0.0, 0.0, 0.0],
    "nearly repeated": [2.0, 2.0 - 1e-13, 1.0, 1.0 + 1e-9],
}


@pytest.mark.parametrize("dtype", WIDE_DTYPES, ids=str)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("values", DEGENERATE.values(), ids=DEGENERATE)
def test_derivative_of_thresholding_at_repeated_and_zero_values(values, wide, dtype):
    """SVT is differentiable wherever no singular value is at the threshold; U and V are not."""
    x = with_singular_values(6, torch.tensor(values, dtype=torch.float64), dtype)
    x = (x.mT if wide else x).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: singular_value_threshold(t, 0.7), x, atol=1e-6)
    level = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: singular_value_threshold(x.detach(), t), level, atol=1e-6)


def test_derivative_of_thresholding_is_bounded_and_finite_in_single_precision():
    """Its multipliers lie in [0, 1]: the gradient is never longer than what comes in."""
    for values in DEGENERATE.values():
        x = with_singular_values(300, torch.tensor(values, dtype=torch.float64)).float().requires_grad_()
        incoming = random(300, 4, seed=2).float()
        (gradient,) = torch.autograd.grad(singular_value_threshold(x, 0.7), x, incoming)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.norm()) <= (1 + 1e-4) * float(incoming.norm())


SECOND = {
    "distinct": [2.0, 1.2, 0.9, 0.3],
    "repeated": [2.0, 2.0, 2.0, 0.3],
    "repeated below": [2.0, 1.3, 0.3, 0.3],
    "zero": [2.0, 2.0, 0.0, 0.0],
    "nearly repeated": [2.0, 2.0 - 1e-13, 1.0, 1.0 + 1e-9],
    "all below": [0.3, 0.2, 0.1, 0.0],
}


@pytest.mark.parametrize("dtype", WIDE_DTYPES, ids=str)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("values", SECOND.values(), ids=SECOND)
def test_second_derivative_of_thresholding_at_repeated_and_zero_values(values, wide, dtype):
    """Of matrix and level, wherever no singular value is at the threshold."""
    x = with_singular_values(5, torch.tensor(values, dtype=torch.float64), dtype)
    x = (x.mT if wide else x).clone().requires_grad_()
    level = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(singular_value_threshold, (x, level), atol=1e-6)


@pytest.mark.parametrize("levels", [0.7, [0.7, 1.1]], ids=["one", "one a matrix"])
def test_second_derivative_of_thresholding_a_batch(levels):
    x = with_singular_values(4, torch.tensor([2.0, 1.3, 0.3], dtype=torch.float64))
    x = torch.stack([x, 2.0 * x.flip(0)]).requires_grad_()
    level = torch.tensor(levels, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(singular_value_threshold, (x, level), atol=1e-6)


def test_second_derivative_of_hard_thresholding_is_refused():
    x = random(6, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(shrink_singular_values(x, 1.0, HARD).square().sum(), x, create_graph=True)
    with pytest.raises(UnsupportedError, match="differentiate once"):
        gradient.square().sum().backward()


def test_a_threshold_of_zero_is_the_identity_for_derivatives_too():
    x = with_singular_values(6, torch.tensor([2.0, 1.0, 0.0, 0.0], dtype=torch.float64)).requires_grad_()
    incoming = random(6, 4, seed=3)
    (gradient,) = torch.autograd.grad(singular_value_threshold(x, 0.0), x, incoming)
    torch.testing.assert_close(gradient, incoming)


DEGENERATE_DATA = {
    "all singular values equal": lambda x: torch.linalg.qr(x).Q,
    "exact low rank": lambda x: x[:, :5] @ x[:5, :5] @ x[:30, :5].mT,
    "zero columns": lambda x: torch.cat([x[:, :3], torch.zeros_like(x[:, 3:])], dim=1),
    "constant frames": lambda x: x[:, :1].expand_as(x).contiguous(),
    "zero matrix": torch.zeros_like,
    "scale 1e-20": lambda x: 1e-20 * x,
    "scale 1e+20": lambda x: 1e20 * x,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64], ids=str)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("make", DEGENERATE_DATA.values(), ids=DEGENERATE_DATA)
def test_gradient_of_the_norm_of_degenerate_data_is_the_shortest_subgradient(make, wide, dtype):
    """U V^H of the directions that are alive, as a decomposition in double precision knows them."""
    double = torch.complex128 if dtype.is_complex else torch.float64
    x = make(random(400, 30, dtype=double)).to(dtype)
    x = (x.mT if wide else x).clone().requires_grad_()
    value = NuclearNorm().value(x)
    (gradient,) = torch.autograd.grad(value, x)
    assert bool(torch.isfinite(gradient).all())
    left, values, right = torch.linalg.svd(x.detach().to(double), full_matrices=False)
    alive = values > 1e-5 * values[0]
    torch.testing.assert_close(gradient.to(double), left[:, alive] @ right[alive], atol=2e-7, rtol=0)
    assert float(torch.linalg.matrix_norm(gradient.to(double), 2)) <= 1 + 1e-6
    assert float(value.detach()) == pytest.approx(float(values.sum()), rel=1e-6)


def test_gradient_of_the_norm_is_the_polar_factor_without_dead_directions():
    values = torch.tensor([3.0, 3.0, 1e-3, 0.0], dtype=torch.float64)
    left, right = orthonormal(9, 4), orthonormal(4, 4, seed=1)
    x = ((left * values) @ right.mT).requires_grad_()
    (gradient,) = torch.autograd.grad(NuclearNorm(2.0).value(x), x)
    # the Gram matrix squares the condition: eps (3 / 1e-3)^2 = 2e-9
    torch.testing.assert_close(gradient, 2.0 * left[:, :3] @ right[:, :3].mT, atol=1e-8, rtol=0)
    zeros = torch.zeros(5, 3, requires_grad=True)
    (nothing,) = torch.autograd.grad(NuclearNorm().value(zeros), zeros)
    assert not bool(nothing.any())


def test_second_derivative_of_the_norm():
    x = random(5, 3).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda t: NuclearNorm().value(t), x, atol=1e-6)


def test_hard_thresholding_at_repeated_values():
    x = with_singular_values(6, torch.tensor([2.0, 2.0, 0.5, 0.5], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: shrink_singular_values(t, 1.0, HARD), x, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ the other kinds
def test_rank_penalty_keeps_values_above_the_square_root_of_twice_its_weight():
    x = with_singular_values(8, torch.tensor([3.0, 1.1, 0.9, 0.1], dtype=torch.float64))
    p = Rank(0.5).prox(x)
    torch.testing.assert_close(singular_values(p), torch.tensor([3.0, 1.1, 0.0, 0.0], dtype=torch.float64), atol=1e-7, rtol=0)
    assert float(Rank(0.5).value(p)) == 1.0


def test_rank_ball_is_the_truncated_decomposition():
    x = random(3, 7, 5)
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    expected = (left[..., :2] * values[..., None, :2]) @ right[..., :2, :]
    torch.testing.assert_close(RankBall(2).prox(x), expected, atol=1e-12, rtol=0)
    assert not bool(RankBall(0).prox(x).any())
    torch.testing.assert_close(RankBall(5).prox(x), x, atol=1e-12, rtol=0)


def test_weighted_norm_shrinks_each_value_by_its_own_weight():
    x = with_singular_values(6, torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64))
    prior = WeightedNuclearNorm([0.0, 0.5, 2.0])
    expected = torch.tensor([3.0, 1.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(singular_values(prior.prox(x)), expected, atol=1e-12, rtol=0)
    assert float(prior.value(x)) == pytest.approx(0.5 * 2.0 + 2.0 * 1.0)
    assert not prior.convex
    with pytest.raises(ParameterError, match="do not fall"):
        WeightedNuclearNorm([1.0, 0.5, 0.2])
    with pytest.raises(ParameterError, match="do not fit"):
        prior.value(random(6, 2))


def test_one_patch_is_the_plain_norm_and_patches_do_not_mix():
    film = random(4, 6, 6)
    torch.testing.assert_close(LocalNuclearNorm((6, 6), 0.3).prox(film), NuclearNorm(0.3, event_dims=3).prox(film))
    changed = film.clone()
    changed[:, :3, :3] += 1.0
    prior = LocalNuclearNorm((3, 3), 0.3)
    moved = (prior.prox(changed) - prior.prox(film)).abs().amax(0)
    assert bool((moved[:3, :3] > 0).all())
    assert float(moved[3:].max()) == float(moved[:3, 3:].max()) == 0.0


def test_random_grids_move_and_repeat_by_seed():
    film = random(4, 6, 6)
    first, second = (LocalNuclearNorm((3, 3), 0.3, grid=RandomGrid(seed=5)) for _ in range(2))
    ones, others = ([prior.prox(film) for _ in range(4)] for prior in (first, second))
    assert all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))
    assert not all(torch.equal(ones[0], one) for one in ones)


def test_tensor_norm_is_that_of_the_block_circulant_matrix():
    """|X|_TNN = |bcirc(X)|_* / n_3 (Lu et al. 2020), without any Fourier transform."""
    x = random(3, 2, 4)
    circulant = torch.cat([torch.cat([x[..., (i - j) % 4] for j in range(4)], dim=1) for i in range(4)], dim=0)
    expected = torch.linalg.svdvals(circulant).sum() / 4
    torch.testing.assert_close(TensorNuclearNorm().value(x), expected)


# --------------------------------------------------------------------------------------------------------------------- refusals
def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="2 or more axes"):
        NuclearNorm(event_dims=1)
    with pytest.raises(ShapeError, match="matrices"):
        singular_value_threshold(torch.zeros(3), 1.0)
    with pytest.raises(ShapeError, match="level"):
        singular_value_threshold(torch.zeros(2, 3, 4), torch.zeros(2, 7))
    with pytest.raises(DataError, match="NaN"):
        NuclearNorm().prox(torch.full((3, 2), float("nan")))


def test_a_weight_a_matrix_and_a_learned_one():
    x = random(2, 6, 4)
    weights = torch.tensor([0.5, 2.0], dtype=torch.float64).reshape(2, 1, 1)
    together = NuclearNorm(weights).prox(x)
    torch.testing.assert_close(together, torch.stack([lapack_threshold(x[0], 0.5), lapack_threshold(x[1], 2.0)]))
    prior = NuclearNorm(Positive(0.5))
    prior.prox(x).square().sum().backward()
    assert float(prior.weight_parameter.log_value.grad) < 0  # more weight, less signal
