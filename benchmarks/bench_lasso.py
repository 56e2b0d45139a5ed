"""The dense lasso: FISTA with restart and its own steps, against pyproximal's FISTA and coordinate descent (celer, skglm)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import peer
from benchmarks.reaching import excesses, first_below, run_steps
from benchmarks.table import Table
from benchmarks.timing import time_interleaved
from foreknow import L1, Component, Model
from foreknow.operators import Matrix
from foreknow.problem import Problem
from foreknow.solve import FISTA, minimize
from foreknow.solve.step_rule import NormStep

TITLE = "Dense lasso: seconds to a relative objective"
LIMIT = 3000
TARGETS = (1e-4, 1e-6)
TOLERANCES = tuple(10.0**-k for k in range(1, 13))
SETTINGS = ((0.0, 0.1), (0.9, 0.02))  # correlation of neighbouring columns; weight as a fraction of the largest useful one


@dataclass(frozen=True)
class Case:
    """A lasso with one or more data vectors, in float32 (which float64 solvers are given exactly), and its optima.

    Attributes:
        name: for the table.
        matrix: (rows, columns).
        y: (items, rows).
        weight: (items, 1), one an item.
        optimum: (items,), float64.
    """

    name: str
    matrix: Tensor
    y: Tensor
    weight: Tensor
    optimum: Tensor

    def problem(self, dtype: torch.dtype) -> Problem:
        """Declared in a precision."""
        return _declare(self.matrix.to(dtype), self.weight)

    @cached_property
    def _in_double(self) -> Problem:
        return self.problem(torch.float64).for_data(self.y.double())

    def judge(self, codes: np.ndarray) -> float:
        """The relative excess of codes (items, columns): of the worst item."""
        x = torch.from_numpy(np.asarray(codes)).double()
        values = self._in_double.objective((x,), self.y.double())
        return float((values / self.optimum - 1).max())


@dataclass(frozen=True)
class Method:
    """A solver: the setting (steps, or a tolerance) with which it reaches a target, and a run with a setting."""

    setting: Callable[[float], int | float | None]
    run: Callable[[Any], object]


def run(quick: bool) -> Table:
    table = Table(["case", "method", "target", "steps or tolerance", "ms", "times as long as the first"])
    size = (100, 400) if quick else (500, 2500)
    for correlation, fraction in SETTINGS:
        for items in (1, 4 if quick else 32):
            case = make(size, correlation, fraction, items)
            methods = _methods(table, case)
            for target in TARGETS:
                _measure(table, case, methods, target, quick=quick)
    table.notes = list(dict.fromkeys(table.notes))  # a missing peer is missing once
    table.notes += [
        f"{size[0]} x {size[1]} Gaussian, 20 non-zero coefficients, noise 10 %; relative objective, in float64, of the worst item.",
        "Each method does the least number of steps (or has the largest tolerance, a power of ten) that reaches the target.",
        "foreknow solves all items at once, in float32 unless said; celer and skglm (float64) one after another.",
        "pyproximal (float64) is given the exact step; what it is made of is not timed. foreknow's preparation is.",
        "Without backtracking, foreknow's steps are from the norm of the matrix, whose computation is timed.",
        "celer and skglm (coordinate descent with working sets) win for one dense lasso; in a batch FISTA catches up.",
    ]
    return table


def make(size: tuple[int, int], correlation: float, fraction: float, items: int) -> Case:
    """A random problem and its optimum."""
    generator = torch.Generator().manual_seed(7)
    matrix = torch.randn(size, generator=generator)
    for column in range(1, size[1]):
        matrix[:, column] = correlation * matrix[:, column - 1] + (1 - correlation**2) ** 0.5 * matrix[:, column]
    codes = torch.zeros(items, size[1])
    for code in codes:
        code[torch.randperm(size[1], generator=generator)[:20]] = torch.randn(20, generator=generator)
    y = codes @ matrix.T
    y += 0.1 * y.std(dim=1, keepdim=True) * torch.randn(y.shape, generator=generator)
    weight = fraction * (y.double() @ matrix.double()).abs().amax(dim=1, keepdim=True)
    best = minimize(_declare(matrix.double(), weight), y.double(), FISTA(), tolerance=1e-11, max_iterations=50000)
    name = f"correlation {correlation}, weight {fraction} of the largest, {items} signal{'s' if items > 1 else ''}"
    return Case(name, matrix, y, weight, best.objective)


def _declare(matrix: Tensor, weight: Tensor) -> Problem:
    return Model(code=Component(L1(weight), Matrix(matrix))).problem


def _measure(table: Table, case: Case, methods: dict[str, Method], target: float, *, quick: bool) -> None:
    settings = {name: method.setting(target) for name, method in methods.items()}
    ready = {name: partial(methods[name].run, value) for name, value in settings.items() if value is not None}
    timings = time_interleaved(ready, repetitions=3 if quick else 11, budget=4.0 if quick else 20.0)
    for name, value in settings.items():
        shown = f"{target:.0e}"
        if value is None:
            table.add(case.name, name, shown, "not reached", None, None)
        else:
            text = f"{value:.0e}" if isinstance(value, float) else value
            table.add(case.name, name, shown, text, 1000 * timings[name].median, timings[name].ratio)


def _methods(table: Table, case: Case) -> dict[str, Method]:
    single, double = torch.float32, torch.float64
    methods = {
        "foreknow FISTA": _ours(case, FISTA(), single),
        "foreknow FISTA, float64": _ours(case, FISTA(), double),
    }
    pyproximal, pylops = peer("pyproximal", table), peer("pylops", table)
    alone = len(case.y) == 1  # the slow ones are not needed again for many signals
    if alone:
        methods["foreknow FISTA, neither restart nor backtracking"] = _ours(case, FISTA(restart=False, step=NormStep()), single)
    if alone and pyproximal is not None and pylops is not None:
        methods["pyproximal FISTA"] = _pyproximal(pyproximal, pylops, case)
    for name, module in (("celer", peer("celer", table)), ("skglm", peer("skglm", table))):
        if module is not None:
            methods[name] = _coordinate_descent(module, case)
    return methods


def _ours(case: Case, algorithm: FISTA, dtype: torch.dtype) -> Method:
    problem, y = case.problem(dtype), case.y.to(dtype)
    counts = first_below(excesses(problem, y, algorithm, case.optimum, LIMIT), TARGETS)
    return Method(counts.__getitem__, partial(run_steps, problem, y, algorithm))


def _pyproximal(pyproximal: ModuleType, pylops: ModuleType, case: Case) -> Method:
    matrix, y = case.matrix.double().numpy(), case.y[0].double().numpy()
    step = 1 / np.linalg.norm(matrix, 2) ** 2
    fit = pyproximal.L2(Op=pylops.MatrixMult(matrix), b=y)  # computes the Gram matrix for a proximal map that is not asked for
    norm = pyproximal.L1(sigma=float(case.weight))

    def solve(steps: int, callback: Callable[[np.ndarray], None] | None = None) -> np.ndarray:
        return pyproximal.optimization.primal.ProximalGradient(
            fit,
            norm,
            x0=np.zeros(matrix.shape[1]),
            tau=step,
            niter=steps,
            acceleration="fista",
            callback=callback,
        )

    path: list[np.ndarray] = []
    solve(LIMIT // 2, lambda x: path.append(x[None].copy()))
    counts = first_below(map(case.judge, path), TARGETS)
    return Method(counts.__getitem__, solve)


def _coordinate_descent(module: ModuleType, case: Case) -> Method:
    """Both have the lasso of scikit-learn: |y - A x|^2 / (2 rows) + alpha |x|_1."""
    matrix, data = np.asfortranarray(case.matrix.double().numpy()), case.y.double().numpy()
    alphas = (case.weight.double().flatten() / len(matrix)).tolist()

    def solve(tolerance: float) -> np.ndarray:
        fits = [module.Lasso(alpha=alpha, fit_intercept=False, tol=tolerance) for alpha in alphas]
        return np.stack([fit.fit(matrix, y).coef_ for fit, y in zip(fits, data, strict=True)])

    return Method(lambda target: next((t for t in TOLERANCES if case.judge(solve(t)) <= target), None), solve)
