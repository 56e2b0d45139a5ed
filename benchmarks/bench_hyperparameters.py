"""Weights and noise level learned without labels: planted ones found again, and the weight of least error found blindly."""

import math
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.table import Estimate, Table
from foreknow import L1, Component, Gaussian, GroupL2, Matrix, Model
from foreknow.learn.hyperparameters import (
    MYULA,
    Bilevel,
    Certified,
    MarginalLikelihood,
    MedianNoise,
    NormalisedPrior,
    Outcome,
    UnbiasedRisk,
)
from foreknow.operators import FFTConvolution
from foreknow.operators.base import LinearOperator
from foreknow.solve import FISTA

TITLE = "Hyper-parameters: planted weights and noise found without labels"
SEEDS = 5
QUICK_SEEDS = 1
OTHERS = 2  # seeds on which all methods run
ITEMS = 48
_KERNEL = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=torch.float64)
_WEIGHT, _SIGMA = 2.0, 0.15
_ORACLE = "bilevel (told the truth)"


@dataclass(frozen=True)
class Planted:
    """A problem whose weight and noise level are known.

    Attributes:
        name: of the table.
        operator: from coefficients to signal.
        groups: whether the prior is on groups of four.
        shape: of the coefficients of one item.
    """

    name: str
    operator: LinearOperator
    groups: bool
    shape: tuple[int, ...]

    def model(self, weight: float, sigma: float) -> Model:
        """Declared with these numbers."""
        prior = GroupL2(weight, (-1,), 2) if self.groups else L1(weight)
        return Model(x=Component(prior, self.operator), noise=Gaussian(sigma))

    def draw(self, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Data, and the signals behind them, of the planted weight and noise."""
        shape = (ITEMS, *self.shape)
        x = _groups(shape, generator) if self.groups else _laplace(shape, generator)
        return self.model(_WEIGHT, _SIGMA).simulate({"x": x}, generator)


def run(quick: bool) -> Table:
    table = Table(
        [
            "problem",
            "method",
            "seeds",
            "weight / planted",
            "sigma / planted",
            "worst error",
            "within 5 %",
            "error / least",
            "seconds",
        ]
    )
    for planted in PROBLEMS:
        _measure(table, planted, QUICK_SEEDS if quick else SEEDS)
    _blind(table, QUICK_SEEDS if quick else SEEDS)
    start = f"learned from {_WEIGHT / 3:.2g} and {3 * _SIGMA:.2g}"
    table.notes += [
        f"{ITEMS} items of 256 coefficients drawn from the prior of weight {_WEIGHT:g}, noise {_SIGMA:g}; {start}.",
        "Ratios: median [least, largest] over seeds; worst error over seeds and numbers.",
        "Marginal likelihood is what estimates planted numbers; the others estimate other things.",
        "SURE, told the noise level, and bilevel learning, told the truth: the weight of least error.",
        "Normalised prior: the most probable weight along with the coefficients.",
        "Median: the noise level, if all of the finest detail were noise.",
        "Error / least: squared error of the solution at the learned weight and true noise, over that at the bilevel weight.",
        "Last row: sparse spikes (one in ten) in noise, 65536 samples; the weight over that of bilevel learning.",
    ]
    return table


PROBLEMS = (
    Planted("blurred spikes", FFTConvolution(_KERNEL), groups=False, shape=(256,)),
    Planted(
        "tall random matrix",
        Matrix(torch.randn((384, 256), generator=torch.Generator().manual_seed(9), dtype=torch.float64) / 16),
        groups=False,
        shape=(256,),
    ),
    Planted("blurred groups of four", FFTConvolution(_KERNEL[:, None]), groups=True, shape=(64, 4)),
)


def _measure(table: Table, planted: Planted, seeds: int) -> None:
    found: dict[str, list[tuple[Outcome, float]]] = {}
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        y, truth = planted.draw(generator)
        methods = _methods(planted, y, truth, generator, all_of_them=seed < OTHERS)
        errors = {}
        for name, method in methods.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome = method()
                errors[name] = _error(planted, outcome, y, truth) if _has(outcome, "x.weight") else float("nan")
            found.setdefault(name, []).append((outcome, errors[name] / errors.get(_ORACLE, float("nan"))))
    for name, rows in found.items():
        weights = [float(o["x.weight"]) / _WEIGHT for o, _ in rows if _has(o, "x.weight")]
        levels = [float(o["noise.sigma"]) / _SIGMA for o, _ in rows if _has(o, "noise.sigma")]
        columns = [column for column in (weights, levels) if column]
        worst = [max(abs(value - 1) for value in values) for values in zip(*columns, strict=True)]
        ratios = [ratio for _, ratio in rows if not math.isnan(ratio)]
        table.add(
            planted.name,
            name,
            len(rows),
            _spread(weights),
            _spread(levels),
            f"{max(worst):.1%}",
            f"{sum(error <= 0.05 for error in worst)} of {len(worst)}",
            _spread(ratios),
            statistics.median(outcome.seconds for outcome, _ in rows),
        )


def _methods(
    planted: Planted, y: Tensor, truth: dict[str, Tensor], generator: torch.Generator, *, all_of_them: bool
) -> dict[str, Callable[[], Outcome]]:
    """By name; the oracle first."""
    blind, told = planted.model(_WEIGHT / 3, 3 * _SIGMA), planted.model(_WEIGHT / 3, _SIGMA)
    best: dict[str, Callable[[], Outcome]] = {
        "marginal likelihood": lambda: MarginalLikelihood().learn(blind, y, generator=generator)
    }
    if not all_of_them:
        return best
    solution = Certified(FISTA(), tolerance=1e-6)
    unadjusted = MarginalLikelihood(sampler=MYULA(), steps=10, burn_in=500)
    return {
        _ORACLE: lambda: Bilevel(solution=solution).learn(told, y, truth),
        **best,
        "marginal likelihood, MYULA": lambda: unadjusted.learn(blind, y, generator=generator),
        "SURE (told sigma)": lambda: UnbiasedRisk(solution=solution).learn(told, y, generator=generator),
        "normalised prior (told sigma)": lambda: NormalisedPrior().learn(told, y),
        "median of the detail": lambda: MedianNoise().learn(blind, y),
    }


def _blind(table: Table, seeds: int) -> None:
    """SURE against learning with truth, on sparse signals."""
    ratios, errors, times = [], [], []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        x = 2 * torch.randn((16, 4096), generator=generator, dtype=torch.float64)
        x = x * (torch.rand(x.shape, generator=generator, dtype=torch.float64) < 0.1)
        model = Model(x=Component(L1(1.0)), noise=Gaussian(0.5))
        y, truth = model.simulate({"x": x}, generator)
        oracle = Bilevel().learn(model, y, truth)
        outcome = UnbiasedRisk().learn(model, y, generator=generator)
        ratios.append(float(outcome["x.weight"] / oracle["x.weight"]))
        squares = [float((o.model.solve(y)["x"] - x).square().sum()) for o in (outcome, oracle)]
        errors.append(squares[0] / squares[1])
        times.append(outcome.seconds)
    worst = [abs(ratio - 1) for ratio in ratios]
    within = f"{sum(w <= 0.05 for w in worst)} of {seeds}"
    median = statistics.median(times)
    table.add(
        "spikes in noise", "SURE / bilevel", seeds, _spread(ratios), None, f"{max(worst):.1%}", within, _spread(errors), median
    )


def _error(planted: Planted, outcome: Outcome, y: Tensor, truth: dict[str, Tensor]) -> float:
    solution = planted.model(float(outcome["x.weight"]), _SIGMA).solve(y, tolerance=1e-6)
    return float((solution["x"] - truth["x"]).square().sum())


def _has(outcome: Outcome, key: str) -> bool:
    return any(number.key == key for number in outcome.numbers)


def _spread(values: list[float]) -> Estimate | None:
    return Estimate(statistics.median(values), min(values), max(values), 3) if values else None


def _laplace(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs()) / _WEIGHT


def _groups(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Groups along the last axis with the density exp(-w |x|): a uniform direction, and a length from a Gamma density."""
    size = shape[-1]
    uniform = torch.rand((size, *shape[:-1], 1), generator=generator, dtype=torch.float64)
    length = -torch.log1p(-uniform).sum(0) / _WEIGHT
    direction = torch.randn(shape, generator=generator, dtype=torch.float64)
    return length * direction / direction.norm(dim=-1, keepdim=True)
