"""Known values, exact branches and limits of the element-wise priors."""

import pytest
import torch

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Positive
from foreknow.priors import L0, L1, L2, MCP, SCAD, GroupL2, Huber, L1Ball, L2Ball, LInfinity, LInfinityBall, LogSum, Quadratic


def vector(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_soft_and_hard_thresholds():
    x = vector(-2.0, -0.5, 0.0, 0.4, 3.0)
    torch.testing.assert_close(L1(0.5).prox(x), vector(-1.5, 0.0, 0.0, 0.0, 2.5))
    torch.testing.assert_close(L0(0.5).prox(x), vector(-2.0, 0.0, 0.0, 0.0, 3.0))
    torch.testing.assert_close(L0(0.5).value(x), torch.tensor(2.0, dtype=torch.float64))


def test_complex_moduli():
    x = torch.tensor([3 + 4j, 0.3 - 0.4j], dtype=torch.complex128)
    torch.testing.assert_close(L1(1.0).prox(x), torch.tensor([2.4 + 3.2j, 0.0], dtype=torch.complex128))
    torch.testing.assert_close(L1(1.0).value(x), torch.tensor(5.5, dtype=torch.float64))


@pytest.mark.parametrize("step", [0.01, 0.3, 1.0, 2.0, 5.0])
@pytest.mark.parametrize(
    "prior",
    [
        L0(),
        MCP(knee=0.7),
        MCP(knee=3.0),
        SCAD(knee=0.5),
        SCAD(knee=2.0, a=2.1),
        LogSum(scale=0.05),
        LogSum(scale=1.0),
        LogSum(scale=3),
    ],
)
def test_not_convex_maps_on_a_dense_grid(prior, step):
    """The energy at the returned point is the least on a fine grid, for all x across the threshold and every step."""
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)

    def energy(z, center):
        return (z - center).square() / 2 + step * prior.value(z.unsqueeze(-1))

    p = prior.prox(x.unsqueeze(-1), step).squeeze(-1)
    lowest = energy(grid, x.unsqueeze(-1)).amin(-1)
    assert bool((energy(p, x) <= lowest + 1e-12).all())
    assert bool((p.diff() >= -1e-12).all())  # a proximal map of one variable never falls


def test_scad_is_the_published_penalty():
    """Fan and Li (2001), equation (2.7): soft thresholding up to 2 lambda, then linear, then the identity (step 1)."""
    knee, a = 0.8, 3.7
    x = vector(0.5, 1.2, 2.0, 2.9, 3.5)
    expected = vector(0.0, 0.4, ((a - 1) * 2.0 - a * knee) / (a - 2), ((a - 1) * 2.9 - a * knee) / (a - 2), 3.5)
    torch.testing.assert_close(SCAD(knee, knee=knee, a=a).prox(x), expected)


def test_mcp_tends_to_l1_and_l0():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    torch.testing.assert_close(MCP(0.5, knee=1e9).prox(x), L1(0.5).prox(x), atol=1e-6, rtol=0)
    torch.testing.assert_close(MCP(0.5 / 1e-9, knee=2e-9).prox(x), L0(0.5).prox(x))


def test_log_sum_has_no_cancellation_near_zero():
    """Just above the threshold t / scale the root is (x - t / scale) / (1 - t / scale^2), to first order."""
    excess = vector(1e-9, 1e-7)
    root = LogSum(0.1, scale=1.0).prox(0.1 + excess)
    torch.testing.assert_close(root, excess / 0.9, rtol=1e-6, atol=0)


def test_huber_is_the_envelope_of_l1():
    x = torch.linspace(-3, 3, 61, dtype=torch.float64).unsqueeze(-1)
    torch.testing.assert_close(Huber(1.0, delta=0.7).value(x), L1(1.0).envelope(x, 0.7))


@pytest.mark.parametrize(("norm", "ball"), [(L1, LInfinityBall), (LInfinity, L1Ball), (L2, L2Ball)], ids=["l1", "l-infinity", "l2"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_moreau_identity_with_the_dual_ball(norm, ball, dtype):
    """prox of w |.| plus the projection onto the dual ball of radius w is the identity: two separate pieces of code."""
    x = 2 * torch.randn(50, 7, dtype=dtype, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(norm(0.8).prox(x, 2.0) + ball(1.6).prox(x), x)
    z = ball(0.8).prox(x)
    assert bool((norm(0.8).conjugate(z) == 0).all())
    torch.testing.assert_close(ball(0.8).conjugate(x), norm(0.8).value(x))


def test_groups_of_one_are_the_lasso():
    x = torch.randn(4, 5, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(GroupL2(0.3).prox(x), L1(0.3, 2).prox(x))
    torch.testing.assert_close(GroupL2(0.3).value(x), L1(0.3, 2).value(x))


def test_one_weight_a_group():
    weights = vector(0.1, 5.0).reshape(2, 1)
    p = GroupL2(weights).prox(torch.ones(2, 3, dtype=torch.float64))
    assert bool((p[0] > 0).all())
    assert bool((p[1] == 0).all())
    with pytest.raises(ShapeError, match="size 1 along"):
        GroupL2(torch.ones(2, 3)).prox(torch.ones(2, 3))


def test_zero_weights_have_exact_conjugates():
    z = vector(0.0, 0.0)
    for prior in (L1(0.0), L2(0.0), LInfinity(0.0), Huber(0.0), Quadratic(0.0)):
        assert prior.conjugate(z) == 0
        assert prior.conjugate(z + 1) == torch.inf
        assert prior.dual_scale(z) == 1
        assert prior.dual_scale(z + 1) == 0


def test_a_learnable_weight_moves_in_float32():
    weight = Positive(0.5)
    prior = L1(weight)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(3))
    prior.prox(x).square().sum().backward()
    assert prior.prox(x).dtype == torch.float32
    assert float(weight.log_value.grad) < 0
    assert dict(prior.named_parameters()).keys() == {"weight_parameter.log_value"}


def test_nan_is_not_swallowed():
    x = vector(torch.nan, 1.0)
    for prior in (L0(0.5), L1(0.5), L2(0.5), MCP(0.5), SCAD(0.5), LogSum(0.5), LInfinity(0.5), Huber(0.5)):
        assert bool(prior.prox(x)[0].isnan()), type(prior).__name__


@pytest.mark.parametrize(
    "declare",
    [
        lambda: MCP(knee=0.0),
        lambda: SCAD(knee=-1.0),
        lambda: SCAD(a=1.0),
        lambda: LogSum(scale=0.0),
        lambda: Huber(delta=0.0),
        lambda: L1(-1.0),
        lambda: L1(event_dims=0),
        lambda: GroupL2(axes=-3),
        lambda: GroupL2(axes=()),
        lambda: GroupL2(axes=0),
    ],
)
def test_impossible_parameters_are_refused(declare):
    with pytest.raises(ParameterError):
        declare()
