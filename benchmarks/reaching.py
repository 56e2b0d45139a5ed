"""How many steps an iterative method needs to an accuracy, and how long our solvers take for that many."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from foreknow.problem import Problem
from foreknow.solve import Algorithm, Solution, minimize
from foreknow.solve.precision import as_double, at_precision


def first_below(excesses: Iterable[float], targets: Sequence[float]) -> dict[float, int | None]:
    """The number of the first value, from 1 on, at or below each target; None where there is none.

    Args:
        excesses: relative distance of the objective from the optimum after each step; read no further than needed.
        targets: in any order.
    """
    found: dict[float, int | None] = dict.fromkeys(targets)
    for count, excess in enumerate(excesses, start=1):
        for target in targets:
            if found[target] is None and excess <= target:
                found[target] = count
        if None not in found.values():
            break
    return found


def excesses(problem: Problem, y: Tensor, algorithm: Algorithm[Any], optimum: Tensor, limit: int) -> Iterator[float]:
    """The relative excess of the objective, evaluated in float64, after each of our steps: the worst item of a batch."""
    bound = at_precision(problem.for_data(y), y.dtype)
    judge = at_precision(problem.for_data(y), torch.float64)
    with torch.no_grad():
        state = algorithm.init(bound, y, bound.zeros(y))
        for _ in range(limit):
            state = algorithm.step(bound, y, state)
            x = tuple(as_double(part) for part in algorithm.iterate(bound, y, state).coefficients)
            yield float((judge.objective(x, as_double(y)) / optimum - 1).max())


def run_steps(problem: Problem, y: Tensor, algorithm: Algorithm[Any], steps: int) -> Tensor:
    """The first component's coefficients after a number of our steps: with all preparation, without a certificate."""
    declared = problem.for_data(y)
    bound = at_precision(declared, y.dtype)
    with torch.no_grad():
        state = algorithm.init(bound, y, bound.zeros(y))
        for _ in range(steps):
            state = algorithm.step(bound, y, state)
        return algorithm.iterate(bound, y, state).coefficients[0]


def solve_steps(problem: Problem, y: Tensor, algorithm: Algorithm[Any], steps: int) -> Solution:
    """Our solver as a user calls it, with its certificates on the way, told to stop after a number of steps."""
    return minimize(problem, y, algorithm, tolerance=1e-15, max_iterations=steps)
