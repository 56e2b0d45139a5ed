"""Total variation against optimality conditions, an independent solver and signals whose solution is known."""

import cvxpy
import pytest
import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.priors import Accuracy, AnisotropicTotalVariation, InexactProxWarning, TotalVariation, TotalVariation1D
from foreknow.priors.stretches import total_variation_prox_1d

EXACT = Accuracy(tolerance=1e-12, max_iterations=50_000)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def require_optimal(x: Tensor, y: Tensor, threshold: float, slack: float = 1e-10) -> None:
    """x = y - D^* q with |q| <= t, and q = t sign(D x) where x steps: necessary and sufficient."""
    q = (x - y).cumsum(-1)
    assert float(q[..., -1].abs().max()) <= slack
    steps = x.diff(dim=-1)
    assert float(q.abs().max()) <= threshold + slack
    jumps = steps.abs() > 1e-9
    assert bool(((q[..., :-1] - threshold * steps.sign()).abs() <= slack)[jumps].all())


# ---------------------------------------------------------------------------------------------------------------- along one axis
@pytest.mark.parametrize("size", [2, 3, 7, 64, 1000])
@pytest.mark.parametrize("threshold", [1e-3, 0.3, 2.0, 100.0])
def test_optimality_conditions(size, threshold):
    y = random(20, size) + random(20, 1, seed=1) * torch.linspace(-2, 2, size, dtype=torch.float64).round()
    require_optimal(total_variation_prox_1d(y, threshold), y, threshold)


def test_optimality_conditions_of_ties():
    """Integers make equal samples, means at data values and edges exactly at the threshold."""
    y = torch.randint(-2, 3, (500, 12), generator=torch.Generator().manual_seed(0)).double()
    for threshold in (0.5, 1.0, 2.0):
        require_optimal(total_variation_prox_1d(y, threshold), y, threshold)


def test_the_independent_solver_agrees():
    y = random(60).cumsum(-1)
    x = cvxpy.Variable(60)
    task = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(x - y.numpy()) / 2 + 1.3 * cvxpy.norm1(cvxpy.diff(x))))
    task.solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-12, tol_gap_abs=1e-12, tol_feas=1e-12)
    torch.testing.assert_close(TotalVariation1D(1.3).prox(y), torch.from_numpy(x.value), atol=1e-6, rtol=0)


def test_two_levels_move_towards_each_other():
    """Each level moves by threshold / length, until both meet at the mean."""
    y = tensor(0, 0, 0, 0, 3, 3)
    torch.testing.assert_close(TotalVariation1D(1.0).prox(y), tensor(0.25, 0.25, 0.25, 0.25, 2.5, 2.5))
    torch.testing.assert_close(TotalVariation1D(4.0).prox(y), torch.full((6,), 1.0, dtype=torch.float64))
    torch.testing.assert_close(TotalVariation1D(4.0 - 1e-6).prox(y)[[0, 5]], tensor(1 - 2.5e-7, 1 + 5e-7))


@pytest.mark.parametrize("size", [1, 2, 50])
def test_constants_and_single_samples_stay(size):
    y = torch.full((3, size), 1.7, dtype=torch.float64)
    prior = TotalVariation1D(2.0)
    torch.testing.assert_close(prior.prox(y), y)
    assert not bool(prior.value(y).any())
    assert not bool(prior.subgradient(y).any())


def test_rows_do_not_touch():
    """A row is treated alike whatever stands before and after it, and with one threshold a row."""
    y = random(40, 33)
    thresholds = torch.rand(40, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 3
    together = total_variation_prox_1d(y, thresholds)
    apart = torch.stack([total_variation_prox_1d(row, level) for row, level in zip(y, thresholds, strict=True)])
    torch.testing.assert_close(together, apart, atol=1e-14, rtol=0)
    swapped = total_variation_prox_1d(y.flip(0), thresholds.flip(0)).flip(0)
    torch.testing.assert_close(swapped, together, atol=1e-14, rtol=0)
    mixed = y.clone()
    mixed[20] = 1e6 * random(33, seed=9)
    torch.testing.assert_close(total_variation_prox_1d(mixed, thresholds)[:20], together[:20], atol=1e-14, rtol=0)


def test_zero_threshold_and_long_rows_in_single_precision():
    y = random(2, 100_000)
    torch.testing.assert_close(total_variation_prox_1d(y, 0.0), y)
    single = total_variation_prox_1d(y.float(), 5.0)
    assert single.dtype == torch.float32
    require_optimal(total_variation_prox_1d(y.float().double(), 5.0), y.float().double(), 5.0, slack=1e-7)
    torch.testing.assert_close(single.double(), total_variation_prox_1d(y, 5.0), atol=1e-6, rtol=0)


def test_derivatives_of_every_order_are_right():
    y = random(3, 9).requires_grad_()
    level = tensor(0.2, 0.7, 1.5).requires_grad_()
    assert torch.autograd.gradcheck(total_variation_prox_1d, (y, level))
    assert torch.autograd.gradgradcheck(total_variation_prox_1d, (y, level))


def test_another_axis():
    y = random(2, 7, 3)
    columns = TotalVariation1D(0.4, event_dims=2, axis=-2).prox(y)
    torch.testing.assert_close(columns, TotalVariation1D(0.4).prox(y.mT).mT)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="axis"):
        TotalVariation1D(axis=-2)
    with pytest.raises(UnsupportedError, match="complex"):
        TotalVariation1D().prox(torch.zeros(4, dtype=torch.complex64))
    with pytest.raises(DataError, match="NaN"):
        TotalVariation1D().prox(tensor(0, float("nan"), 1))
    with pytest.raises(ShapeError, match="threshold"):
        total_variation_prox_1d(random(3, 4), torch.ones(2))


