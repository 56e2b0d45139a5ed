"""How an unrolled algorithm is differentiated: through all steps, with checkpoints, or through the last steps only."""

import itertools
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from foreknow.errors import ParameterError
from foreknow.solve import Iterate
from foreknow.unroll.unrolling import Unrolling


class Differentiation(ABC):
    """Runs an unrolling and decides what automatic differentiation sees of it; the values are the same for all."""

    @abstractmethod
    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return."""


class Backprop(Differentiation):
    """Through all steps: exact, with memory in proportion to their number."""

    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return."""
        return unrolling.iterate(unrolling.advance(unrolling.begin(), 0, len(unrolling)))


class Checkpoint(Differentiation):
    """Through all steps: exact, with memory for the square root of their number, at the price of a second forward pass.

    Only the states between segments are kept; the backward pass computes each segment again (Griewank 1992; Chen et al. 2016).

    Args:
        segments: into how many the steps are divided; the square root of their number if None.

    Raises:
        ParameterError: if there is less than one segment.
    """

    def __init__(self, segments: int | None = None) -> None:
        if segments is not None and segments < 1:
            message = f"the steps must be divided into at least one segment, not {segments}"
            raise ParameterError(message)
        self.segments = segments

    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return."""
        count = len(unrolling)
        segments = min(count, self.segments or math.isqrt(count - 1) + 1)
        state: Any = unrolling.begin()
        edges = [round(index * count / segments) for index in range(segments + 1)]
        for first, last in itertools.pairwise(edges):
            state = checkpoint(unrolling.advance, state, first, last, use_reentrant=False, preserve_rng_state=False)
        return unrolling.iterate(state)


class Truncated(Differentiation):
    """Through the last steps only: the memory of these, and a gradient whose error falls as the steps contract.

    The derivative of the early steps can do more harm than good ("curse of unrolling", Scieur et al. 2022).

    Args:
        steps: how many.

    Raises:
        ParameterError: if that is less than one.
    """

    def __init__(self, steps: int) -> None:
        if steps < 1:
            message = f"truncated differentiation goes through at least one step, not {steps}"
            raise ParameterError(message)
        self.steps = steps

    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return."""
        count = len(unrolling)
        cut = max(0, count - self.steps)
        if cut == 0:
            return Backprop().run(unrolling)
        with torch.no_grad():
            state = unrolling.advance(unrolling.begin(), 0, cut)
        return unrolling.iterate(unrolling.advance(unrolling.renew(state, cut), cut, count))


class OneStep(Differentiation):
    """Through the last step only (Jacobian-free backpropagation, Fung et al. 2022; Bolte, Pauwels and Vaiter 2023).

    A direction of descent if the steps contract well; its error does not vanish as the steps converge.
    """

    def run(self, unrolling: Unrolling) -> Iterate:
        """What the steps return."""
        return Truncated(1).run(unrolling)
