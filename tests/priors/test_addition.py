"""``prior & prior``: which closed form is chosen, that it is right, and what happens where there is none."""

import itertools

import pytest
import torch

from foreknow.errors import ParameterError, ShapeError, UnsupportedError
from foreknow.operators.difference import FiniteDifference
from foreknow.operators.identity import Identity
from foreknow.parameters import Positive
from foreknow.priors import (
    L1,
    L2,
    Box,
    Clipped,
    Elastic,
    GroupL2,
    Huber,
    InexactProxWarning,
    L1Ball,
    L2Ball,
    LInfinity,
    NonNegative,
    NonPositive,
    OnOrthant,
    PlugIn,
    Quadratic,
    SparseGroup,
    Sum,
)


def points(*shape: int, seed: int = 0) -> torch.Tensor:
    return 1.5 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


PAIRS = [
    (L1(0.3), NonNegative(), OnOrthant),
    (L1(0.3), NonPositive(), OnOrthant),
    (Huber(0.3), NonNegative(), OnOrthant),
    (LInfinity(0.3), NonNegative(), OnOrthant),
    (L2Ball(1.0), NonNegative(), OnOrthant),
    (L1Ball(1.0), NonPositive(), OnOrthant),
    (L1(0.3), Box(-0.2, 0.9), Clipped),
    (L1(0.3) & NonNegative(), Box(-0.2, 0.9), Clipped),
    (L1(0.3) & Box(-0.2, 0.9), Box(-1.0, 0.5), Clipped),
    (L1(0.3) & Box(-0.2, 0.9), NonNegative(), Clipped),
    (L1(0.3), Quadratic(0.4), Elastic),
    (L1(0.3) & NonNegative(), Quadratic(0.4), Elastic),
    (L1(0.3) & Quadratic(0.4), NonNegative(), Elastic),
    (L1(0.3) & Quadratic(0.4), L2(0.2), Elastic),
    (L2(0.3), Quadratic(0.4), Elastic),
    (L1(0.3), L2(0.4), SparseGroup),
    (L1(0.3) & NonNegative(), L2(0.4), OnOrthant),
    (L1(0.3) & L2(0.4), NonNegative(), OnOrthant),
    (Box(-1.0, 0.5), NonNegative(), Box),
    (Box(-1.0, 0.5), Box(-0.5, 2.0), Box),
    (NonNegative(), NonPositive(), Box),
    (NonNegative(), NonNegative(), NonNegative),
]


