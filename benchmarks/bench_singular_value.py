"""Singular value thresholding and the nuclear norm as a loss, ours against singular value decompositions of torch and peers."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import peer
from benchmarks.table import Table
from benchmarks.timing import time_interleaved
from foreknow import NuclearNorm
from foreknow.priors.singular_value import singular_value_threshold

TITLE = "Singular values: thresholding, and the nuclear norm as a loss"
SIZES = ((65536, 60), (262144, 100), (65536, 200))
QUICK_SIZES = ((8192, 60), (8192, 200))
CONDITIONS = (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7)
_OURS = "foreknow"


def run(quick: bool) -> Table:
    table = Table(["task", "size", "method", "ms", "foreknow is faster by", "error"])
    peers = _thresholding_peers(table)
    for size in QUICK_SIZES if quick else SIZES:
        _thresholding(table, size, peers, quick=quick)
    for rows in (8192,) if quick else (16384, 65536):
        _nuclear_loss(table, (rows, 60), quick=quick)
    _accuracy(table, (8192, 60) if quick else (65536, 60))
    excess = _gradient_accuracy(table, (8192, 60) if quick else (65536, 60))
    table.notes += [
        "Single precision, one thread, interleaved; medians, and the median quotient of times within one repetition.",
        "Error: Frobenius distance to the result of a float64 singular value decomposition of the same data, relative.",
        "Thresholding: Gaussian matrices, the threshold at the median singular value.",
        "Accuracy: log-spaced singular values of the given condition number, the threshold just below the 50th of 60.",
        "Nuclear loss: value and gradient, condition number 25.",
        "Gradient: at condition 1e7 ours leaves out, on purpose, the directions that the rounding of the data may have made.",
        f"Gradient: against U V^T in float64; spectral norm of ours - 1: at most {excess:.0e} over these condition numbers.",
    ]
    return table


def _thresholding_peers(table: Table) -> dict[str, Callable[[Tensor, float], object]]:
    """Other libraries' thresholding of a matrix, by name."""
    found: dict[str, Callable[[Tensor, float], object]] = {}
    pyproximal, prox = peer("pyproximal", table), peer("sporco.prox", table)
    if pyproximal is not None:
        found["pyproximal Nuclear"] = lambda x, t: pyproximal.Nuclear(tuple(x.shape)).prox(x.numpy().ravel(), t)
    if prox is not None:
        found["sporco prox_nuclear"] = lambda x, t: prox.prox_nuclear(x.numpy(), t)[0]
    return found


def _thresholding(table: Table, size: tuple[int, int], peers: dict[str, Callable[[Tensor, float], object]], *, quick: bool) -> None:
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    exact, threshold = _exact(x)
    runs: dict[str, Callable[[], object]] = {_OURS: partial(singular_value_threshold, x, threshold)}
    runs["torch.linalg.svd"] = partial(_by_svd, x, threshold)
    runs |= {name: partial(method, x, threshold) for name, method in peers.items()}
    _add(table, "thresholding", size, runs, exact, quick=quick)


def _nuclear_loss(table: Table, size: tuple[int, int], *, quick: bool) -> None:
    x = _with_condition(size, 25.0)
    left, _, right = torch.linalg.svd(x.double(), full_matrices=False)
    prior = NuclearNorm()
    runs = {
        _OURS: partial(_gradient, prior.value, x),
        "autograd of svdvals": partial(_gradient, lambda z: torch.linalg.svdvals(z).sum(), x),
        "autograd of svd": partial(_gradient, lambda z: torch.linalg.svd(z, full_matrices=False).S.sum(), x),
        "autograd of matrix_norm": partial(_gradient, lambda z: torch.linalg.matrix_norm(z, "nuc"), x),
    }
    _add(table, "nuclear value and gradient", size, runs, left @ right, quick=quick)


def _accuracy(table: Table, size: tuple[int, int]) -> None:
    for condition in CONDITIONS:
        x = _with_condition(size, condition)
        values = torch.linalg.svdvals(x.double())
        threshold = 0.9 * float(values[50])
        exact = _shrunk(x.double(), threshold)
        for name, method in ((_OURS, singular_value_threshold), ("torch.linalg.svd", _by_svd)):
            table.add(f"accuracy, condition {condition:.0e}", _text(size), name, None, None, _error(method(x, threshold), exact))


def _gradient_accuracy(table: Table, size: tuple[int, int]) -> float:
    """Adds the errors of the nuclear norm's gradient; returns the largest excess of its spectral norm over 1."""
    losses = {_OURS: NuclearNorm().value, "autograd of svdvals": lambda z: torch.linalg.svdvals(z).sum()}
    excess = -1.0
    for condition in CONDITIONS:
        x = _with_condition(size, condition)
        left, _, right = torch.linalg.svd(x.double(), full_matrices=False)
        for name, loss in losses.items():
            gradient = _gradient(loss, x)
            table.add(f"gradient, condition {condition:.0e}", _text(size), name, None, None, _error(gradient, left @ right))
            if name == _OURS:
                excess = max(excess, float(torch.linalg.matrix_norm(gradient.double(), 2)) - 1)
    return excess


def _add(
    table: Table, task: str, size: tuple[int, int], runs: dict[str, Callable[[], object]], exact: Tensor, *, quick: bool
) -> None:
    timings = time_interleaved(runs, repetitions=3 if quick else 9, budget=5.0 if quick else 90.0)
    for name, timing in timings.items():
        table.add(task, _text(size), name, 1000 * timing.median, timing.ratio, _error(runs[name](), exact))


def _gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    leaf = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    return gradient


def _by_svd(x: Tensor, threshold: float) -> Tensor:
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    return (left * torch.relu(values - threshold)) @ right


def _shrunk(x: Tensor, threshold: float) -> Tensor:
    """Thresholding in double precision."""
    return _by_svd(x, threshold)


def _exact(x: Tensor) -> tuple[Tensor, float]:
    """Thresholding in double precision, at the median singular value, and that value."""
    threshold = float(torch.linalg.svdvals(x.double()).median())
    return _shrunk(x.double(), threshold), threshold


def _with_condition(size: tuple[int, int], condition: float) -> Tensor:
    """A matrix in single precision with log-spaced singular values from 1 to 1 / condition (before rounding)."""
    generator = torch.Generator().manual_seed(1)
    left = torch.linalg.qr(torch.randn(size, generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(size[1], size[1], generator=generator, dtype=torch.float64)).Q
    values = torch.logspace(0, -float(np.log10(condition)), size[1], dtype=torch.float64)
    return ((left * values) @ right).float()


def _error(found: object, exact: Tensor) -> float:
    result = torch.as_tensor(np.asarray(found)).reshape(exact.shape).double()
    return float(torch.linalg.vector_norm(result - exact) / torch.linalg.vector_norm(exact))


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
