"""The default algorithm to unroll."""

from typing import Any

from foreknow.noise import Exact
from foreknow.operators import Identity
from foreknow.problem import Problem
from foreknow.solve import ADMM, FISTA, PDHG, Algorithm, RobustPCA
from foreknow.solve.step_rule import NormStep


def choose_unrolled(problem: Problem) -> Algorithm[Any]:
    """A sound default for few steps that are differentiated.

    - two plain components that sum to the data exactly: `RobustPCA`;
    - a smooth data term and proximal maps: `FISTA` with steps from the operator norms, which depend on no data;
    - exact data and proximal maps: `ADMM`;
    - all else (composed priors, Poisson noise): `PDHG`.
    """
    proximal = not any(composed for _, composed in problem.splits())
    plain = all(isinstance(operator, Identity) for operator in problem.linear_operators())
    exact = isinstance(problem.noise, Exact)
    if proximal and exact and plain and len(problem.names) == 2 and all(part is not None for part, _ in problem.splits()):
        return RobustPCA()
    if proximal and problem.noise.smooth:
        return FISTA(step=NormStep())
    return ADMM() if proximal and exact else PDHG()