@pytest.mark.parametrize(
    ("first", "second", "kind"), PAIRS, ids=lambda p: type(p).__name__ if not isinstance(p, type) else p.__name__
)
def test_closed_forms_agree_with_dykstra(first, second, kind):
    x = points(20, 6)
    for pair in ((first, second), (second, first)):
        closed_form = pair[0] & pair[1]
        assert type(closed_form) is kind
        expected = Sum(*pair).prox(x, 0.7)
        torch.testing.assert_close(closed_form.prox(x, 0.7), expected, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(closed_form.value(expected), first.value(expected) + second.value(expected))
        assert closed_form.homogeneity == Sum(*pair).homogeneity


def test_three_or_more_in_any_order():
    x = points(20, 6)
    parts = (L1(0.3), Quadratic(0.4), NonNegative(), Box(-1.0, 0.8))
    expected = Sum(*parts).prox(x, 0.7)
    for order in itertools.permutations(parts):
        total = order[0] & order[1] & order[2] & order[3]
        torch.testing.assert_close(total.prox(x, 0.7), expected, atol=1e-9, rtol=1e-9)
        assert isinstance(total, Elastic)


def test_sparse_groups_on_non_negatives():
    x = points(5, 3, 4)
    parts = (L1(0.3, event_dims=2), GroupL2(0.4), NonNegative(2))
    expected = Sum(*parts).prox(x, 0.7)
    for order in itertools.permutations(parts):
        torch.testing.assert_close((order[0] & order[1] & order[2]).prox(x, 0.7), expected, atol=1e-9, rtol=1e-9)


def test_conjugate_of_non_negative_sparsity_has_one_side():
    prior = L1(0.5) & NonNegative()
    z = torch.tensor([[0.5, -100.0], [0.6, 0.0]], dtype=torch.float64)
    assert prior.conjugate(z).tolist() == [0.0, torch.inf]
    torch.testing.assert_close(prior.dual_scale(z), torch.tensor([1.0, 0.5 / 0.6], dtype=torch.float64))


def test_fewer_axes_are_summed():
    prior = L1(0.3) & GroupL2(0.4)
    assert isinstance(prior, SparseGroup)
    assert prior.event_dims == 2
    assert prior.value(torch.ones(2, 3, dtype=torch.float64)).ndim == 0


def test_weights_that_cannot_be_placed_are_refused():
    with pytest.raises(ShapeError, match="event_dims=2"):
        _ = L1(torch.ones(5, 1)) & GroupL2(0.4)


def test_an_elementwise_quadratic_and_a_norm_are_split():
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    prior = Quadratic(weights) & L2(0.4)
    assert isinstance(prior, Sum)
    x = points(3)
    p = prior.prox(x)
    residual = p - x + weights * p + 0.4 * p / p.norm()
    assert residual.abs().max() < 1e-6
    with pytest.raises(ParameterError, match="one weight"):
        Elastic(L2(0.4), Quadratic(weights))
    assert isinstance((L1(0.3) & Quadratic(weights)) & L2(0.4), Sum)


def test_empty_intersections_are_refused_or_warned_of():
    with pytest.raises(ParameterError, match="no point in common"):
        _ = Box(0.0, 1.0) & Box(2.0, 3.0)
    apart = Sum(L2Ball(1.0), L2Ball(1.0).at(torch.full((3,), 5.0)), max_iterations=20)
    with pytest.warns(InexactProxWarning, match="20 sweeps"):
        apart.prox(points(3))


def test_parts_without_proximal_map_are_named_and_split():
    differences = L1(0.3) @ FiniteDifference()
    prior = differences & NonNegative()
    assert isinstance(prior, Sum)
    assert not prior.has_prox
    with pytest.raises(UnsupportedError, match="PDHG"):
        prior.prox(points(4))
    with pytest.raises(UnsupportedError, match="PDHG"):
        differences.prox(points(4))
    proximal, composed = prior.split()
    assert isinstance(proximal, NonNegative)
    ((part, operator),) = composed
    assert isinstance(part, L1)
    assert isinstance(operator, FiniteDifference)
    elastic = prior & Quadratic(0.5)
    assert isinstance(elastic.split()[0], (Elastic, NonNegative, Quadratic))
    x = points(4).abs()
    torch.testing.assert_close(elastic.value(x), differences.value(x) + x.square().sum() / 4)


def test_a_sum_splits_into_one_direct_part_and_identities():
    prior = LInfinity(0.2) & L1(0.3)
    assert isinstance(prior, Sum)
    proximal, composed = prior.split()
    assert proximal is prior.summands[0]
    assert isinstance(composed[0][1], Identity)


def test_a_plug_in_has_no_joint_proximal_map():
    prior = PlugIn(lambda x: x / 2) & NonNegative()
    assert not prior.has_prox
    assert not prior.has_value
    with pytest.raises(UnsupportedError):
        prior.prox(points(4))


def test_operators_that_are_not_priors_are_refused():
    with pytest.raises(TypeError):
        _ = L1() & 3
    with pytest.raises(TypeError):
        _ = L1() @ torch.eye(3)
    with pytest.raises(TypeError):
        _ = "2" * L1()
    with pytest.raises(ParameterError, match="non-negative"):
        _ = -1.0 * L1()


def test_a_multiple_shares_a_learnable_weight():
    weight = Positive(0.5)
    prior = 3.0 * L1(weight)
    assert float(prior.weight.detach()) == pytest.approx(1.5)
    prior.value(torch.ones(4)).backward()
    assert float(weight.log_value.grad) == pytest.approx(6.0)


def test_formulas_read_like_formulas():
    assert (L1(0.1) & NonNegative()).formula == "0.1 |{x}|_1 + [{x} >= 0]"
    assert (2.0 * L1(0.1)).formula == "0.2 |{x}|_1"
    assert (L1(0.1) @ FiniteDifference()).formula == "0.1 |FiniteDifference {x}|_1"
    assert L1(0.1).at(torch.ones(3)).formula == "0.1 |({x} - center)|_1"
