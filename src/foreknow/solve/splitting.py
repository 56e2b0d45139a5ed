"""The stacked map M = [M_b] of a splitting: one block for each proximal part, each composed part, and the data term."""

import torch
from torch import Tensor

from foreknow.noise import Gaussian
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event, squared_norm
from foreknow.solve.blocks import add

Blocks = tuple[Tensor, ...]
"""One tensor a block, in the order: proximal parts (M = identity), composed parts (M = K_j), the data (M = A) unless Gaussian."""


def image(problem: Problem, x: Coefficients, *, data: bool) -> Blocks:
    """M_b x for every block, with or without the data block."""
    blocks = [part for part, prior in zip(x, problem.proximal_priors(), strict=True) if prior is not None]
    blocks += [operator(x[index]) for index, _, operator in problem.composed_priors()]
    if data and splits_data(problem):
        blocks.append(problem.synthesize(x))
    return tuple(blocks)


def transpose(problem: Problem, blocks: Blocks, like: Coefficients, *, data: bool) -> Coefficients:
    """sum_b M_b^* blocks_b, with or without the data block."""
    rest = iter(blocks)
    total = [
        torch.zeros_like(part) if prior is None else next(rest) for part, prior in zip(like, problem.proximal_priors(), strict=True)
    ]
    for index, _, operator in problem.composed_priors():
        total[index] = total[index] + operator.adjoint(next(rest))
    if data and splits_data(problem):
        total = list(add(tuple(total), problem.adjoint(next(rest))))
    return tuple(total)


def proximal(problem: Problem, y: Tensor, points: Blocks, penalty: Tensor) -> Blocks:
    """prox_{f_b / penalty} of every block, for one penalty a batch item, (*batch,)."""
    blocks, step = iter(points), 1 / penalty
    out = [
        prior.prox(next(blocks), problem.expand(step, index))
        for index, prior in enumerate(problem.proximal_priors())
        if prior is not None
    ]
    out += [prior.prox(next(blocks), expand_event(step, len(operator.range))) for _, prior, operator in problem.composed_priors()]
    if splits_data(problem):
        out.append(problem.noise.prox(next(blocks), y, problem.expand_data(step)))
    return tuple(out)


def splits_data(problem: Problem) -> bool:
    """Whether the data term is a block of its own: it is unless Gaussian, which stays in the least-squares step."""
    return not isinstance(problem.noise, Gaussian)


def block_dims(problem: Problem) -> tuple[int, ...]:
    """The number of event axes of each block."""
    dims = [problem.component_dims(i) for i, prior in enumerate(problem.proximal_priors()) if prior is not None]
    dims += [len(operator.range) for _, _, operator in problem.composed_priors()]
    return (*dims, problem.event_dims) if splits_data(problem) else tuple(dims)


def block_norm(blocks: Blocks, dims: tuple[int, ...]) -> Tensor:
    """The Euclidean norm of all blocks together, (*batch,)."""
    return torch.stack([squared_norm(block, count) for block, count in zip(blocks, dims, strict=True)]).sum(dim=0).sqrt()


def scale_blocks(factor: Tensor, blocks: Blocks, dims: tuple[int, ...]) -> Blocks:
    """Factor * blocks with one factor a batch item, (*batch,)."""
    return tuple(expand_event(factor, count) * block for block, count in zip(blocks, dims, strict=True))
