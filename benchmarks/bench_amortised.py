"""Amortised: a U-Net trained by injection on simulated films, against the certified optimum of other films."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.films import film
from benchmarks.table import Table
from foreknow import L1, Component, Gaussian, Model
from foreknow.inject import ForwardBackwardEnvelope, ModelLoss, Refined, Subgradient, Treatment
from foreknow.inject.networks import Emits, MedianDifference, PerFrame, Residual, UNet
from foreknow.learn import AmortisationGap, Examples, Injected, Settings, Silent, evaluate, fit
from foreknow.priors import PerEntryNuclearNorm

TITLE = "Injection: the gap of an amortised U-Net to the optimum of films that it has not seen"
HEIGHT = WIDTH = 32
FRAMES, FILMS, TESTS = 16, 128, 16
RATES = (3e-3, 1e-2, 3e-2)
LOW, SPARSE = 0.004, 0.04
_NOTES = (
    f"""Films of {FRAMES} frames of {HEIGHT} x {WIDTH}: textured background under changing light, 2 to 6 moving rectangles, noise
    of 0.01 (benchmarks/films.py). {FILMS} are learned from, {TESTS} others are the test. Model: per-entry nuclear norm {LOW},
    L1 {SPARSE}, Gaussian noise of 1; optima certified to 1e-5.""",
    f"""Network: U-Net of 8, 16, 32 filters on each frame and its difference from the median of the film; it gives corrections to
    the median (L) and, where both are emitted, to the difference (S). The same network, steps, batches (8) and cosine for all;
    Adam; learning rates {", ".join(f"{rate:g}" for rate in RATES)}; three seeds.""",
    """Gap: (objective - optimum) / optimum, mean of the test films, median of the seeds: as the network gives it, and after one and
    three proximal steps. Learning rates are chosen by what a method is trained for: the plain way (both emitted, subgradient) raw,
    Refined after three steps, the others after one. Spread: largest over smallest median of that gap over all rates. Zeros: share
    of exact zeros of S after three steps minus that of the optimum.""",
    """Certified: relative duality gap of what is emitted after so many steps, median of the films: no optimum has to be known. Each
    certificate costs about ten steps more.""",
)


@dataclass(frozen=True)
class Method:
    """A way of injection."""

    name: str
    make: Callable[[], nn.Module]
    eliminated: str | None
    treatment: Treatment
    tuned_for: int = 1  # which of the gaps its learning rate is chosen by: raw, after one step, after three


class Both(nn.Module):
    """The same network with two outputs: L and S."""

    def __init__(self) -> None:
        super().__init__()
        self.network = UNet(2, 2, 2, (8, 16, 32))
        self.difference = MedianDifference()

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """Films to both."""
        moving = self.difference(y)
        out = self.network(torch.stack((y, moving), dim=2).flatten(0, 1)).unflatten(0, y.shape[:2])
        return {"low": y - moving - out[:, :, 0], "sparse": moving - out[:, :, 1]}


def _one() -> nn.Module:
    frames = PerFrame(UNet(2, 2, 1, (8, 16, 32)), [MedianDifference()])
    return Emits("low", Residual(frames, MedianDifference()))


METHODS = (
    Method("both emitted, subgradient (the plain way)", Both, None, Subgradient(), tuned_for=0),
    Method("S eliminated, subgradient", _one, "sparse", Subgradient()),
    Method("S eliminated, forward-backward envelope", _one, "sparse", ForwardBackwardEnvelope()),
    Method("S eliminated, envelope after two steps (Refined)", _one, "sparse", Refined(2), tuned_for=2),
)


@dataclass(frozen=True)
class Result:
    """Of one training."""

    gaps: tuple[float, float, float]
    zeros: float
    certified: tuple[float, float]


def run(quick: bool) -> Table:
    epochs, seeds, rates = (2, 1, (1e-2,)) if quick else (25, 3, RATES)
    model = Model(
        low=Component(PerEntryNuclearNorm(LOW, event_dims=3)),
        sparse=Component(L1(SPARSE, event_dims=3)),
        noise=Gaussian(1.0),
    )
    films, tests = _films(range(32 if quick else FILMS)), _films(range(10_000, 10_000 + TESTS))
    optimum = model.solve(tests, tolerance=1e-5)
    zeros = float((optimum.coefficients["sparse"] == 0).double().mean())
    table = Table(["method", "best rate", "gap raw", "1 step", "3 steps", "spread", "zeros", "certified, 3 steps", "20 steps"])
    median = _Median()
    table.add("median of the film, untrained", None, *_gaps(model, median, tests), None, None, None, None)
    for method in METHODS:
        found = {rate: [_train(model, method, films, tests, zeros, rate, seed, epochs) for seed in range(seeds)] for rate in rates}
        medians = {rate: statistics.median(result.gaps[method.tuned_for] for result in results) for rate, results in found.items()}
        best = min(medians, key=lambda rate: medians[rate])
        results = found[best]
        table.add(
            method.name,
            best,
            *(statistics.median(result.gaps[k] for result in results) for k in range(3)),
            max(medians.values()) / min(medians.values()),
            statistics.median(result.zeros for result in results),
            *(statistics.median(result.certified[k] for result in results) for k in range(2)),
        )
        for rate in rates:
            listed = ", ".join(f"{result.gaps[0]:.2e}/{result.gaps[1]:.2e}" for result in found[rate])
            print(f"{method.name}, {rate:g}: raw/after one step {listed}", flush=True)
    table.notes += [" ".join(note.split()) for note in (*_NOTES, f"{epochs} epochs.")]
    return table


class _Median(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.difference = MedianDifference()

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        return {"low": y - self.difference(y)}


def _films(seeds: range) -> Tensor:
    return torch.stack([film(HEIGHT, WIDTH, FRAMES, seed).mT.unflatten(1, (HEIGHT, WIDTH)) for seed in seeds])


def _gaps(model: Model, network: nn.Module, tests: Tensor, eliminated: str | None = "sparse") -> tuple[float, float, float]:
    loss = ModelLoss(model.problem, eliminated)
    first, second, third = (
        evaluate(network, AmortisationGap(loss, steps, tolerance=1e-5), Examples(tests), TESTS) for steps in (0, 1, 3)
    )
    return first, second, third


def _train(model: Model, method: Method, films: Tensor, tests: Tensor, zeros: float, rate: float, seed: int, epochs: int) -> Result:
    torch.manual_seed(seed)
    network = method.make()
    loss = ModelLoss(model.problem, method.eliminated, method.treatment)
    fit(network, Injected(loss), Examples(films), Settings(epochs=epochs, learning_rate=rate, seed=seed), progress=Silent())
    network.eval()
    with torch.no_grad():
        emitted = network(tests)
        first = loss.emit(emitted, tests, steps=3, certify=True)
        later = loss.emit(emitted, tests, steps=20, certify=True)
    assert first.certificate is not None
    assert later.certificate is not None
    share = float((first.coefficients["sparse"] == 0).double().mean())
    certified = (float(first.certificate.relative.median()), float(later.certificate.relative.median()))
    return Result(_gaps(model, network, tests, method.eliminated), share - zeros, certified)
