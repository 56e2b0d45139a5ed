"""Arithmetic on coefficients: tuples of tensors with one tensor a component, treated as one vector a batch item."""

import torch
from torch import Tensor

from foreknow.problem import Coefficients, Problem
from foreknow.shapes import inner, squared_norm


def add(x: Coefficients, y: Coefficients, scale: float = 1.0) -> Coefficients:
    """X + scale * y."""
    return tuple(torch.add(a, b, alpha=scale) for a, b in zip(x, y, strict=True))


def scale_items(problem: Problem, factor: Tensor, x: Coefficients) -> Coefficients:
    """Factor * x with one factor a batch item, (*batch,) or ()."""
    return tuple(problem.expand(factor, index) * a for index, a in enumerate(x))


def dot(problem: Problem, x: Coefficients, y: Coefficients) -> Tensor:
    """The real inner product of each batch item, (*batch,)."""
    terms = [inner(a, b, problem.component_dims(index)) for index, (a, b) in enumerate(zip(x, y, strict=True))]
    return _total(terms)


def norm(problem: Problem, x: Coefficients) -> Tensor:
    """The Euclidean norm of each batch item, (*batch,)."""
    terms = [squared_norm(a, problem.component_dims(index)) for index, a in enumerate(x)]
    return _total(terms).sqrt()


def select(problem: Problem, condition: Tensor, x: Coefficients, y: Coefficients) -> Coefficients:
    """X where the condition holds for the batch item, else y."""
    return tuple(torch.where(problem.expand(condition, index), a, b) for index, (a, b) in enumerate(zip(x, y, strict=True)))


def _total(terms: list[Tensor]) -> Tensor:
    return terms[0] if len(terms) == 1 else torch.stack(terms).sum(dim=0)
