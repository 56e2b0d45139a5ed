"""Unrolled 4D-Var: learned gradient steps against classical minimisers at equal and at any cost."""

import statistics
import time

import torch
from torch import Tensor

from benchmarks.table import Table
from foreknow.learn import Compute, Examples, Settings, Silent, Supervised, fit
from foreknow.simulate import Integrated, Lorenz96
from foreknow.simulate.assimilation import Background, Diagonal, FourDVar, ObservedSystem, TwinExperiment, Window
from foreknow.simulate.assimilation.unrolled import TRAJECTORY, RingCorrection, UnrolledFourDVar
from foreknow.solve import LBFGS

TITLE = "Unrolled assimilation: learned steps of 4D-Var"
SIZE, CYCLES, STEPS = 20, 6, 8
_NOTES = f"""Lorenz-96 of {SIZE} places, all observed with variance 1 every step in windows of {CYCLES}; the background is the
    first observation. RMSE against the truth of 128 windows that were not learned from, in the first and the last state; {STEPS}
    gradients cost one run of the model forward and back each. Learned: steps, momenta and a small network, from 512 simulated
    windows with truth. Medians of three seeds."""


def run(quick: bool) -> Table:
    table = Table(["method", "gradients", "RMSE, first state", "RMSE, last state", "seconds for 128 windows"])
    found: dict[tuple[str, int | None], list[tuple[float, float, float]]] = {}
    for seed in range(1 if quick else 3):
        for key, result in _one(seed, epochs=1 if quick else 10).items():
            found.setdefault(key, []).append(result)
    for (name, gradients), results in found.items():
        table.add(name, gradients, *(statistics.median(column) for column in zip(*results, strict=True)))
    table.notes.append(" ".join(_NOTES.split()))
    return table


def _one(seed: int, epochs: int) -> dict[tuple[str, int | None], tuple[float, float, float]]:
    torch.manual_seed(seed)
    system = ObservedSystem(Integrated(Lorenz96(SIZE), 0.05), Diagonal(1.0))
    twin = TwinExperiment(system, CYCLES, spin_up=100, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    training, test = twin.simulate(generator, (512,)), twin.simulate(generator, (128,))

    def first(y: Tensor) -> Tensor:
        return y[..., 0, :]

    network = UnrolledFourDVar(system, first, Background(torch.zeros(SIZE), Diagonal(1.0)), STEPS, RingCorrection())
    found = {("unrolled, before training", STEPS): _score(lambda: network(test.observations)[TRAJECTORY], test.states)}
    pairs = Examples(training.observations, {TRAJECTORY: training.states})
    settings = Settings(epochs=epochs, batch_size=32, learning_rate=3e-3, seed=seed)
    fit(network, Supervised(), pairs, settings, progress=Silent(), compute=Compute("cpu"))
    found["unrolled, learned", STEPS] = _score(lambda: network(test.observations)[TRAJECTORY], test.states)
    window = Window(system, Background(first(test.observations), Diagonal(1.0)), test.observations)
    for iterations in (STEPS // 2, STEPS, 30):
        solver = FourDVar(LBFGS(1e-4, iterations))
        found["4D-Var, L-BFGS", iterations] = _score(lambda solver=solver: solver.solve(window).states, test.states)
    found["4D-Var, Gauss-Newton, converged", None] = _score(lambda: FourDVar().solve(window).states, test.states)
    return found


def _score(method, truth: Tensor) -> tuple[float, float, float]:  # noqa: ANN001  (a function without arguments)
    start = time.perf_counter()
    with torch.no_grad():
        states = method()
    seconds = time.perf_counter() - start
    errors = (states - truth).square().mean(dim=-1).sqrt().mean(dim=0)
    return float(errors[0]), float(errors[-1]), seconds
