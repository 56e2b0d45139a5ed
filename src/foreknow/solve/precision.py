"""Problems whose operators are made ready for many applications in one precision."""

import copy

import torch
from torch import Tensor, nn

from foreknow.operators.frozen import frozen
from foreknow.problem import Problem


def at_precision(problem: Problem, dtype: torch.dtype) -> Problem:
    """A copy of a problem for a loop over tensors of one precision, in which no parameter of an operator changes.

    Args:
        problem: bound to the shape of the data; it is left alone. Noise and priors are shared with it.
        dtype: of the tensors.

    Returns:
        The same problem with its operators as `foreknow.operators.frozen` makes them.
    """
    clone = copy.copy(problem)
    operators = nn.ModuleList([frozen(operator, dtype) for operator in problem.declared_operators()])
    clone.__dict__["_modules"] = {**problem.__dict__["_modules"], "operators": operators}
    return clone


def as_double(x: Tensor) -> Tensor:
    """X in float64 or complex128."""
    return x.to(torch.complex128 if x.is_complex() else torch.float64)
