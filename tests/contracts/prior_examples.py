"""An example of every prior that acts on elements, groups, sets, and of every combinator."""

import torch
from prior_example import PriorExample, Weight
from torch import Tensor, nn

from foreknow.operators.cosine import DCT
from foreknow.operators.diagonal import Diagonal
from foreknow.operators.difference import FiniteDifference
from foreknow.operators.matrix import Matrix
from foreknow.priors import (
    L0,
    L1,
    L2,
    MCP,
    SCAD,
    AffineSet,
    Box,
    GroupL2,
    Huber,
    L1Ball,
    L2Ball,
    LInfinity,
    LInfinityBall,
    LogSum,
    Monotone,
    NonNegative,
    NonPositive,
    OverlappingGroupL2,
    PlugIn,
    Quadratic,
    Simplex,
    Smoothness,
    Sum,
)
from foreknow.priors.none import NoPrior


class SoftThreshold(nn.Module):
    """A denoiser in the form of deepinv: f(x, sigma) with one sigma an image; it happens to be the prox of the L1 norm."""

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        threshold = sigma.square().reshape(sigma.shape + (1,) * (x.ndim - sigma.ndim)) if sigma.ndim else sigma.square()
        return torch.sgn(x) * torch.relu(x.abs() - threshold)


class AnyBatch(nn.Module):
    """A network of torch takes one batch axis, and one precision."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.double().reshape(-1, *x.shape[-2:])).reshape(x.shape).to(x.dtype)


def halve(x: Tensor) -> Tensor:
    """A denoiser without a noise level."""
    return x / 2


def smoothing_network() -> nn.Module:
    """A plain network without a noise level: a layer over images (channels, n) that averages each sample with its neighbours."""
    layer = nn.Conv1d(1, 1, 3, padding=1, bias=False, dtype=torch.float64)
    nn.init.constant_(layer.weight, 0.3)
    return AnyBatch(layer)


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def on_differences(weight: Weight) -> Weight:
    """Weights for events (6,), as they must be for their differences, (1, 6)."""
    return weight.unsqueeze(-1) if isinstance(weight, Tensor) and weight.ndim > 1 else weight


def orthonormal_rows() -> Matrix:
    """A 3 x 5 matrix with A A^* = 4 I, which it says."""
    rows = torch.linalg.qr(torch.randn(5, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)).Q.mT
    operator = Matrix(2.0 * rows)
    operator.cogram_scale = 4.0
    return operator


CENTER = tensor(0.5, -1.0, 0.0, 2.0, 0.25, -0.5)
LOW, HIGH = tensor(-1.0, -0.5, 0.0, 0.2, -torch.inf, 0.0), tensor(1.0, 0.5, 0.0, torch.inf, 0.3, 2.0)
EQUATIONS = tensor(1, 1, 1, 1, 1, 0, 1, 0, -1, 2, 1, 2, 1, 0, 3).reshape(3, 5)  # the last row is the sum of the others
GROUPS = ((0, 1, 2), (2, 3), (3, 4, 5), (0, 5))

ELEMENTWISE = (
    PriorExample("l1", L1, (6,), complex=True, element_weights=True, kinks=(tensor(1, -1, 0, 2, 0, -3),)),
    PriorExample("l1 of images", lambda w: L1(w, event_dims=2), (2, 3), complex=True, element_weights=True),
    PriorExample("l0", L0, (6,), complex=True, element_weights=True, conjugate=False),
    PriorExample("mcp", lambda w: MCP(w, knee=2.0), (6,), complex=True, element_weights=True, conjugate=False),
    PriorExample("mcp of a small knee", lambda w: MCP(w, knee=0.2), (6,), element_weights=True, conjugate=False),
    PriorExample("scad", lambda w: SCAD(w, knee=0.6), (6,), complex=True, element_weights=True, conjugate=False),
    PriorExample("scad of a small knee", lambda w: SCAD(w, knee=0.1, a=2.5), (6,), element_weights=True, conjugate=False),
    PriorExample("log-sum", lambda w: LogSum(w, scale=1.0), (6,), complex=True, element_weights=True, conjugate=False),
    PriorExample("log-sum of a small scale", lambda w: LogSum(w, scale=0.1), (6,), element_weights=True, conjugate=False),
    PriorExample("huber", lambda w: Huber(w, delta=0.4), (6,), complex=True, element_weights=True),
    PriorExample("quadratic", Quadratic, (6,), complex=True, element_weights=True),
    PriorExample("quadratic around a mean", lambda w: Quadratic(w, mean=CENTER), (6,), complex=True, element_weights=True),
)

NORMS = (
    PriorExample("l2", L2, (5,), complex=True),
    PriorExample("l2 of images", lambda w: L2(w, event_dims=2), (2, 3), complex=True),
    PriorExample("l-infinity", LInfinity, (5,), complex=True, kinks=(tensor(2, -2, 1, 2, 0),)),
    PriorExample("l-infinity of images", lambda w: LInfinity(w, event_dims=2), (2, 3)),
    PriorExample("group, last axis", GroupL2, (3, 4), complex=True),
    PriorExample("group, first axis", lambda w: GroupL2(w, axes=-2), (3, 4), complex=True),
    PriorExample("group, two of three axes", lambda w: GroupL2(w, axes=(-3, -1), event_dims=3), (2, 3, 2)),
    PriorExample("groups that overlap", lambda w: OverlappingGroupL2(GROUPS, 7, w), (7,), conjugate=False, tolerance=1e-9),
    PriorExample(
        "groups that overlap, weighted",
        lambda w: OverlappingGroupL2(GROUPS, 6, w, group_weights=tensor(1.0, 0.5, 2.0, 0.0)),
        (6,),
        conjugate=False,
        tolerance=1e-9,
    ),
    PriorExample("smoothness", Smoothness, (7,), complex=True),
    PriorExample("smoothness, periodic", lambda w: Smoothness(w, boundary="periodic"), (6,), complex=True),
    PriorExample("smoothness of images", lambda w: Smoothness(w, event_dims=2), (3, 4)),
    PriorExample("smoothness along one axis", lambda w: Smoothness(w, axes=(-2,), boundary="periodic", event_dims=2), (3, 4)),
)

SETS = (
    PriorExample("nothing known", lambda _: NoPrior(), (6,), complex=True, weighted=False),
    PriorExample("non-negative", lambda _: NonNegative(), (6,), weighted=False),
    PriorExample("non-positive", lambda _: NonPositive(2), (2, 3), weighted=False),
    PriorExample("box", lambda _: Box(-0.5, 1.0), (6,), weighted=False),
    PriorExample("box of tensors", lambda _: Box(LOW, HIGH), (6,), weighted=False),
    PriorExample("simplex", lambda _: Simplex(2.0), (6,), weighted=False),
    PriorExample("l1 ball", lambda _: L1Ball(1.5), (6,), weighted=False, complex=True),
    PriorExample("l1 ball, wide", lambda _: L1Ball(9.0, event_dims=2), (2, 3), weighted=False),
    PriorExample("l2 ball", lambda _: L2Ball(1.5), (6,), weighted=False, complex=True),
    PriorExample("l-infinity ball", lambda _: LInfinityBall(0.8), (6,), weighted=False, complex=True),
    PriorExample("affine set", lambda _: AffineSet(EQUATIONS, tensor(2.0, 1.0, 3.0)), (5,), weighted=False, complex=True),
    PriorExample("subspace", lambda _: AffineSet(Matrix(EQUATIONS)), (5,), weighted=False),
    PriorExample("rising", lambda _: Monotone(), (7,), weighted=False),
    PriorExample("falling rows", lambda _: Monotone(increasing=False, event_dims=2), (2, 4), weighted=False),
)

COMBINATORS = (
    PriorExample("l1 on non-negatives", lambda w: L1(w) & NonNegative(), (6,), element_weights=True),
    PriorExample("l1 on non-positives", lambda w: NonPositive() & L1(w), (6,), element_weights=True),
    PriorExample("groups on non-negatives", lambda w: GroupL2(w) & NonNegative(2), (3, 4)),
    PriorExample("scad on non-negatives", lambda w: SCAD(w, knee=0.5) & NonNegative(), (6,), conjugate=False),
    PriorExample("l1 on a box", lambda w: L1(w) & Box(LOW, HIGH), (6,), element_weights=True),
    PriorExample("l1 on a positive box", lambda w: L1(w) & NonNegative() & Box(-1.0, 1.2), (6,), element_weights=True),
    PriorExample("huber on a box", lambda w: Huber(w, delta=0.5) & Box(-0.4, 1.2), (6,), conjugate=False),
    PriorExample("elastic net", lambda w: L1(w) & Quadratic(0.7), (6,), complex=True, element_weights=True),
    PriorExample("elastic net of elements", lambda w: L1(0.3) & Quadratic(w), (6,), element_weights=True),
    PriorExample("elastic group", lambda w: GroupL2(w) & Quadratic(0.7, event_dims=2), (3, 4), complex=True),
    PriorExample("elastic l1 on non-negatives", lambda w: (L1(w) & Quadratic(0.7)) & NonNegative(), (6,)),
    PriorExample("non-negatives near a mean", lambda w: NonNegative() & Quadratic(w, mean=CENTER), (6,), minimum_norm=False),
    PriorExample("sparse groups", lambda w: L1(w, event_dims=2) & GroupL2(0.4), (3, 4), complex=True),
    PriorExample("sparse groups on non-negatives", lambda w: NonNegative(2) & L1(0.3, 2) & GroupL2(w), (3, 4)),
    PriorExample("simplex and a ball", lambda _: Simplex(1.0) & LInfinityBall(0.4), (6,), weighted=False, conjugate=False),
    PriorExample(
        "two centers", lambda w: L1(w) & L1(0.4).at(CENTER), (6,), conjugate=False, minimum_norm=False, element_weights=True
    ),
    PriorExample("three parts", lambda w: Sum(LInfinity(w), L2(0.3), L1(0.2)), (5,), conjugate=False, minimum_norm=False),
    PriorExample("l1 of cosines", lambda w: L1(w) @ DCT(), (6,), complex=True),
    PriorExample("l1 of orthogonal rows", lambda w: L1(w) @ orthonormal_rows(), (5,)),
    PriorExample("l1 around a center", lambda w: L1(w).at(CENTER), (6,), complex=True),
    PriorExample("ball around a center", lambda _: L2Ball(0.7).at(CENTER), (6,), weighted=False),
    PriorExample("norms of rows", lambda w: L2(w).over(2), (3, 4), complex=True),
    PriorExample("twice", lambda w: 2.0 * (L1(w) & NonNegative()), (6,)),
    PriorExample(
        "no proximal map: l1 of differences",
        lambda w: L1(on_differences(w), 2) @ FiniteDifference(),
        (6,),
        conjugate=False,
        minimum_norm=False,
    ),
    PriorExample("no proximal map: l1 of a diagonal", lambda w: L1(w) @ Diagonal(CENTER), (6,), conjugate=False),
    PriorExample("plug-in with a noise level", lambda w: PlugIn(SoftThreshold(), w), (6,), conjugate=False),
    PriorExample("plug-in without", lambda w: PlugIn(halve, w), (6,), conjugate=False),
    PriorExample("plug-in network", lambda w: PlugIn(smoothing_network(), w, event_dims=2), (1, 6), conjugate=False),
)

EXAMPLES = ELEMENTWISE + NORMS + SETS + COMBINATORS
