"""Sporco's solvers of convolutional sparse coding, told to do a number of steps or to stop at an accuracy."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Judge = Callable[[np.ndarray], float]
_QUIET = {"Verbose": False, "RelStopTol": 0.0, "DataType": np.float32}


class SporcoADMM:
    """`sporco.admm.cbpdn.ConvBPDN`, without statistics.

    Args:
        module: ``sporco.admm.cbpdn``.
        atoms: (*size, M).
        y: (*shape) or (*shape, items).
        weight: of the L1 norm.
        penalty: fixed; None for sporco's automatic one.
        axes: number of axes of one item.
    """

    variable = "Y"  # the sparse one

    def __init__(
        self, module: ModuleType, atoms: np.ndarray, y: np.ndarray, weight: float, penalty: float | None, axes: int
    ) -> None:
        self.make = lambda options: module.ConvBPDN(atoms, y, weight, module.ConvBPDN.Options(options), int(y.ndim > axes), axes)
        self.options = {"FastSolve": True, "RelaxParam": 1.8, "LinSolveCheck": False, **_QUIET}
        self.options |= {"AutoRho": {"Enabled": penalty is None}, **({} if penalty is None else {"rho": penalty})}

    def solve(self, steps: int) -> Any:  # noqa: ANN401
        """The solver after a number of steps, preparation included."""
        return self._run(steps, None)

    def steps_to(self, target: float, judge: Judge, limit: int) -> int | None:
        """The number of steps until ``judge`` of the sparse variable is at most the target; None if that is above the limit."""
        count = 0

        def stop(solver: Any) -> bool:  # noqa: ANN401
            nonlocal count
            count += 1
            return judge(getattr(solver, self.variable)) <= target

        solver = self._run(limit, stop)
        return count if judge(getattr(solver, self.variable)) <= target else None

    def _run(self, steps: int, callback: Callable[[Any], bool] | None) -> Any:  # noqa: ANN401
        solver = self.make({**self.options, "MaxMainIter": steps, "Callback": callback})
        solver.solve()
        return solver


class SporcoPGM(SporcoADMM):
    """`sporco.pgm.cbpdn.ConvBPDN`, its FISTA, without statistics.

    Args:
        module: ``sporco.pgm.cbpdn``.
        atoms: (*size, M).
        y: (*shape) or (*shape, items).
        weight: of the L1 norm.
        lipschitz: the squared norm of the dictionary, which fixes the step.
        axes: number of axes of one item.
    """

    variable = "X"

    def __init__(self, module: ModuleType, atoms: np.ndarray, y: np.ndarray, weight: float, lipschitz: float, axes: int) -> None:
        super().__init__(module, atoms, y, weight, None, axes)
        self.options = {"FastSolve": True, "L": lipschitz, **_QUIET}
