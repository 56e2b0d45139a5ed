"""Total generalised variation against an independent solver, signals whose solution is known, and its own discretisation."""

import itertools

import cvxpy
import numpy as np
import pytest
import torch
from torch import Tensor

import foreknow.priors.total_generalized_variation_operator as operator_module
from foreknow.errors import DataError, ParameterError, UnsupportedError
from foreknow.parameters import Positive
from foreknow.priors import Accuracy, InexactProxWarning, TotalGeneralizedVariation, TotalVariation, TotalVariation1D
from foreknow.priors.total_generalized_variation_operator import StaggeredGrid, inverse_sine_transform, sine_transform

EXACT = Accuracy(tolerance=1e-10, max_iterations=50_000, check_every=25)
SHAPES = [(7,), (5, 6), (3, 4, 5), (1, 6), (2, 1, 3), (2, 2)]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ramps(size: int) -> Tensor:
    """An image of two slopes, with an edge around a disc: values from about 0 to 1.5."""
    row, column = torch.meshgrid(*2 * [torch.linspace(0, 1, size, dtype=torch.float64)], indexing="ij")
    disc = (row - 0.5) ** 2 + (column - 0.5) ** 2 < 0.09
    return row + 0.5 * column + disc * (1 - 1.5 * row)


def grid(*shape: int) -> StaggeredGrid:
    return StaggeredGrid(shape, torch.zeros((), dtype=torch.float64))


def independent(x: "cvxpy.Expression", shape: tuple[int, ...], ratio: float) -> "cvxpy.Expression":
    """The definition, sample by sample, with second slopes v as further variables."""
    dims = len(shape)
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    v = {(axis, place): cvxpy.Variable() for axis in range(dims) for place in np.ndindex(*shape) if place[axis] + 1 < shape[axis]}

    def move(place: tuple[int, ...], axis: int, by: int) -> tuple[int, ...]:
        return tuple(index + by * (number == axis) for number, index in enumerate(place))

    terms = []
    for place in np.ndindex(*shape):
        axes = [axis for axis in range(dims) if (axis, place) in v]
        steps = [x[int(numbers[move(place, axis, 1)])] - x[int(numbers[place])] - v[axis, place] for axis in axes]
        bends = [v[axis, place] - v[axis, move(place, axis, -1)] for axis in axes if (axis, move(place, axis, -1)) in v]
        for i, j in itertools.combinations(axes, 2):
            shear = (v[i, move(place, j, 1)] - v[i, place] + v[j, move(place, i, 1)] - v[j, place]) / 2
            bends += [shear, shear]  # E is symmetric: two entries of one matrix
        terms += [cvxpy.norm(cvxpy.hstack(steps), 2)] if steps else []
        terms += [ratio * cvxpy.norm(cvxpy.hstack(bends), 2)] if bends else []
    return cvxpy.sum(cvxpy.hstack(terms))


def solve(task: "cvxpy.Problem") -> float:
    return float(task.solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-9, tol_gap_abs=1e-9, tol_feas=1e-9))