# -------------------------------------------------------------------------------------------------------------- images and volumes
def test_images_of_one_row_are_signals():
    y = random(5, 1, 40).cumsum(-1)
    expected = TotalVariation1D(0.8).prox(y)
    for prior in (TotalVariation(0.8, accuracy=EXACT), AnisotropicTotalVariation(0.8, accuracy=EXACT)):
        torch.testing.assert_close(prior.prox(y), expected, atol=1e-4, rtol=0)
        torch.testing.assert_close(prior.prox(y.mT), expected.mT, atol=1e-4, rtol=0)


def test_one_axis_of_an_image_is_a_signal_a_row():
    y = random(6, 25)
    rows = AnisotropicTotalVariation(0.8, axes=(-1,), accuracy=EXACT).prox(y)
    torch.testing.assert_close(rows, TotalVariation1D(0.8).prox(y), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [TotalVariation, AnisotropicTotalVariation])
def test_images_against_the_independent_solver(kind):
    y = random(7, 6)
    x = cvxpy.Variable((7, 6))
    down = cvxpy.vstack([cvxpy.diff(x, axis=0), cvxpy.Constant(torch.zeros(1, 6).numpy())])
    right = cvxpy.hstack([cvxpy.diff(x, axis=1), cvxpy.Constant(torch.zeros(7, 1).numpy())])
    both = cvxpy.vstack([cvxpy.vec(down, order="C"), cvxpy.vec(right, order="C")])
    norm = cvxpy.sum(cvxpy.norm(both, 2 if kind is TotalVariation else 1, axis=0))
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(x - y.numpy()) / 2 + 0.4 * norm)).solve(
        solver=cvxpy.CLARABEL, tol_gap_rel=1e-11, tol_gap_abs=1e-11, tol_feas=1e-11
    )
    torch.testing.assert_close(kind(0.4, accuracy=EXACT).prox(y), torch.from_numpy(x.value), atol=1e-5, rtol=0)
    assert float(kind(0.4).value(torch.from_numpy(x.value))) == pytest.approx(0.4 * norm.value, abs=1e-9)


@pytest.mark.parametrize("kind", [TotalVariation, AnisotropicTotalVariation])
def test_images_turn_and_mirror(kind):
    """Transposition is an exact symmetry; a half turn is one of the sum of moduli only, and nearly one of the isotropic kind."""
    y = random(8, 8)
    prior = kind(0.5, accuracy=EXACT)
    p = prior.prox(y)
    torch.testing.assert_close(prior.prox(y.mT), p.mT, atol=1e-5, rtol=0)
    turned = prior.prox(y.flip(-2, -1)).flip(-2, -1)
    if kind is AnisotropicTotalVariation:
        torch.testing.assert_close(turned, p, atol=1e-5, rtol=0)
    assert float((turned - p).abs().max()) < 0.5 * float((p - y).abs().max())


def test_the_isotropic_kind_does_not_prefer_the_axes():
    """Perimeter of a straight edge at 45 degrees: its length for the isotropic kind, sqrt(2) times as much for the other."""
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    upright, slanted = (columns < 32).double(), (rows + columns < 64).double()
    isotropic, sum_of_moduli = TotalVariation(), AnisotropicTotalVariation()
    assert float(isotropic.value(upright)) == float(sum_of_moduli.value(upright)) == 64.0
    assert float(isotropic.value(slanted)) == pytest.approx(2**0.5 * 63, rel=0.02)
    assert float(sum_of_moduli.value(slanted)) == pytest.approx(2 * 63, rel=0.02)


def test_the_mean_is_kept_and_much_weight_leaves_only_it():
    y = random(2, 6, 5) + 1e6
    for prior in (TotalVariation(0.3, accuracy=EXACT), AnisotropicTotalVariation(0.3, accuracy=EXACT)):
        torch.testing.assert_close(prior.prox(y).mean((-2, -1)), y.mean((-2, -1)), atol=1e-8, rtol=0)
        flat = (100.0 * prior).prox(y)
        torch.testing.assert_close(flat, y.mean((-2, -1), keepdim=True).expand_as(y), atol=1e-4, rtol=0)


def test_a_warm_start_saves_work_and_the_gap_bounds_the_error():
    y = random(20, 20)
    prior = TotalVariation(0.5, accuracy=Accuracy(tolerance=1e-8))
    p, state = prior.prox_from(y)
    again, warm = prior.prox_from(y + 1e-4 * random(20, 20, seed=1), state=state)
    assert warm.iterations < state.iterations / 2
    exact = TotalVariation(0.5, accuracy=EXACT).prox(y)
    assert float((p - exact).square().sum()) <= 2 * float(state.gap) + 1e-9
    assert float((again - exact).abs().max()) < 1e-2


def test_a_limit_that_is_too_low_is_told():
    with pytest.warns(InexactProxWarning, match="relative duality gap"):
        TotalVariation(0.5, accuracy=Accuracy(tolerance=1e-10, max_iterations=10)).prox(random(20, 20))


def test_wrong_axes_are_refused():
    with pytest.raises(ParameterError, match="axes"):
        TotalVariation(axes=(-3,))
    with pytest.raises(ParameterError, match="positive"):
        Accuracy(tolerance=0.0)
