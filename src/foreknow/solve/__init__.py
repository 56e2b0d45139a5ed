"""Algorithms as init and step, one driver, certificates."""

from foreknow.solve.admm import ADMM
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.certificate import Certificate, CertificateKind, duality_gap
from foreknow.solve.choose import choose_algorithm
from foreknow.solve.driver import ConvergenceWarning, Progress, Solution, Status, minimize
from foreknow.solve.forward_backward import FISTA, ForwardBackward
from foreknow.solve.primal_dual import PDHG
from foreknow.solve.robust_pca import RobustPCA

__all__ = [
    "ADMM",
    "FISTA",
    "PDHG",
    "Algorithm",
    "Certificate",
    "CertificateKind",
    "ConvergenceWarning",
    "ForwardBackward",
    "Iterate",
    "Progress",
    "RobustPCA",
    "Solution",
    "Status",
    "choose_algorithm",
    "duality_gap",
    "minimize",
]
