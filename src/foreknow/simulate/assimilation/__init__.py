"""Data assimilation."""

from foreknow.simulate.assimilation.covariance import Covariance, Dense, Diagonal, covariance_of, scaled
from foreknow.simulate.assimilation.enkf import EnKF
from foreknow.simulate.assimilation.etkf import ETKF
from foreknow.simulate.assimilation.filter import EnsembleFilter, FilterState, log_evidence
from foreknow.simulate.assimilation.inflation import FiniteSize, Inflation, InnovationInflation, Multiplicative, NoInflation
from foreknow.simulate.assimilation.letkf import LETKF
from foreknow.simulate.assimilation.localisation import GaspariCohn, Localisation, Taper, ring_distances
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.scores import ranks, root_mean_square
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.twin import DivergedError, Truth, TwinExperiment, TwinProgress, TwinResult

__all__ = [
    "ETKF",
    "LETKF",
    "Analysis",
    "Assimilation",
    "Covariance",
    "Dense",
    "Diagonal",
    "DivergedError",
    "EnKF",
    "EnsembleFilter",
    "FilterState",
    "FiniteSize",
    "GaspariCohn",
    "Inflation",
    "InnovationInflation",
    "Localisation",
    "Multiplicative",
    "NoInflation",
    "ObservedSystem",
    "Prior",
    "Taper",
    "Truth",
    "TwinExperiment",
    "TwinProgress",
    "TwinResult",
    "covariance_of",
    "log_evidence",
    "ranks",
    "ring_distances",
    "root_mean_square",
    "scaled",
]
