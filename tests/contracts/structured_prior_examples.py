"""Examples of the priors of structure (low rank, total variation) for the prior contract."""

import torch
from prior_example import PriorExample, Weight

from foreknow.priors.inner_solver import Accuracy
from foreknow.priors.local_nuclear import LocalNuclearNorm
from foreknow.priors.nuclear import NuclearNorm
from foreknow.priors.per_entry_nuclear import PerEntryNuclearNorm
from foreknow.priors.rank import Rank, RankBall
from foreknow.priors.tensor_nuclear import TensorNuclearNorm
from foreknow.priors.total_generalized_variation import TotalGeneralizedVariation
from foreknow.priors.total_variation import AnisotropicTotalVariation, TotalVariation
from foreknow.priors.total_variation_1d import TotalVariation1D
from foreknow.priors.weighted_nuclear import WeightedNuclearNorm

_EXACT = Accuracy(tolerance=1e-14, max_iterations=200_000)
_NEARLY_EXACT = Accuracy(tolerance=1e-10, max_iterations=50_000, check_every=20)
_GENERATOR = torch.Generator().manual_seed(7)
_RANK_ONE = torch.randn(5, 1, generator=_GENERATOR, dtype=torch.float64) @ torch.randn(
    1, 4, generator=_GENERATOR, dtype=torch.float64
)
_ORTHOGONAL = torch.linalg.qr(torch.randn(5, 4, generator=_GENERATOR, dtype=torch.float64)).Q
_STEPS = torch.tensor([1.0, 1.0, 1.0, -0.5, -0.5, 2.0, 2.0, 2.0], dtype=torch.float64)


def _plain_tv(weight: Weight) -> TotalVariation:
    return TotalVariation(weight, accuracy=_EXACT)


def _flat_weights(weight: Weight) -> WeightedNuclearNorm:
    return WeightedNuclearNorm([1.5, 1.5, 1.5], weight)


EXAMPLES = (
    PriorExample("nuclear-tall", NuclearNorm, (5, 4), complex=True, kinks=(_RANK_ONE, _ORTHOGONAL)),
    PriorExample("nuclear-wide", NuclearNorm, (3, 5), complex=True),
    PriorExample("nuclear-square", NuclearNorm, (3, 3), complex=True, kinks=(torch.eye(3, dtype=torch.float64),)),
    PriorExample("nuclear-film", lambda weight: NuclearNorm(weight, event_dims=3), (3, 2, 4)),
    PriorExample("nuclear-per-entry", PerEntryNuclearNorm, (5, 4), complex=True, kinks=(_RANK_ONE,)),
    PriorExample("nuclear-per-entry-film", lambda weight: PerEntryNuclearNorm(weight, event_dims=3), (3, 2, 4)),
    PriorExample(
        "nuclear-weighted",
        lambda weight: WeightedNuclearNorm([0.0, 0.5, 1.0, 1.0], weight),
        (5, 4),
        complex=True,
        conjugate=False,
        minimum_norm=False,
    ),
    PriorExample("nuclear-flat-weights", _flat_weights, (3, 4), conjugate=False),
    PriorExample("rank", Rank, (4, 3), complex=True, conjugate=False, minimum_norm=False),
    PriorExample("rank-ball", lambda _: RankBall(2), (4, 3), complex=True, weighted=False, conjugate=False, minimum_norm=False),
    PriorExample("nuclear-local", lambda weight: LocalNuclearNorm((2, 2), weight), (2, 3, 4), complex=True),
    PriorExample("nuclear-tensor-even", TensorNuclearNorm, (2, 3, 4), complex=True),
    PriorExample("nuclear-tensor-odd", TensorNuclearNorm, (3, 2, 3)),
    PriorExample("tv-1d", TotalVariation1D, (8,), kinks=(_STEPS,)),
    PriorExample("tv-1d-columns", lambda weight: TotalVariation1D(weight, event_dims=2, axis=-2), (5, 2)),
    PriorExample("tv-2d", _plain_tv, (3, 4), complex=True, tolerance=1e-6, minimum_norm=False, conjugate=False),
    PriorExample(
        "tv-2d-anisotropic",
        lambda weight: AnisotropicTotalVariation(weight, accuracy=_EXACT),
        (3, 4),
        complex=True,
        tolerance=1e-6,
        minimum_norm=False,
        conjugate=False,
    ),
    PriorExample(
        "tv-3d",
        lambda weight: TotalVariation(weight, event_dims=3, accuracy=_EXACT),
        (2, 3, 2),
        tolerance=1e-6,
        minimum_norm=False,
        conjugate=False,
    ),
    PriorExample(
        "tv-1d-complex",
        lambda weight: TotalVariation(weight, event_dims=1, accuracy=_EXACT),
        (5,),
        complex=True,
        tolerance=1e-6,
        minimum_norm=False,
        conjugate=False,
    ),
    PriorExample(
        "tgv-1d",  # images and volumes: tests/priors/test_total_generalized_variation.py
        lambda weight: TotalGeneralizedVariation(weight, event_dims=1, accuracy=_NEARLY_EXACT),
        (5,),
        tolerance=1e-6,
        minimum_norm=False,
        conjugate=False,
    ),
)
