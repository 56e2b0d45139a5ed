"""Data assimilation: what observations say of a simulated state.

- `ObservedSystem`: a simulator that is observed with errors; `TwinExperiment`: a truth to score methods against.
- `EnKF`, `ETKF`, `LETKF` (with `Localisation`): filters; `Multiplicative`, `InnovationInflation`, `FiniteSize`: their inflation.
- `ThreeDVar`, `CycledFourDVar`, `IEnKS`: variational and iterative methods, cycle by cycle.
- `FourDVar` on a `Window` with a `Background`: one window, strong or weak, with numbers of the model; `ESMDA`: without derivatives.
- `Augmented`: numbers of the model as part of the state.
- `FilterLikelihood`, `VariationalLikelihood`: what a simulator is learned from; `UnrolledFourDVar`: a learned solver.
"""

from foreknow.simulate.assimilation.augmented import Augmented
from foreknow.simulate.assimilation.covariance import Covariance, Dense, Diagonal, covariance_of, scaled
from foreknow.simulate.assimilation.enkf import EnKF
from foreknow.simulate.assimilation.etkf import ETKF
from foreknow.simulate.assimilation.filter import EnsembleFilter, FilterState, log_evidence
from foreknow.simulate.assimilation.four_d_var import CycledFourDVar, FourDVar, Trajectory
from foreknow.simulate.assimilation.gradient_check import GradientCheck, check_gradient
from foreknow.simulate.assimilation.inflation import FiniteSize, Inflation, InnovationInflation, Multiplicative, NoInflation
from foreknow.simulate.assimilation.iterative_smoother import IEnKS
from foreknow.simulate.assimilation.letkf import LETKF
from foreknow.simulate.assimilation.likelihood import FilterLikelihood, VariationalLikelihood
from foreknow.simulate.assimilation.localisation import GaspariCohn, Localisation, Taper, ring_distances
from foreknow.simulate.assimilation.method import Analysis, Assimilation, Prior
from foreknow.simulate.assimilation.multiple_data import ESMDA
from foreknow.simulate.assimilation.scores import ranks, root_mean_square
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.three_d_var import ThreeDVar
from foreknow.simulate.assimilation.twin import DivergedError, Truth, TwinExperiment, TwinProgress, TwinResult
from foreknow.simulate.assimilation.unrolled import RingCorrection, UnrolledFourDVar
from foreknow.simulate.assimilation.variational import Background, Drive, Window

__all__ = [
    "ESMDA",
    "ETKF",
    "LETKF",
    "Analysis",
    "Assimilation",
    "Augmented",
    "Background",
    "Covariance",
    "CycledFourDVar",
    "Dense",
    "Diagonal",
    "DivergedError",
    "Drive",
    "EnKF",
    "EnsembleFilter",
    "FilterLikelihood",
    "FilterState",
    "FiniteSize",
    "FourDVar",
    "GaspariCohn",
    "GradientCheck",
    "IEnKS",
    "Inflation",
    "InnovationInflation",
    "Localisation",
    "Multiplicative",
    "NoInflation",
    "ObservedSystem",
    "Prior",
    "RingCorrection",
    "Taper",
    "ThreeDVar",
    "Trajectory",
    "Truth",
    "TwinExperiment",
    "TwinProgress",
    "TwinResult",
    "UnrolledFourDVar",
    "VariationalLikelihood",
    "Window",
    "check_gradient",
    "covariance_of",
    "log_evidence",
    "ranks",
    "ring_distances",
    "root_mean_square",
    "scaled",
]
