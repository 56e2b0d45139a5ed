"""Algorithms as init and step, one driver, certificates."""

from foreknow.solve.admm import ADMM
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.block_coordinate import BlockCoordinate
from foreknow.solve.certificate import Certificate, CertificateKind, duality_gap
from foreknow.solve.choose import choose_algorithm
from foreknow.solve.douglas_rachford import DouglasRachford
from foreknow.solve.driver import ConvergenceWarning, Progress, Solution, Status, minimize
from foreknow.solve.fista import FISTA
from foreknow.solve.forward_backward import ForwardBackward
from foreknow.solve.fused_robust_pca import FusedRobustPCA
from foreknow.solve.gauss_newton import ConjugateGradientNormalEquations, DenseNormalEquations, GaussNewton
from foreknow.solve.limited_memory import LBFGS
from foreknow.solve.minimum import LeastSquaresMethod, Minimum
from foreknow.solve.online_robust_pca import OnlineRobustPCA, SeparatedFrame
from foreknow.solve.primal_dual import PDHG
from foreknow.solve.proximal_gauss_newton import ProximalGaussNewton
from foreknow.solve.robust_pca import RobustPCA
from foreknow.solve.robust_pca_weights import (
    RobustPCAWeights,
    balanced_sparse_weight,
    classical_sparse_weight,
    noise_level,
    noise_weights,
)

__all__ = [
    "ADMM",
    "FISTA",
    "LBFGS",
    "PDHG",
    "Algorithm",
    "BlockCoordinate",
    "Certificate",
    "CertificateKind",
    "ConjugateGradientNormalEquations",
    "ConvergenceWarning",
    "DenseNormalEquations",
    "DouglasRachford",
    "ForwardBackward",
    "FusedRobustPCA",
    "GaussNewton",
    "Iterate",
    "LeastSquaresMethod",
    "Minimum",
    "OnlineRobustPCA",
    "Progress",
    "ProximalGaussNewton",
    "RobustPCA",
    "RobustPCAWeights",
    "SeparatedFrame",
    "Solution",
    "Status",
    "balanced_sparse_weight",
    "choose_algorithm",
    "classical_sparse_weight",
    "duality_gap",
    "minimize",
    "noise_level",
    "noise_weights",
]
