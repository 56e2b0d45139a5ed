"""Priors: what is known of x, each with value, proximal map, envelope, minimum-norm subgradient and (where known) conjugate."""

from foreknow.priors.affine_set import AffineSet
from foreknow.priors.base import Prior
from foreknow.priors.box import Box
from foreknow.priors.clipped import Clipped
from foreknow.priors.composed import Composed
from foreknow.priors.elastic import Elastic
from foreknow.priors.elementwise import Elementwise
from foreknow.priors.group_l2 import GroupL2
from foreknow.priors.huber import Huber
from foreknow.priors.indicator import Indicator
from foreknow.priors.inner_solver import Accuracy, InexactProxWarning
from foreknow.priors.l0 import L0
from foreknow.priors.l1 import L1
from foreknow.priors.l1_ball import L1Ball
from foreknow.priors.l2 import L2
from foreknow.priors.l2_ball import L2Ball
from foreknow.priors.l_infinity import LInfinity
from foreknow.priors.l_infinity_ball import LInfinityBall
from foreknow.priors.local_nuclear import FixedGrid, LocalNuclearNorm, RandomGrid
from foreknow.priors.log_sum import LogSum
from foreknow.priors.mcp import MCP
from foreknow.priors.monotone import Monotone
from foreknow.priors.non_negative import NonNegative, NonPositive
from foreknow.priors.nuclear import NuclearNorm
from foreknow.priors.orthant import OnOrthant
from foreknow.priors.overlapping_group_l2 import OverlappingGroupL2
from foreknow.priors.per_entry_nuclear import PerEntryNuclearNorm
from foreknow.priors.plug_in import PlugIn
from foreknow.priors.quadratic import Quadratic
from foreknow.priors.rank import Rank, RankBall
from foreknow.priors.scad import SCAD
from foreknow.priors.separable import Separable
from foreknow.priors.simplex import Simplex
from foreknow.priors.smoothness import Smoothness
from foreknow.priors.sparse_group import SparseGroup
from foreknow.priors.sum import Sum
from foreknow.priors.tensor_nuclear import TensorNuclearNorm
from foreknow.priors.total_generalized_variation import TotalGeneralizedVariation
from foreknow.priors.total_variation import AnisotropicTotalVariation, TotalVariation
from foreknow.priors.total_variation_1d import TotalVariation1D
from foreknow.priors.translated import Translated
from foreknow.priors.weighted_nuclear import WeightedNuclearNorm

__all__ = [
    "L0",
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "Accuracy",
    "AffineSet",
    "AnisotropicTotalVariation",
    "Box",
    "Clipped",
    "Composed",
    "Elastic",
    "Elementwise",
    "FixedGrid",
    "GroupL2",
    "Huber",
    "Indicator",
    "InexactProxWarning",
    "L1Ball",
    "L2Ball",
    "LInfinity",
    "LInfinityBall",
    "LocalNuclearNorm",
    "LogSum",
    "Monotone",
    "NonNegative",
    "NonPositive",
    "NuclearNorm",
    "OnOrthant",
    "OverlappingGroupL2",
    "PerEntryNuclearNorm",
    "PlugIn",
    "Prior",
    "Quadratic",
    "RandomGrid",
    "Rank",
    "RankBall",
    "Separable",
    "Simplex",
    "Smoothness",
    "SparseGroup",
    "Sum",
    "TensorNuclearNorm",
    "TotalGeneralizedVariation",
    "TotalVariation",
    "TotalVariation1D",
    "Translated",
    "WeightedNuclearNorm",
]
