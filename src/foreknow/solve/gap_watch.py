"""Looking at an algorithm from outside: when, and what the general certificate says."""

import math
import sys
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, norm
from foreknow.solve.certificate import Certificate, CertificateKind, duality_gap, in_double
from foreknow.solve.precision import as_double, at_precision
from foreknow.solve.self_certifying import Look


class GapWatch:
    """Advances an algorithm that leaves its certificate to the general duality gap, or to the residual where there is none.

    A look costs as much as some steps, because it is made in float64. The first is after one step and the second after
    ``look_every``. Then each waits for seven tenths of the steps that the certificate needs to reach the tolerance if it goes on
    falling as it did between the last two looks, but for at least ``look_every`` steps and at most half of those made so far; for a
    tenth of these where it did not fall. The bounds of the optimum that the looks find are kept, so that each certificate is at
    least as good as what the best of them would give.

    Args:
        algorithm: what is watched.
        problem: bound to the shape of the data, as declared.
        y: the data, (*batch, *shape).
        look_every: least number of steps between two looks.
        dual_steps: see `duality_gap`.
    """

    def __init__(self, algorithm: Algorithm[Any], problem: Problem, y: Tensor, look_every: int, dual_steps: int) -> None:
        self.algorithm = algorithm
        self.problem = at_precision(problem, torch.float64)
        self.y = as_double(y)
        self.look_every = look_every
        self.dual_steps = dual_steps
        self.previous: Any = None
        self.iteration = 0
        self.bound: Tensor | None = None
        self.last: tuple[int, float] = (0, math.inf)  # the last look: after how many steps, and the worst relative certificate
        self.mark: tuple[int, float] = (0, math.inf)  # the last look that was 5 % better than the mark before

    @property
    def patience(self) -> int:
        """Looks without a certificate 5 % better before a run has stalled: 1, but not for so many steps as brought it here."""
        waited, before = self.iteration - self.mark[0], self.mark[0]
        return 1 if waited >= max(200 * self.look_every, before) else sys.maxsize

    def first_pause(self, state: Any, tolerance: float) -> int:  # noqa: ANN401, ARG002
        """One step."""
        return 1

    def advance(self, problem: Problem, y: Tensor, state: Any, steps: int) -> Any:  # noqa: ANN401
        """The state after ``steps`` steps."""
        for _ in range(steps):
            self.previous, state = state, self.algorithm.step(problem, y, state)
        self.iteration += steps
        return state

    def look(self, problem: Problem, y: Tensor, state: Any, tolerance: float) -> Look[Any]:  # noqa: ANN401
        """The certificate of what the algorithm would return.

        Raises:
            DataError: if that is not finite.
        """
        candidate = self.algorithm.iterate(problem, y, state)
        if not bool(torch.isfinite(_total(candidate.coefficients))):
            message = (
                f"{self.algorithm.name} left the finite numbers at iteration {self.iteration} "
                f"in {_not_finite(problem, candidate)}; scale the data nearer to 1 or use float64"
            )
            raise DataError(message)
        candidate = in_double(self.problem, self.y, candidate)
        certificate = duality_gap(self.problem, self.y, candidate, self.dual_steps if self.iteration > 1 else 0, self.bound)
        if certificate is None:
            certificate = _residual(problem, self.algorithm.iterate(problem, y, self.previous), candidate)
        else:
            self.bound = certificate.bound
        pause = self._pause(certificate.worst, tolerance)
        if certificate.worst < 0.95 * self.mark[1]:
            self.mark = (self.iteration, certificate.worst)
        self.last = (self.iteration, certificate.worst)
        return Look(certificate, certificate.objective, lambda: candidate, state, pause)

    def _pause(self, worst: float, tolerance: float) -> int:
        """Steps until the next look."""
        if self.iteration < self.look_every:
            return self.look_every - self.iteration
        steps, before = self.iteration - self.last[0], self.last[1]
        if not tolerance < worst < before < math.inf:
            return max(self.look_every, self.iteration // 10)
        needed = steps * math.log(worst / tolerance) / math.log(before / worst)
        return max(self.look_every, min(int(0.7 * needed), self.iteration // 2))


def _residual(problem: Problem, before: Iterate, after: Iterate) -> Certificate:
    """The change of the last step, relative to the iterate."""
    size = norm(problem, after.coefficients).double()
    change = norm(problem, add(after.coefficients, tuple(as_double(x) for x in before.coefficients), -1)).double()
    relative = torch.where(change == 0, torch.zeros_like(change), change / size.clamp_min(torch.finfo(torch.float64).tiny))
    return Certificate(CertificateKind.FIXED_POINT_RESIDUAL, change, relative)


def _total(x: Coefficients) -> Tensor:
    return torch.stack([part.abs().sum().double() for part in x]).sum()


def _not_finite(problem: Problem, candidate: Iterate) -> str:
    """The components whose coefficients hold a NaN or an infinity, quoted."""
    pairs = zip(problem.names, candidate.coefficients, strict=True)
    named = [repr(name) for name, part in pairs if not bool(torch.isfinite(part).all())]
    return "component " + " and ".join(named) if named else "the sum of all components"