# -------------------------------------------------------------------------------------------------------------- the discretisation
@pytest.mark.parametrize("shape", SHAPES)
def test_adjoints_are_transposes(shape):
    parts = grid(*shape)
    x, v = random(3, *shape), random(3, len(shape), *shape, seed=1) * parts.has_slope
    q = random(3, *parts.bend(v).shape[1:], seed=2)
    torch.testing.assert_close((parts.slope(x) * v).sum(), (x * parts.slope_adjoint(v)).sum(), atol=1e-12, rtol=0)
    torch.testing.assert_close((parts.bend(v) * q).sum(), (v * parts.bend_adjoint(q)).sum(), atol=1e-12, rtol=0)
    torch.testing.assert_close(parts.slope(x) * parts.has_slope, parts.slope(x))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_preconditioner_is_at_least_the_matrix_it_stands_for_and_equal_inside(shape):
    """T >= M makes ADMM converge; T is not much larger, and differs only at the ends of each axis."""
    parts, identity, bending = grid(*shape), torch.full((1,) * len(shape), 0.3, dtype=torch.float64), 8.0
    slopes = parts.has_slope.flatten() > 0
    size = slopes.numel() // len(shape)
    keep = torch.cat([torch.ones(size, dtype=torch.bool), slopes])
    basis = torch.eye(size * (1 + len(shape)), dtype=torch.float64)[keep]
    x, v = basis[:, :size].reshape(-1, *shape), basis[:, size:].reshape(-1, len(shape), *shape)
    step = parts.slope(x) - v
    exact = (
        0.3 * x + parts.slope_adjoint(step),
        bending * parts.bend_adjoint(parts.bend(v)) - step * parts.has_slope,
    )
    matrix = torch.cat([part.reshape(len(basis), -1) for part in exact], -1)[:, keep]
    solved = parts.precondition(x, v, identity, bending)
    preconditioner = torch.linalg.inv(torch.cat([part.reshape(len(basis), -1) for part in solved], -1)[:, keep])
    torch.testing.assert_close(preconditioner, preconditioner.mT, atol=1e-9, rtol=0)
    excess = torch.linalg.eigvalsh(preconditioner - matrix)
    assert float(excess.min()) >= -1e-9
    largest = torch.linalg.eigvalsh(parts_gram(parts, v[size:]))
    assert float(largest.max()) <= parts.bend_norm_bound() + 1e-9
    if len(shape) == 1:
        assert int((excess > 1e-9).sum()) <= 2  # the two ends


def parts_gram(parts: StaggeredGrid, v: Tensor) -> Tensor:
    image = parts.bend(v).flatten(1)
    return image @ image.mT


