"""The one loop that every algorithm shares: step, look at the certificate, stop, and say why."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.certificate import Certificate, CertificateKind
from foreknow.solve.gap_watch import GapWatch
from foreknow.solve.precision import as_double, at_precision
from foreknow.solve.preconditions import require_finite
from foreknow.solve.self_certifying import Look, SelfCertifying


class Status(enum.Enum):
    """Why the loop ended."""

    CONVERGED = "converged: the certificate is below the tolerance"
    ITERATION_LIMIT = "stopped at the iteration limit before the certificate was below the tolerance"
    STALLED = "stalled: the certificate no longer falls, as happens at the precision of the data type; use float64 for more"


class ConvergenceWarning(UserWarning):
    """A solution is returned that is farther from optimal than was asked for."""


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told at every look at the certificate."""

    iteration: int
    max_iterations: int
    certificate: Certificate
    tolerance: float


@dataclass(frozen=True)
class Solution:
    """What a solver returns.

    Attributes:
        coefficients: x_i by component name, (*batch, *domain of A_i).
        components: the signals A_i x_i by name, (*batch, *shape).
        objective: (*batch,), float64; NaN where a prior has no value (`PlugIn`).
        certificate: how far from optimal the coefficients are; see `Certificate`.
        iterations: number of steps taken.
        status: why the solver stopped.
        seconds: wall-clock time.
        algorithm: the method used.
        history: (iteration, worst relative certificate) at each look.
        dual: the final iterate's dual variables, for warm starts and proofs.
    """

    coefficients: dict[str, Tensor]
    components: dict[str, Tensor]
    objective: Tensor
    certificate: Certificate
    iterations: int
    status: Status
    seconds: float
    algorithm: str
    history: tuple[tuple[int, float], ...]
    dual: Iterate

    @property
    def converged(self) -> bool:
        """Whether the certificate is below the tolerance."""
        return self.status is Status.CONVERGED

    def __getitem__(self, name: str) -> Tensor:
        return self.components[name]

    def __str__(self) -> str:
        objective = f"{float(self.objective.sum()):.8g}"
        return (
            f"{self.algorithm}: {self.status.name.lower().replace('_', ' ')} after {self.iterations} iterations "
            f"({self.seconds:.3g} s); objective {objective}, relative {self.certificate.kind.value} {self.certificate.worst:.2e}"
        )


def minimize(
    problem: Problem,
    y: Tensor,
    algorithm: Algorithm,  # type: ignore[type-arg]
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 5000,
    start: Coefficients | None = None,
    look_every: int = 10,
    dual_steps: int = 0,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Run an algorithm until every batch item has a relative certificate below ``tolerance``.

    Args:
        problem: what to minimise.
        y: the data, (*batch, *shape), finite.
        algorithm: how.
        tolerance: relative duality gap (relative fixed-point residual where no gap can be had).
        max_iterations: number of steps after which the loop gives up.
        start: initial coefficients, one tensor a component; zeros if None.
        look_every: least number of steps between two looks at the certificate; see `GapWatch`. An algorithm that certifies itself
            (`SelfCertifying`) knows better and decides alone.
        dual_steps: steps that improve the dual point at every look; see `duality_gap`. Worth it where few iterations are made.
        callback: told the progress at every look.

    Raises:
        DataError: if the data, the start or a tensor of the problem are not finite, or the iteration leaves the finite numbers.
        ShapeError: if the data or the start do not fit the problem.
        UnsupportedError: if the algorithm cannot treat the problem.
    """
    if not tolerance > 0 or max_iterations < 1 or look_every < 1 or dual_steps < 0:
        message = (
            f"tolerance ({tolerance}), max_iterations ({max_iterations}) and look_every ({look_every}) must be positive, "
            f"dual_steps ({dual_steps}) not negative"
        )
        raise ParameterError(message)
    began = time.perf_counter()
    declared = problem.for_data(y)
    require_finite(declared)
    algorithm.check(declared)
    bound = at_precision(declared, y.dtype)
    history: list[tuple[int, float]] = []
    with torch.no_grad():
        state = algorithm.init(bound, y, _checked_start(bound, y, start))
        watch = algorithm if isinstance(algorithm, SelfCertifying) else GapWatch(algorithm, declared, y, look_every, dual_steps)
        status = Status.ITERATION_LIMIT
        best: Look[Any] | None = None
        mark, looks_since_mark = float("inf"), 0
        iteration, pause = 0, watch.first_pause(state, tolerance)
        while True:
            stride = min(pause, max_iterations - iteration)
            state = watch.advance(bound, y, state, stride)
            iteration += stride
            look = watch.look(bound, y, state, tolerance)
            certificate, state, pause = look.certificate, look.state, look.pause
            history.append((iteration, certificate.worst))
            if best is None or _better(certificate, best.certificate):
                best = look
            looks_since_mark += 1
            if certificate.worst < 0.95 * mark:
                mark, looks_since_mark = certificate.worst, 0
            if callback is not None:
                callback(Progress(iteration, max_iterations, certificate, tolerance))
            if certificate.worst <= tolerance:
                status, best = Status.CONVERGED, look
            elif looks_since_mark >= watch.patience:
                status = Status.STALLED
            elif iteration < max_iterations:
                continue
            break
        return _solution(declared, y, algorithm.name, status, best, iteration, began, tuple(history))


def _solution(
    problem: Problem,
    y: Tensor,
    algorithm: str,
    status: Status,
    best: Look[Any],
    iterations: int,
    began: float,
    history: tuple[tuple[int, float], ...],
) -> Solution:
    candidate = best.iterate()
    objective = best.objective
    if objective is None:
        objective = _objective(problem, as_double(y), candidate.coefficients)
    coefficients = tuple(x.to(like.dtype) for x, like in zip(candidate.coefficients, problem.zeros(y), strict=True))
    parts = problem.parts(coefficients)
    return Solution(
        coefficients=dict(zip(problem.names, coefficients, strict=True)),
        components=dict(zip(problem.names, parts, strict=True)),
        objective=objective,
        certificate=best.certificate,
        iterations=iterations,
        status=status,
        seconds=time.perf_counter() - began,
        algorithm=algorithm,
        history=history,
        dual=candidate,
    )


def _objective(problem: Problem, y: Tensor, x: Coefficients) -> Tensor:
    if problem.has_value:
        return problem.objective(x, y)
    return torch.full(problem.batch_shape(y), torch.nan, dtype=torch.float64, device=y.device)


def _better(one: Certificate, other: Certificate) -> bool:
    """Whether a certificate is preferred: any gap to any residual, else the smaller one."""
    if one.kind is not other.kind:
        return one.kind is CertificateKind.DUALITY_GAP
    return one.worst < other.worst


def _checked_start(problem: Problem, y: Tensor, start: Coefficients | None) -> Coefficients:
    zeros = problem.zeros(y)
    if start is None:
        return zeros
    if len(start) != len(zeros):
        message = f"the start has {len(start)} tensors, but the problem has the {len(zeros)} components {problem.names}"
        raise ShapeError(message)
    for name, given, zero in zip(problem.names, start, zeros, strict=True):
        if given.shape != zero.shape:
            message = f"the start of component {name!r} has shape {tuple(given.shape)}, but needs {tuple(zero.shape)}"
            raise ShapeError(message)
        if not bool(torch.isfinite(given).all()):
            message = f"the start of component {name!r} has values that are NaN or infinite"
            raise DataError(message)
    return tuple(given.to(zero) for given, zero in zip(start, zeros, strict=True))
