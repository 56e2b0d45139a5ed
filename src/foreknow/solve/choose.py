"""The default algorithm of a problem."""

from typing import Any

from foreknow.noise import Exact
from foreknow.operators import Identity
from foreknow.problem import Problem
from foreknow.solve.admm import ADMM
from foreknow.solve.algorithm import Algorithm
from foreknow.solve.forward_backward import FISTA
from foreknow.solve.primal_dual import PDHG
from foreknow.solve.robust_pca import RobustPCA


def choose_algorithm(problem: Problem) -> Algorithm[Any]:
    """A sound default, by what the problem offers.

    - two plain components that sum to the data exactly: `RobustPCA`;
    - tight frames only, every prior with a proximal map, Gaussian or exact data: `ADMM`, whose least-squares step is then exact;
    - a smooth data term and proximal maps: `FISTA` with restart;
    - all else (composed priors, other data terms): `PDHG`.
    """
    plain = all(isinstance(operator, Identity) for operator in problem.linear_operators())
    proximal = (
        not problem.composed_priors() if problem.shape is not None else all(not p.split()[1] for p in problem.declared_priors())
    )
    free = any(prior is None for prior in problem.proximal_priors())
    if proximal and plain and isinstance(problem.noise, Exact) and len(problem.names) == 2 and not free:
        return RobustPCA()
    if proximal and not free and problem.cogram_scale() is not None and len(problem.names) > 1:
        return ADMM()
    if proximal and problem.noise.smooth:
        return FISTA()
    return PDHG()
