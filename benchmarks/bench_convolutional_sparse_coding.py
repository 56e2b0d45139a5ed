"""Convolutional sparse coding: ADMM with an automatic penalty and FISTA, against sporco; an image, a signal, a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers import peer
from benchmarks.reaching import excesses, first_below, run_steps, solve_steps
from benchmarks.sporco_peers import SporcoADMM, SporcoPGM
from benchmarks.table import Table
from benchmarks.timing import Timing, time_interleaved
from foreknow import L1, Component, Model
from foreknow.operators import Dictionary
from foreknow.problem import Problem
from foreknow.solve import ADMM, FISTA, Algorithm, minimize
from foreknow.solve.penalty import FixedPenalty

TITLE = "Convolutional sparse coding: seconds to a relative objective of 1e-4"
TARGET, LIMIT = 1e-4, 1000
GRID = tuple(10.0 ** (k / 4) for k in range(-6, 9))
WEIGHT = 0.1
CASES = (
    ("2-D: 32 atoms 8 x 8, 128 x 128", 32, (8, 8), (128, 128), 0),
    ("1-D: 16 atoms of 32, 8192", 16, (32,), (8192,), 0),
    ("1-D: 16 atoms of 32, batch of 16 x 1024", 16, (32,), (1024,), 16),
)
QUICK_CASES = (
    ("2-D: 8 atoms 8 x 8, 48 x 48", 8, (8, 8), (48, 48), 0),
    ("1-D: 8 atoms of 16, batch of 4 x 256", 8, (16,), (256,), 4),
)
_AUTOMATIC, _BEST, _FISTA = "foreknow ADMM, automatic penalty", "foreknow ADMM, best fixed penalty", "foreknow FISTA with restart"
_CERTIFIED = "the same with its certificates on the way"
_SAME, _OTHER, _PGM = "sporco ADMM, the same fixed penalty", "sporco ADMM, its automatic penalty", "sporco PGM (FISTA)"


@dataclass(frozen=True)
class Case:
    """A dictionary and data, in float32, with the optimal objective in float64.

    Attributes:
        name: for the table.
        atoms: (M, *size).
        y: (*batch, *shape), with at most one batch axis.
        problem: what is minimised.
        optimum: (*batch,).
    """

    name: str
    atoms: Tensor
    y: Tensor
    problem: Problem
    optimum: Tensor

    @property
    def axes(self) -> int:
        """Number of axes of one item."""
        return self.atoms.ndim - 1

    def steps(self, algorithm: Algorithm, limit: int = LIMIT) -> int | None:  # type: ignore[type-arg]
        """Our steps to the target."""
        return first_below(excesses(self.problem, self.y, algorithm, self.optimum, limit), [TARGET])[TARGET]

    def judge(self, maps: np.ndarray) -> float:
        """The relative excess of maps as sporco has them, (*shape, 1, items, M): of the worst item."""
        x = torch.from_numpy(np.moveaxis(maps[..., 0, :, :], (-2, -1), (0, 1))).double()
        x = x if self.y.ndim > self.axes else x[0]
        return float((self.problem.for_data(self.y).objective((x,), self.y.double()) / self.optimum - 1).max())

    def for_sporco(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Atoms (*size, M), data (*shape) or (*shape, items), and the weight."""
        y = self.y.numpy()
        return self.atoms.movedim(0, -1).numpy(), np.moveaxis(y, 0, -1) if y.ndim > self.axes else y, WEIGHT


@dataclass(frozen=True)
class Method:
    """A row of the table: how many steps it needs (None: more than the limit), and what runs that many."""

    steps: int | None
    run: Callable[[int], object]
    penalty: float | None = None


def run(quick: bool) -> Table:
    table = Table(["case", "method", "penalty", "steps", "ms a step", "seconds", "times as long as the first"])
    for case in QUICK_CASES if quick else CASES:
        _measure(table, make(*case), quick=quick)
    table.notes = list(dict.fromkeys(table.notes))  # a missing peer is missing once
    table.notes += [
        f"Atoms: Gaussian, unit norm; data: 0.3 % spikes through them, noise 0.05; weight {WEIGHT}; float32; one thread.",
        f"Steps until the objective, in float64, is within {TARGET:.0e} of the optimum (certified to 1e-9) for every item.",
        "Seconds for so many steps, from the data on, interleaved, median; without statistics, here and there, but for one row.",
        f"The best fixed penalty: of {len(GRID)} from {GRID[0]:.2g} to {GRID[-1]:.2g}. Relaxation 1.8 everywhere.",
        "sporco with FastSolve; its PGM with the exact Lipschitz constant, which is not timed.",
        "deepinv is not measured: it imports torchvision, of which there is no CPU build for the torch that is pinned here.",
    ]
    return table


