"""The default algorithm of a problem."""

from typing import Any

import torch

from foreknow.errors import UnsupportedError
from foreknow.noise import Exact, Gaussian
from foreknow.operators import Identity
from foreknow.problem import Problem
from foreknow.solve.admm import ADMM
from foreknow.solve.algorithm import Algorithm
from foreknow.solve.fista import FISTA
from foreknow.solve.fused_robust_pca import FusedRobustPCA
from foreknow.solve.least_squares import periodic_spectra
from foreknow.solve.primal_dual import PDHG
from foreknow.solve.proximal_gauss_newton import ProximalGaussNewton
from foreknow.solve.robust_pca import RobustPCA


def choose_algorithm(problem: Problem) -> Algorithm[Any]:
    """A sound default, by what the problem offers.

    - an operator that is not linear, such as a simulator: `ProximalGaussNewton`;
    - a nuclear norm and another convex prior on the parts of exact or Gaussian data, plain or behind one mask: `FusedRobustPCA`;
    - two plain components that sum to the data exactly: `RobustPCA`;
    - tight frames only, every prior with a proximal map, Gaussian or exact data: `ADMM`, whose least-squares step is then exact;
    - periodic convolutions only, such as a circular `Dictionary`, proximal maps and Gaussian data: `ADMM`, for the same reason;
    - a smooth data term and proximal maps: `FISTA` with restart;
    - all else (composed priors, other data terms): `PDHG`.
    """
    return _for_linear(problem) if problem.linear else ProximalGaussNewton()


def _for_linear(problem: Problem) -> Algorithm[Any]:
    if _is_robust_pca(problem):
        return FusedRobustPCA()
    plain = all(isinstance(operator, Identity) for operator in problem.linear_operators())
    proximal = not any(composed for _, composed in problem.splits())
    free = any(part is None for part, _ in problem.splits())
    if proximal and plain and isinstance(problem.noise, Exact) and len(problem.names) == 2 and not free:
        return RobustPCA()
    if proximal and not free and problem.cogram_scale() is not None and len(problem.names) > 1:
        return ADMM()
    if proximal and not free and problem.cogram_scale() is None and isinstance(problem.noise, Gaussian) and _is_periodic(problem):
        return ADMM()
    if proximal and problem.noise.smooth:
        return FISTA()
    return PDHG()


def _is_periodic(problem: Problem) -> bool:
    with torch.no_grad():
        return periodic_spectra(problem, torch.empty(())) is not None


def _is_robust_pca(problem: Problem) -> bool:
    try:
        FusedRobustPCA().check(problem)
    except UnsupportedError:
        return False
    return True