def test_long_axes_use_fast_transforms_of_the_same_values(monkeypatch):
    x, v = random(2, 6, 9), random(2, 2, 6, 9, seed=1)
    identity = torch.full((2, 1, 1), 0.3, dtype=torch.float64)
    dense = grid(6, 9).precondition(x, v, identity, 2.0)
    monkeypatch.setattr(operator_module, "_DENSE", 0)
    for fast, slow in zip(grid(6, 9).precondition(x, v, identity, 2.0), dense, strict=True):
        torch.testing.assert_close(fast, slow, atol=1e-13, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_the_sine_transform_is_orthonormal(size):
    matrix = sine_transform(torch.eye(size, dtype=torch.float64))
    expected = torch.diag((torch.arange(size) < size - 1).double())  # the last sample is no slope
    torch.testing.assert_close(matrix @ matrix.mT, expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(inverse_sine_transform(torch.eye(size, dtype=torch.float64)), matrix.mT, atol=1e-14, rtol=0)


# -------------------------------------------------------------------------------------------------------------------- known values
@pytest.mark.parametrize("shape", SHAPES)
def test_affine_events_are_free_and_stay(shape):
    axes = torch.meshgrid(*(torch.arange(size, dtype=torch.float64) for size in shape), indexing="ij")
    x = 3.0 + sum((index + 0.7) * axis for index, axis in enumerate(axes))
    prior = TotalGeneralizedVariation(2.0, event_dims=len(shape))
    size = float(TotalVariation(2.0, event_dims=len(shape)).value(x))
    assert 0 <= float(prior.value(x)) <= 1e-11 * (1 + size)
    torch.testing.assert_close(prior.prox(x, 5.0), x, atol=1e-7, rtol=0)


@pytest.mark.parametrize(("shape", "ratio"), [((9,), 0.3), ((6, 7), 2.0), ((3, 4, 3), 2.0)])
def test_the_value_is_between_0_and_the_total_variation_and_ignores_affine_parts(shape, ratio):
    x = random(2, *shape)
    prior = TotalGeneralizedVariation(0.7, ratio, event_dims=len(shape), accuracy=EXACT)
    value = prior.value(x)
    assert bool((value > 0).all())
    assert bool((value <= TotalVariation(0.7, event_dims=len(shape)).value(x) * (1 + 1e-10)).all())
    ramp = torch.arange(shape[-1], dtype=torch.float64).expand(shape)
    torch.testing.assert_close(prior.value(x + 0.4 * ramp - 7.0), value, atol=1e-8, rtol=0)


def test_a_large_ratio_leaves_the_total_variation_around_the_best_ramp_and_a_small_one_the_bends():
    """In one dimension: ratio -> infinity is min over a slope c of TV(x - c t); ratio <= 1 / 2 is ratio TV(D x), a kink a time."""
    x = random(12)
    time = torch.arange(12, dtype=torch.float64)
    slope = x.diff().median()
    stiff = TotalGeneralizedVariation(1.0, 1e4, event_dims=1, accuracy=EXACT).value(x)
    torch.testing.assert_close(stiff, TotalVariation1D().value(x - slope * time), atol=1e-6, rtol=0)
    loose = TotalGeneralizedVariation(1.0, 0.4, event_dims=1, accuracy=EXACT).value(x)
    torch.testing.assert_close(loose, 0.4 * x.diff().diff().abs().sum(), atol=1e-7, rtol=0)


def test_a_step_costs_its_height_and_a_kink_its_change_of_slope():
    time = torch.arange(40, dtype=torch.float64)
    prior = TotalGeneralizedVariation(1.0, 2.0, event_dims=1, accuracy=EXACT)
    assert float(prior.value(3.0 * (time >= 20) + 0.1 * time)) == pytest.approx(3.0, abs=1e-7)
    assert float(prior.value(0.3 * (time - 20).clamp_min(0))) == pytest.approx(2 * 0.3, abs=1e-7)


# ------------------------------------------------------------------------------------------------------------ an independent solver
@pytest.mark.parametrize(("shape", "ratio"), [((9,), 2.0), ((5, 4), 2.0), ((4, 5), 0.6), ((2, 3, 3), 1.5)])
def test_value_and_prox_agree_with_an_interior_point_method(shape, ratio):
    y = random(*shape)
    prior = TotalGeneralizedVariation(0.3, ratio, event_dims=len(shape), accuracy=EXACT)
    fixed = solve(cvxpy.Problem(cvxpy.Minimize(0.3 * independent(y.flatten().numpy(), shape, ratio))))
    assert float(prior.value(y)) == pytest.approx(fixed, rel=1e-7)
    x = cvxpy.Variable(y.numel())
    fit = cvxpy.sum_squares(x - y.flatten().numpy()) / 2
    best = solve(cvxpy.Problem(cvxpy.Minimize(fit + 0.3 * independent(x, shape, ratio))))
    point, state = prior.prox_from(y)
    torch.testing.assert_close(point.flatten(), torch.from_numpy(x.value), atol=1e-4, rtol=0)
    assert float(state.objective) == pytest.approx(best, rel=1e-7)
    assert float(state.objective - state.gap) <= best * (1 + 1e-8) <= float(state.objective) * (1 + 2e-8)


def test_the_gap_is_never_optimistic():
    """However early it stops, the exact point is within sqrt(2 gap), and value and objective are not too low."""
    y = ramps(8) + 0.1 * random(8, 8)
    prior = TotalGeneralizedVariation(0.1, accuracy=EXACT)
    exact, solved = prior.prox_from(y)
    value = float(prior.value(y))
    for limit in (1, 5, 25, 100):
        hasty = TotalGeneralizedVariation(0.1, accuracy=Accuracy(tolerance=1e-12, max_iterations=limit, check_every=limit))
        with pytest.warns(InexactProxWarning, match="relative duality gap"):
            point, state = hasty.prox_from(y)
        assert float((point - exact).square().sum()) <= 2 * float(state.gap) + 1e-9
        assert float(state.objective - state.gap) <= float(solved.objective) <= float(state.objective) * (1 + 1e-9)
        with pytest.warns(InexactProxWarning, match="total generalised variation"):
            assert float(hasty.value(y)) >= value * (1 - 1e-9)


# --------------------------------------------------------------------------------------------------------------------- in practice
def test_a_noisy_ramp_is_restored_better_than_by_total_variation():
    """Each prior at its best of many weights; total variation makes stairs of the slopes."""
    clean = ramps(32)
    noisy = clean + 0.1 * random(32, 32)

    def error(point: Tensor) -> float:
        return float((point - clean).square().mean().sqrt())

    weights = (0.04, 0.06, 0.08, 0.12, 0.16)
    plain = min(error(TotalVariation(weight).prox(noisy)) for weight in weights)
    generalised = min(error(TotalGeneralizedVariation(weight).prox(noisy)) for weight in weights)
    assert generalised < 0.85 * plain


def test_a_warm_start_saves_work():
    y = ramps(24) + 0.1 * random(24, 24)
    prior = TotalGeneralizedVariation(0.1)
    _, state = prior.prox_from(y)
    moved = y + 1e-4 * random(24, 24, seed=1)
    point, warm = prior.prox_from(moved, state=state)
    assert warm.iterations < state.iterations / 2
    torch.testing.assert_close(point, prior.prox(moved), atol=2e-2, rtol=0)
    same, little = prior.prox_from(y, state=state)
    assert little.iterations < state.iterations / 2
    torch.testing.assert_close(same, state.x, atol=2e-2, rtol=0)


@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 3)])
def test_a_batch_with_a_weight_each_is_a_loop_in_both_precisions(shape):
    x = random(3, *shape) * torch.tensor([1.0, 20.0, 0.1], dtype=torch.float64).reshape(3, *(1 for _ in shape))
    weights, accuracy = torch.tensor([0.2, 3.0, 0.05], dtype=torch.float64), Accuracy(tolerance=1e-8, check_every=25)

    def prior(weight: float | Tensor) -> TotalGeneralizedVariation:
        return TotalGeneralizedVariation(weight, event_dims=len(shape), accuracy=accuracy)

    together = prior(weights.reshape(3, *(1 for _ in shape)))
    for index, (item, weight) in enumerate(zip(x, weights, strict=True)):
        alone = prior(float(weight))
        unit = float(item.abs().max())
        torch.testing.assert_close(together.prox(x)[index], alone.prox(item), atol=1e-3 * unit, rtol=0)
        torch.testing.assert_close(together.value(x)[index], alone.value(item), atol=0, rtol=2e-8)
        torch.testing.assert_close(together.envelope(x)[index], alone.envelope(item), atol=0, rtol=1e-7)
    single = together.prox(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), together.prox(x), atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(together.value(x.float()).double(), together.value(x), atol=0, rtol=1e-5)


