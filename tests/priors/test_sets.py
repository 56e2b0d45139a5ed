"""Projections against independent solutions, and the edges of the sets."""

import pytest
import torch
from sklearn.isotonic import isotonic_regression

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Positive
from foreknow.priors import AffineSet, Box, L1Ball, L2Ball, LInfinity, Monotone, NonNegative, Simplex


def points(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 17, 400])
def test_isotonic_regression(size):
    x = points(30, size) + torch.linspace(0, 2, size, dtype=torch.float64)
    expected = torch.stack([torch.from_numpy(isotonic_regression(row.numpy())) for row in x])
    torch.testing.assert_close(Monotone().prox(x), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(Monotone(increasing=False).prox(-x), -expected, atol=1e-12, rtol=0)


def test_isotonic_regression_of_ties_and_falls():
    falling = torch.arange(9, 0, -1, dtype=torch.float64)
    torch.testing.assert_close(Monotone().prox(falling), torch.full((9,), 5.0, dtype=torch.float64))
    steps = torch.tensor([1.0, 1.0, 0.0, 2.0, 2.0, 5.0, 4.0, 4.5], dtype=torch.float64)
    torch.testing.assert_close(torch.from_numpy(isotonic_regression(steps.numpy())), Monotone().prox(steps))


@pytest.mark.parametrize("total", [0.0, 1e-3, 1.0, 50.0])
def test_simplex_by_bisection(total):
    x = points(20, 9)
    low, high = x.amin(-1, keepdim=True) - total, x.amax(-1, keepdim=True)
    for _ in range(200):
        middle = (low + high) / 2
        above = torch.relu(x - middle).sum(-1, keepdim=True) > total
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    p = Simplex(total).prox(x)
    torch.testing.assert_close(p, torch.relu(x - high), atol=1e-12, rtol=0)
    assert bool((Simplex(total).value(p) == 0).all())


def test_long_single_precision_axes_keep_their_sum():
    x = points(100_000).float()
    p = Simplex(1.0).prox(x)
    assert float(p.double().sum()) == pytest.approx(1.0, abs=1e-5)
    q = L1Ball(1000.0).prox(x)
    assert float(q.double().abs().sum()) == pytest.approx(1000.0, rel=1e-5)
    r = LInfinity(1000.0).prox(x)
    assert float((x - r).double().abs().sum()) == pytest.approx(1000.0, rel=1e-4)


def test_a_radius_learns_and_varies_over_the_batch():
    radius = Positive(0.5)
    L2Ball(radius).prox(torch.ones(3, 4)).sum().backward()
    assert float(radius.log_value.grad) > 0
    radii = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    p = L2Ball(radii.unsqueeze(-1)).prox(10 * points(3, 4))
    torch.testing.assert_close(p.norm(dim=-1), radii)
    with pytest.raises(ShapeError, match="radius"):
        L2Ball(torch.ones(4)).prox(points(3, 4))


def test_affine_sets():
    matrix, offset = points(2, 5), points(2, seed=1)
    x = points(7, 5, seed=2)
    p = AffineSet(matrix, offset).prox(x)
    torch.testing.assert_close(p @ matrix.T, offset.expand(7, 2))
    along = torch.linalg.svd(matrix).Vh[2:]  # the null space: what is removed is orthogonal to it
    torch.testing.assert_close((x - p) @ along.T, torch.zeros(7, 3, dtype=torch.float64), atol=1e-12, rtol=0)
    with pytest.raises(ParameterError, match="contradict"):
        AffineSet(torch.ones(2, 3), torch.tensor([1.0, 2.0]))
    with pytest.raises(ShapeError):
        AffineSet(matrix, points(3))
    with pytest.raises(ShapeError, match="5 unknowns"):
        AffineSet(matrix).prox(points(4))


def test_order_has_no_meaning_for_complex_numbers():
    for prior in (NonNegative(), Box(), Simplex(), Monotone()):
        with pytest.raises(ParameterError, match="complex"):
            prior.prox(torch.ones(3, dtype=torch.complex128))


def test_boxes():
    with pytest.raises(ParameterError, match="empty"):
        Box(1.0, 0.0)
    with pytest.raises(ParameterError, match="empty"):
        Box(torch.nan, 0.0)
    assert Box(torch.zeros(3), 1.0).formula == "[low <= {x} <= high]"
    assert Box(0.1, 0.7).prox(torch.tensor([0.0, 1.0])).tolist() == torch.tensor([0.1, 0.7]).tolist()


def test_values_are_zero_or_infinite_and_carry_a_zero_gradient():
    x = torch.tensor([[0.5, 0.0], [-0.1, 1.0]], dtype=torch.float64, requires_grad=True)
    value = NonNegative().value(x)
    assert value.tolist() == [0.0, torch.inf]
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert bool((gradient == 0).all())