def make(name: str, count: int, size: tuple[int, ...], shape: tuple[int, ...], batch: int) -> Case:
    """A random problem and its optimum."""
    generator = torch.Generator().manual_seed(0)
    atoms = torch.randn(count, *size, generator=generator)
    atoms /= torch.linalg.vector_norm(atoms.flatten(1), dim=1).reshape(-1, *(1,) * len(size))
    dictionary = Dictionary(atoms, "circular", origin=0)
    places = torch.rand(*((batch,) if batch else ()), count, *shape, generator=generator) < 0.003
    y = dictionary(places * torch.randn(places.shape, generator=generator))
    y += 0.05 * torch.randn(y.shape, generator=generator)
    problem = Model(code=Component(L1(WEIGHT, event_dims=len(shape) + 1), dictionary)).problem
    best = minimize(problem, y.double(), ADMM(), tolerance=1e-9, max_iterations=20000)
    return Case(name, atoms, y, problem, best.objective)


def _measure(table: Table, case: Case, *, quick: bool) -> None:
    methods = _ours(case)
    best = methods[_BEST]
    solvers, gradient = peer("sporco.admm.cbpdn", table), peer("sporco.pgm.cbpdn", table)
    if solvers is not None and gradient is not None:
        import sporco.fft

        sporco.fft.pyfftw_threads = 1
        lipschitz = float(case.problem.for_data(case.y).squared_norm_bound())
        peers = {
            _SAME: SporcoADMM(solvers, *case.for_sporco(), best.penalty, case.axes),
            _OTHER: SporcoADMM(solvers, *case.for_sporco(), None, case.axes),
            _PGM: SporcoPGM(gradient, *case.for_sporco(), lipschitz, case.axes),
        }
        for name, other in peers.items():
            methods[name] = Method(other.steps_to(TARGET, case.judge, LIMIT), other.solve, best.penalty if name == _SAME else None)
    ready = {name: partial(method.run, method.steps) for name, method in methods.items() if method.steps is not None}
    timings = time_interleaved(ready, repetitions=3 if quick else 9, budget=5.0 if quick else 150.0)
    for name, method in methods.items():
        if method.steps is None:
            table.add(case.name, name, method.penalty, f"not in {LIMIT}", None, None, None)
        else:
            seconds = timings[name].median
            table.add(case.name, name, method.penalty, method.steps, 1000 * seconds / method.steps, seconds, timings[name].ratio)
    table.notes.append(f"{case.name}: {_summary(timings)}.")


def _ours(case: Case) -> dict[str, Method]:
    fixed: dict[float, int] = {}
    for penalty in GRID:
        count = case.steps(ADMM(FixedPenalty(penalty)), min(fixed.values(), default=LIMIT))
        fixed |= {} if count is None else {penalty: count}
    best = min(fixed, key=lambda penalty: fixed[penalty])

    automatic = case.steps(ADMM())
    return {
        _AUTOMATIC: Method(automatic, partial(run_steps, case.problem, case.y, ADMM())),
        _CERTIFIED: Method(automatic, partial(solve_steps, case.problem, case.y, ADMM())),
        _BEST: Method(fixed[best], partial(run_steps, case.problem, case.y, ADMM(FixedPenalty(best))), best),
        _FISTA: Method(case.steps(FISTA()), partial(run_steps, case.problem, case.y, FISTA())),
    }


def _summary(timings: dict[str, Timing]) -> str:
    """The quotients that the design asks for."""

    def quotient(slow: str, fast: str) -> str:
        if slow not in timings or fast not in timings:
            return "not measured"
        pairs = zip(timings[slow].seconds, timings[fast].seconds, strict=True)
        return f"{float(np.median([one / other for one, other in pairs])):.2f}"

    return (
        f"sporco / foreknow at the same penalty {quotient(_SAME, _BEST)}; sporco PGM / foreknow ADMM {quotient(_PGM, _AUTOMATIC)}; "
        f"sporco PGM / foreknow FISTA {quotient(_PGM, _FISTA)}; automatic / best fixed penalty {quotient(_AUTOMATIC, _BEST)}"
    )
