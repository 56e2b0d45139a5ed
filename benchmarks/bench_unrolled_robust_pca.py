"""Unrolled robust PCA trained without labels, against the classical solver; and the factorised one on the published test."""

import math
import statistics

import torch
from torch import Tensor

from benchmarks.films import depth_films, film
from benchmarks.table import Table
from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.inject import ModelLoss, Subgradient
from foreknow.learn import Example, Examples, Objective, Settings, Silent, fit
from foreknow.learn.emission import Emit
from foreknow.solve import RobustPCA
from foreknow.unroll import FactorisedRobustPCA, StepSizes, UnrolledNetwork, Weights

TITLE = "Unrolling: robust PCA in a few steps, trained without labels"
HEIGHT, WIDTH, FRAMES = 48, 64, 30
_CLASSICAL_STEPS = (2, 3, 4, 6, 8, 12, 16, 20, 30, 60)
_NOTES = (
    f"Films of {FRAMES} frames of {HEIGHT} x {WIDTH}, one frame a column, weights 1 and 1/sqrt(pixels), exact data, float32.",
    "Excess: of the objective of (y - S, S) over the certified optimum, relative; median and worst over the films.",
    """Learned: weights and penalties of every step by the objective alone, no labels; other films (of the real ones, hand-held in a
    static room, the first half) than those of the test.""",
    "Classical: RobustPCA (inexact augmented Lagrangian, penalty 1.5 times a step, then balanced) after so many steps.",
    "Factorised: FactorisedRobustPCA, untrained, the rank given; 10000 x 50, rank 10, 2 % outliers of N(0, 10^2).",
)


def run(quick: bool) -> Table:
    table = Table(["data", "method", "steps", "excess over the optimum", "worst", "result"])
    model = Model(low_rank=Component(NuclearNorm()), sparse=Component(L1((HEIGHT * WIDTH) ** -0.5, event_dims=2)), noise=Exact())
    training = torch.stack([film(HEIGHT, WIDTH, FRAMES, seed) for seed in range(8 if quick else 24)])
    tests = {"simulated films": torch.stack([film(HEIGHT, WIDTH, FRAMES, 1000 + seed) for seed in range(8)])}
    real = depth_films(HEIGHT, WIDTH, FRAMES)
    if real is None:
        table.notes.append("The folder shared/data/depth is absent: real sequences are left out.")
    else:
        training = torch.cat((training, real[: len(real) // 2]))
        tests["real depth films"] = real[len(real) // 2 :]
    learned = {steps: _trained(model, steps, training, quick=quick) for steps in ((3,) if quick else (2, 3, 4, 6))}
    for name, y in tests.items():
        _compare(table, name, y, model, learned)
    for seed in range(1 if quick else 3):
        _factorised(table, seed)
    table.notes += [" ".join(note.split()) for note in _NOTES]
    return table


class _Objective(Objective):
    """The declared objective at (y - S, S), relative to the L1 norm of the data so that all films count alike."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.loss = ModelLoss(model.problem, "low_rank", Subgradient())

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        return self.loss(emit(example.y).coefficients, example.y) / example.y.abs().sum(dim=(-2, -1)).sqrt()


def _trained(model: Model, steps: int, data: Tensor, *, quick: bool) -> UnrolledNetwork:
    network = model.unroll(steps, algorithm=RobustPCA(), learn=(Weights(), StepSizes()))
    settings = Settings(epochs=2 if quick else 25, batch_size=4, learning_rate=0.05)
    fit(network, _Objective(model), Examples(data), settings, progress=Silent())
    return network


def _compare(table: Table, name: str, y: Tensor, model: Model, learned: dict[int, UnrolledNetwork]) -> None:
    solution = model.solve(y, tolerance=1e-5)
    optimum = solution.objective - solution.certificate.absolute
    loss = ModelLoss(model.problem, "low_rank", Subgradient())

    def excess(network: UnrolledNetwork) -> list[float]:
        with torch.no_grad():
            value = loss(network(y).coefficients, y).double()
        return ((value - optimum) / optimum).tolist()

    certified = f"certified gap {solution.certificate.worst:.1e}"
    table.add(name, f"classical, {solution.algorithm}", solution.iterations, None, None, certified)
    classical = {
        steps: excess(model.unroll(steps, algorithm=RobustPCA(), learn=())) for steps in (2, 3, 4, 6, 8, 12, 16, 20, 30, 60)
    }
    for steps in (4, 12, 60):
        table.add(name, "classical, RobustPCA", steps, statistics.median(classical[steps]), max(classical[steps]), None)
    for steps, network in learned.items():
        found = excess(network)
        needed = next((count for count, values in classical.items() if statistics.median(values) <= statistics.median(found)), None)
        result = f"as good as {needed} classical steps; {solution.iterations / steps:.0f} x fewer than the converged run"
        table.add(name, "learned", steps, statistics.median(found), max(found), result)


def _factorised(table: Table, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low_rank = torch.randn(10000, 10, generator=generator) @ torch.randn(10, 50, generator=generator)
    outliers = torch.rand(low_rank.shape, generator=generator) < 0.02
    sparse = 10 * torch.randn(low_rank.shape, generator=generator) * outliers
    with torch.no_grad():
        found = FactorisedRobustPCA(10, steps=200, decay=0.93)(low_rank + sparse)
    errors = [float((a - b).norm() / b.norm()) for a, b in ((found.low_rank, low_rank), (found.sparse, sparse))]
    zeros = float((found.sparse == 0).float().mean() - (sparse == 0).float().mean())
    result = f"error of L {errors[0]:.1e}, of S {errors[1]:.1e}; share of zeros {zeros:+.1e}"
    table.add(f"10000 x 50, seed {seed}", "factorised, untrained", 200, None, None, result)
    assert all(math.isfinite(error) for error in errors)
