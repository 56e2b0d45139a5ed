"""Differentiating an unrolled convolutional sparse coding: time, memory and error of the modes."""

import os
import resource
import subprocess
import sys
import time
import warnings

import torch
from torch import Tensor

from benchmarks.table import Table
from foreknow import L1, Component, Gaussian, Model
from foreknow.operators import Dictionary
from foreknow.solve import FISTA
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Backprop, Checkpoint, Differentiation, Implicit, OneStep, Operators, Truncated, Weights

TITLE = "Unrolling: what a gradient costs"
_RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536"}
_MEMORY = (
    "Memory: the largest resident set of a process of its own, less that after a run of a step or two; every large "
    "block goes back to the system when it is freed (MALLOC_MMAP_THRESHOLD_), which the run that is timed does not ask for."
)
MODES = ("Backprop", "Checkpoint", "Truncated(10)", "OneStep", "Implicit")


def run(quick: bool) -> Table:
    table = Table(["mode", "steps", "forward s", "backward s", "backward / forward", "memory MB", "residual", "error of gradient"])
    size = 16 if quick else 64
    exact = _reference(size) if quick else None
    for mode in MODES:
        for steps in (10, 100) if quick else (10, 100, 1000):
            if mode == "Backprop" and steps > 100 and not quick:
                table.add(mode, steps, None, None, None, None, None, "not run: some gigabytes")
                continue
            forward, backward, _, residual = _in_own_process(mode, steps, size, {})
            memory = _in_own_process(mode, steps, size, _RETURNED)[2]
            error = None if exact is None else _error(mode, steps, size, exact)
            table.add(mode, steps, forward, backward, backward / forward, memory, residual, error)
    _accuracy(table)
    table.notes += [
        f"Lasso over 16 circular filters of 7 x 7, coefficients 4 x 16 x {size} x {size}, float32, FISTA with restart, one thread.",
        _MEMORY,
        "Residual: relative change that one more proximal gradient step makes.",
        "Error: of the gradient of the filters against that of a converged solution, relative, at 1 x 16 x 32 x 32 in float64.",
    ]
    return table


def _mode(name: str) -> Differentiation:
    return {
        "Backprop": Backprop(),
        "Checkpoint": Checkpoint(),
        "Truncated(10)": Truncated(10),
        "OneStep": OneStep(),
        "Implicit": Implicit(),
    }[name]


def _problem(batch: int, size: int, dtype: torch.dtype, weight: float = 0.1) -> tuple[Model, Tensor]:
    generator = torch.Generator().manual_seed(0)
    atoms = torch.randn(16, 7, 7, generator=generator, dtype=dtype)
    atoms /= atoms.flatten(1).norm(dim=1)[:, None, None]
    dictionary = Dictionary(atoms, mode="circular")
    planted = torch.randn(batch, 16, size, size, generator=generator, dtype=dtype)
    planted *= torch.rand(planted.shape, generator=generator, dtype=dtype) < 0.02
    y = dictionary(planted) + 0.05 * torch.randn(batch, size, size, generator=generator, dtype=dtype)
    return Model(x=Component(L1(weight, event_dims=3), dictionary), noise=Gaussian(1.0)), y


def _gradient(name: str, steps: int, model: Model, y: Tensor) -> tuple[Tensor, float, float, float]:
    """The gradient of the filters, seconds forward and backward, and the relative residual."""
    network = model.unroll(
        steps, algorithm=FISTA(step=NormStep()), learn=(Weights(), Operators()), shared=True, differentiation=_mode(name)
    )
    weights = torch.linspace(-1, 1, y.shape[-1], dtype=y.dtype)
    began = time.perf_counter()
    estimate = network(y)
    loss = (estimate["x"] * weights).sum() + estimate["x"].square().sum()
    middle = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that steps have not converged is a column of the table
        loss.backward()
    ended = time.perf_counter()
    x = estimate.coefficients["x"].detach()
    with torch.no_grad():
        after = model.unroll(1, algorithm=FISTA(step=NormStep()), learn=())(y, start={"x": x}).coefficients["x"]
    residual = float((after - x).norm() / x.norm())
    (filters,) = (p.grad for key, p in network.named_parameters() if "atoms" in key)
    assert filters is not None
    return filters, middle - began, ended - middle, residual


def _in_own_process(name: str, steps: int, size: int, settings: dict[str, str]) -> tuple[float, float, float, float]:
    """Seconds forward and backward, megabytes, and the residual, measured in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.bench_differentiation", name, str(steps), str(size)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | settings)  # noqa: S603  (this file)
    forward, backward, memory, residual = map(float, result.stdout.split())
    return forward, backward, memory, residual


def _accuracy(table: Table) -> None:
    """Errors where the steps have converged, nearly, and not at all."""
    for weight in (0.1, 0.5):
        model, y = _problem(1, 32, torch.float64, weight)
        exact = _gradient("Implicit", 8000, model, y)[0]
        for name in ("Backprop", "OneStep", "Implicit"):
            for steps in (30, 100, 300, 1000):
                if name == "Backprop" and steps > 300:
                    continue
                found, forward, backward, residual = _gradient(name, steps, model, y)
                error = float((found - exact).norm() / exact.norm())
                table.add(f"{name}, weight {weight}", steps, forward, backward, backward / forward, None, residual, error)


def _reference(size: int) -> Tensor:
    model, y = _problem(1, size, torch.float64)
    return _gradient("Implicit", 4000, model, y)[0]


def _error(name: str, steps: int, size: int, exact: Tensor) -> float:
    model, y = _problem(1, size, torch.float64)
    return float((_gradient(name, steps, model, y)[0] - exact).norm() / exact.norm())


def _measure(name: str, steps: int, size: int) -> None:
    torch.set_num_threads(1)
    model, y = _problem(4, size, torch.float32)
    _gradient(name, 1 if name != "Implicit" else 2, model, y)
    before = _resident_peak()
    _, forward, backward, residual = _gradient(name, steps, model, y)
    sys.stdout.write(f"{forward} {backward} {_resident_peak() - before} {residual}\n")


def _resident_peak() -> float:
    """Megabytes (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
