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
from foreknow.solve.online_robust_pca import OnlineRobustPCA, SeparatedFrame
from foreknow.solve.primal_dual import PDHG
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
    "PDHG",
    "Algorithm",
    "BlockCoordinate",
    "Certificate",
    "CertificateKind",
    "ConvergenceWarning",
    "DouglasRachford",
    "ForwardBackward",
    "FusedRobustPCA",
    "Iterate",
    "OnlineRobustPCA",
    "Progress",
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
