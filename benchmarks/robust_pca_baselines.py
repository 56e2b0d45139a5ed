"""Robust PCA as others write it: on whole matrices, with a full singular value decomposition in every step."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Parts = tuple[Tensor, Tensor]
"""The low-rank and the sparse part, which need not sum to the data exactly."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """An iterative method.

    Attributes:
        name: for the table.
        iterates: the parts after each step, for ever.
    """

    name: str
    iterates: Callable[[Tensor, float], Iterator[Parts]]

    def run(self, data: Tensor, weight: float, steps: int) -> Parts:
        """The parts after a number of steps."""
        iterator = self.iterates(data, weight)
        for _ in range(steps - 1):
            next(iterator)
        return next(iterator)


def alternating_directions(data: Tensor, weight: float) -> Iterator[Parts]:
    """Algorithm 1 of Candes, Li, Ma and Wright (2011) in NumPy: constant penalty N T / (4 |D|_1)."""
    y = data.numpy()
    penalty = y.size / (4 * np.abs(y).sum())
    sparse, multiplier = np.zeros_like(y), np.zeros_like(y)
    while True:
        low_rank = _threshold_singular(y - sparse + multiplier / penalty, 1 / penalty)
        sparse = _threshold(y - low_rank + multiplier / penalty, weight / penalty)
        multiplier = multiplier + penalty * (y - low_rank - sparse)
        yield torch.from_numpy(low_rank), torch.from_numpy(sparse)


def inexact_augmented_lagrangian(data: Tensor, weight: float) -> Iterator[Parts]:
    """Algorithm 5 of Lin, Chen and Ma (2010) in NumPy: the penalty from 1.25 / |D|_2, times 1.5 in each step."""
    y = data.numpy()
    norm = np.linalg.norm(y, 2)
    penalty = 1.25 / norm
    multiplier = y / max(norm, np.abs(y).max() / weight)
    sparse = np.zeros_like(y)
    while True:
        low_rank = _threshold_singular(y - sparse + multiplier / penalty, 1 / penalty)
        sparse = _threshold(y - low_rank + multiplier / penalty, weight / penalty)
        multiplier = multiplier + penalty * (y - low_rank - sparse)
        penalty *= 1.5
        yield torch.from_numpy(low_rank), torch.from_numpy(sparse)


def sporco_iterates(rpca: ModuleType) -> Callable[[Tensor, float], Iterator[Parts]]:
    """The solver of sporco with its own settings (an adaptive penalty, over-relaxation 1.8); ``rpca`` is `sporco.admm.rpca`."""

    def iterates(data: Tensor, weight: float) -> Iterator[Parts]:
        options = rpca.RobustPCA.Options({"Verbose": False, "MaxMainIter": 1, "RelStopTol": 0.0})
        solver = rpca.RobustPCA(data.numpy(), weight, options)
        while True:
            low_rank, sparse = solver.solve()
            yield torch.from_numpy(low_rank), torch.from_numpy(sparse)

    return iterates


def same_loop(penalties: Sequence[float], relaxation: float, looks: Sequence[int]) -> Callable[[Tensor, float], Iterator[Parts]]:
    """The method of `foreknow.solve.FusedRobustPCA` on whole matrices with `torch.linalg.svd`, nothing fused.

    Args:
        penalties: of each step, and of the one after the last.
        relaxation: of the method.
        looks: steps after which the duality gap is computed, as foreknow computes it, from singular value decompositions.
    """

    def iterates(data: Tensor, weight: float) -> Iterator[Parts]:
        sparse, scaled = torch.zeros_like(data), torch.zeros_like(data)
        for step, (penalty, following) in enumerate(itertools.pairwise(penalties), 1):
            left, values, right = torch.linalg.svd(data - sparse + scaled, full_matrices=False)
            low_rank = (left * torch.relu(values - 1 / penalty)) @ right
            relaxed = relaxation * low_rank + (1 - relaxation) * (data - sparse)
            point = data - relaxed + scaled
            sparse = torch.sign(point) * torch.relu(point.abs() - weight / penalty)
            multiplier = penalty * (point - sparse)
            if step in looks:
                duality_gap_by_svd(data, weight, sparse, multiplier)
            scaled = multiplier / following
            yield low_rank, sparse

    return iterates


def duality_gap_by_svd(data: Tensor, weight: float, sparse: Tensor, multiplier: Tensor) -> float:
    """The relative gap of (D - S, S) with one cycle of projections of the multiplier, by plain decompositions."""
    primal = torch.linalg.svdvals(data - sparse).sum() + weight * sparse.abs().sum()
    left, values, right = torch.linalg.svd(multiplier, full_matrices=False)
    dual = ((left * values.clamp_max(1.0)) @ right).clamp(-weight, weight)
    bound = (dual * data).sum() / torch.linalg.svdvals(dual)[0].clamp_min(1.0)
    return float((primal - bound) / primal)


def feasible_objective(data: Tensor, weight: float, parts: Parts) -> float:
    """|L|_* + weight |S|_1 of the better one of (D - S, S) and (L, D - L), in double precision."""
    y, low_rank, sparse = (x.double() for x in (data, *parts))
    by_sparse = _nuclear_norm(y - sparse) + weight * float(sparse.abs().sum())
    by_low_rank = _nuclear_norm(low_rank) + weight * float((y - low_rank).abs().sum())
    return min(by_sparse, by_low_rank)


def steps_to(baseline: Baseline, data: Tensor, weight: float, objective: float, most: int) -> int | None:
    """The number of steps after which a method has come to an objective value; None if it does not within ``most``."""
    for step, parts in enumerate(baseline.iterates(data, weight), 1):
        if feasible_objective(data, weight, parts) <= objective:
            return step
        if step == most:
            break
    return None


def _nuclear_norm(x: Tensor) -> float:
    return float(torch.linalg.eigvalsh(x.mT @ x).clamp_min(0).sqrt().sum())


def _threshold_singular(x: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return np.dot(left * np.maximum(values - threshold, 0), right)


def _threshold(x: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0)
