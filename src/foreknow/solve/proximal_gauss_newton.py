"""Proximal Gauss-Newton: models with operators that are not linear, such as simulators."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, UnsupportedError
from foreknow.noise import Gaussian, Huber
from foreknow.operators.base import LinearOperator
from foreknow.operators.nonlinear import JacobianMatrix, NonlinearOperator
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, norm, scale_items, select
from foreknow.solve.certificate import Certificate, CertificateKind
from foreknow.solve.precision import as_double
from foreknow.solve.self_certifying import Look, SelfCertifying


@dataclass(frozen=True)
class GaussNewtonState:
    """Coefficients, their objective (*batch,), and how far the linearised problem's solution was from them, (*batch,)."""

    coefficients: Coefficients
    objective: Tensor
    distance: Tensor


class ProximalGaussNewton(SelfCertifying[GaussNewtonState]):
    """Each step solves the model with its operators linearised, then goes as far towards that as the objective falls.

    min_z D(F(x) + F'(x) (z - x); y) + R(z) has linear operators and the same priors, and is solved by what `choose_algorithm` says:
    accelerated proximal gradient, or PDHG for composed priors (Burke and Ferris 1995; Lewis and Wright 2016). Where z = x, x is a
    stationary point: the relative distance of z from x is the certificate. It may be a local minimum.

    Args:
        inner: how linearised problems are solved; `choose_algorithm` if None.
        inner_tolerance: their relative duality gap or residual.
        inner_iterations: at most, in one step.
        stored: numbers of coefficients up to which an item's Jacobian is computed and kept as a matrix; beyond, products with it
            are made by differentiating the operator again and again.

    Raises:
        ParameterError: if a number is not positive.
    """

    differentiable = False
    patience = 5

    def __init__(
        self,
        inner: "Algorithm | None" = None,  # type: ignore[type-arg]
        inner_tolerance: float = 1e-7,
        inner_iterations: int = 2000,
        stored: int = 4096,
    ) -> None:
        if not inner_tolerance > 0 or inner_iterations < 1 or stored < 0:
            message = (
                f"inner tolerance ({inner_tolerance}) and iterations ({inner_iterations}) must be positive, "
                f"and the size of stored Jacobians ({stored}) not negative"
            )
            raise ParameterError(message)
        self.inner = inner
        self.inner_tolerance = inner_tolerance
        self.inner_iterations = inner_iterations
        self.stored = stored

    def check(self, problem: Problem) -> None:
        """Needs a data term of the misfit alone, and priors with values."""
        if not isinstance(problem.noise, (Gaussian, Huber)):
            message = f"{self.name} needs Gaussian or Huber noise, not {type(problem.noise).__name__}"
            raise UnsupportedError(message)
        if not problem.has_value:
            message = f"{self.name} lowers the objective, which the model lacks: a prior of it has no value"
            raise UnsupportedError(message)
        problem.splits()

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> GaussNewtonState:
        """Start from ``start``."""
        objective = problem.objective(start, y)
        return GaussNewtonState(start, objective, torch.full_like(objective, torch.inf))

    def step(self, problem: Problem, y: Tensor, state: GaussNewtonState) -> GaussNewtonState:
        """Linearise, solve, and go towards the solution."""
        from foreknow.solve.choose import choose_algorithm  # noqa: PLC0415  (which names this class)
        from foreknow.solve.driver import minimize  # noqa: PLC0415  (the driver knows all algorithms)

        x = state.coefficients
        operators, shift = self._linearise(problem, x)
        linear = problem.with_operators(operators)
        target = y + shift
        inner = choose_algorithm(linear) if self.inner is None else self.inner
        found = minimize(linear, target, inner, tolerance=self.inner_tolerance, max_iterations=self.inner_iterations, start=x)
        z = tuple(found.coefficients[name] for name in problem.names)
        change = add(z, x, -1)
        size = torch.maximum(norm(problem, x), norm(problem, z)).clamp_min(torch.finfo(state.objective.dtype).tiny)
        distance = norm(problem, change) / size
        promised = linear.objective(z, target) - state.objective  # negative
        moved, objective = self._search(problem, y, state, change, promised)
        return GaussNewtonState(moved, objective, distance)

    def _linearise(self, problem: Problem, x: Coefficients) -> tuple[list[LinearOperator], Tensor]:
        """F_i'(x_i) for every component, and sum_i F_i'(x_i) x_i - F_i(x_i)."""
        operators: list[LinearOperator] = []
        shift: Tensor | None = None
        for operator, part in zip(problem.declared_operators(), x, strict=True):
            if not isinstance(operator, NonlinearOperator):
                operators.append(operator)
                continue
            if math.prod(operator.domain) <= self.stored:
                value, matrix = operator.jacobian(part)
                linear: LinearOperator = JacobianMatrix(matrix, operator.domain, operator.range)
            else:
                value, linear = operator(part), operator.linearise(part)
            operators.append(linear)
            own = linear(part) - value
            shift = own if shift is None else shift + own
        return operators, torch.zeros(()) if shift is None else shift

    def _search(
        self, problem: Problem, y: Tensor, state: GaussNewtonState, change: Coefficients, promised: Tensor
    ) -> tuple[Coefficients, Tensor]:
        """The first of x + change, x + change / 2, ... that keeps a part of the promise; x for an item where none does."""
        length = torch.ones_like(state.objective)
        best, lowest = state.coefficients, state.objective
        waiting = torch.ones_like(length, dtype=torch.bool)
        for _ in range(_HALVINGS):
            trial = add(state.coefficients, scale_items(problem, length, change))
            objective = problem.objective(trial, y)
            good = waiting & (objective <= state.objective + 1e-4 * length * promised.clamp_max(0))
            best, lowest = select(problem, good, trial, best), torch.where(good, objective, lowest)
            waiting = waiting & ~good
            if not bool(waiting.any()):
                break
            length = torch.where(waiting, length / 2, length)
        return best, lowest

    def iterate(self, problem: Problem, y: Tensor, state: GaussNewtonState) -> Iterate:  # noqa: ARG002
        """The coefficients."""
        return Iterate(state.coefficients)

    def first_pause(self, state: GaussNewtonState, tolerance: float) -> int:  # noqa: ARG002
        """Every step is worth a look."""
        return 1

    def advance(self, problem: Problem, y: Tensor, state: GaussNewtonState, steps: int) -> GaussNewtonState:
        """So many steps."""
        for _ in range(steps):
            state = self.step(problem, y, state)
        return state

    def look(self, problem: Problem, y: Tensor, state: GaussNewtonState, tolerance: float) -> Look[GaussNewtonState]:  # noqa: ARG002
        """The distance of the last linearised solution.

        Raises:
            DataError: if the coefficients are not finite.
        """
        if not all(bool(torch.isfinite(part).all()) for part in state.coefficients):
            message = f"{self.name} left the finite numbers; scale the data nearer to 1, or start nearer to the solution"
            raise DataError(message)
        distance = state.distance.double()
        size = norm(problem, state.coefficients).double()
        certificate = Certificate(CertificateKind.FIXED_POINT_RESIDUAL, distance * size, distance)
        candidate = Iterate(tuple(as_double(part) for part in state.coefficients))
        return Look(certificate, state.objective.double(), lambda: candidate, state, 1)


_HALVINGS = 20
