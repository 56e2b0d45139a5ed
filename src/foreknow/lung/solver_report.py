"""What a solver says about all windows of a recording together."""

from dataclasses import dataclass
from statistics import median

from torch import Tensor

from foreknow.solve import Solution, Status


@dataclass
class SolverReport:
    """What the solver says about all windows of a recording together.

    Attributes:
        windows: how many were separated.
        solves: how many times the model was solved for batches of them.
        converged: how many of these reached the tolerance.
        iterations: in all solves together.
        median_gap: relative duality gap in the solve that gave a window its result, an upper bound of how far it is from the
            optimum; the median over windows.
        worst_gap: the largest of these.
        tolerance: that was asked for.
    """

    windows: int = 0
    solves: int = 0
    converged: int = 0
    iterations: int = 0
    median_gap: float = 0.0
    worst_gap: float = 0.0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        self._gaps: list[float] = []

    def add_solve(self, solution: Solution) -> None:
        """Count one solve of the model."""
        self.solves += 1
        self.iterations += solution.iterations
        self.converged += solution.status is Status.CONVERGED

    def add_windows(self, gaps: Tensor) -> None:
        """Count windows that have their result: their relative duality gaps, (batch,)."""
        self._gaps += gaps.tolist()
        self.windows = len(self._gaps)
        self.median_gap, self.worst_gap = median(self._gaps), max(self._gaps)