def test_the_mean_and_the_slope_are_kept_far_from_zero():
    y = random(2, 8, 7) + 1e5
    point = TotalGeneralizedVariation(0.3, accuracy=EXACT).prox(y)
    torch.testing.assert_close(point.mean((-2, -1)), y.mean((-2, -1)), atol=1e-5, rtol=0)
    plane = TotalGeneralizedVariation(200.0, accuracy=EXACT).prox(y)
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(7.0), indexing="ij")
    design = torch.stack([torch.ones(56), row.flatten(), column.flatten()], -1).double()
    fit = design @ torch.linalg.lstsq(design, y.flatten(1).mT).solution
    torch.testing.assert_close(plane.flatten(1), fit.mT, atol=1e-3, rtol=0)


def test_derivatives_on_an_image_are_right_in_a_random_direction():
    y = (ramps(12) + 0.1 * random(12, 12)).requires_grad_()
    prior = TotalGeneralizedVariation(Positive(0.1), accuracy=Accuracy(tolerance=1e-13, max_iterations=100_000, check_every=50))
    cotangent, direction = random(12, 12, seed=1), random(12, 12, seed=2)
    gradient, of_weight = torch.autograd.grad((prior.prox(y) * cotangent).sum(), [y, *prior.parameters()])
    with torch.no_grad():
        step = 1e-5
        change = (prior.prox(y + step * direction) - prior.prox(y - step * direction)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(float((change * cotangent).sum()), rel=2e-3, abs=1e-4)
        longer, shorter = (prior.prox(y, 1 + sign * step) for sign in (1, -1))
        slope = float((((longer - shorter) / (2 * step)) * cotangent).sum())
    assert float(of_weight) == pytest.approx(slope, rel=2e-3, abs=1e-4)  # Positive holds log w, and d / d log w is d / d step at 1


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="ratio"):
        TotalGeneralizedVariation(ratio=0.0)
    with pytest.raises(UnsupportedError, match="real tensors"):
        TotalGeneralizedVariation().prox(torch.zeros(3, 3, dtype=torch.complex128))
    with pytest.raises(DataError, match="NaN"):
        TotalGeneralizedVariation().prox(torch.full((3, 3), float("nan")))
    with pytest.raises(UnsupportedError, match="conjugate"):
        TotalGeneralizedVariation().conjugate(torch.zeros(3, 3))
