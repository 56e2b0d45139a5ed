"""The declared model of breath and wheezes as what trains the wheeze network."""

import torch
from torch import Tensor

from foreknow.learn import Example, Objective
from foreknow.learn.emission import Emit
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.priors import L1, PerEntryNuclearNorm
from foreknow.problem import Component
from foreknow.solve import BlockCoordinate

BREATH_WEIGHT = 0.25  # of the nuclear norm: the largest singular value of whitened noise, 38 for 96 x 259 coefficients, falls below
TARGET = "target"
_SWEEPS = 4  # of block coordinate descent


def wheeze_model(weights: Tensor) -> Model:
    r"""Breath of low rank, wheezes sparse where no line of 100 ms or more goes through, in a whitened complex spectrogram.

        C = B + W + noise,    minimise 1/2 |C - B - W|^2 + w sqrt(size) |B|_* + sum k |W|

    The modulus of W groups real and imaginary parts. k is small only on lines (`line_weights`). What is of low rank in the complex
    spectrogram is what sounds on at one frequency: hum and the like are no wheezes.

    Args:
        weights: k, (\*batch, bins, frames).
    """
    return Model(
        breath=Component(PerEntryNuclearNorm(BREATH_WEIGHT, event_dims=2)),
        wheezes=Component(L1(weights, event_dims=2)),
        noise=Gaussian(1.0),
    )


def injected_target(spectrum: Tensor, weights: Tensor) -> Tensor:
    """The wheezes of the declared model by some sweeps of block coordinate descent; made of the data alone, without labels.

    It starts from all that a line explains. From nothing, or from what an untrained network emits, a loud and long tone, which is
    of low rank too, would first go to the breath, and come back from there by a little of itself in every sweep.

    Args:
        spectrum: C, (bins, frames), complex.
        weights: k, (bins, frames).

    Returns:
        W, (bins, frames).
    """
    problem = wheeze_model(weights).problem.for_data(spectrum)
    algorithm = BlockCoordinate()
    with torch.no_grad():
        first = L1(weights, event_dims=2).prox(spectrum)
        state = algorithm.init(problem, spectrum, (torch.zeros_like(spectrum), first))
        for _ in range(_SWEEPS):
            state = algorithm.step(problem, spectrum, state)
    return state.coefficients[1]


class WheezeInjection(Objective):
    r"""Distance of what the network emits from what the declared model says of the same window; no label is used.

    As the target of `foreknow.inject.Teacher`, but computed once, from a start that the network has no part in. A coefficient
    counts by its modulus instead of its power, sum |W - p|^2 / (|C| + 1): with the same least value, at W = p, but so that loud
    lines do not outweigh faint ones. It is a number a coefficient, over the mean modulus of the window.
    """

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The loss of each item."""
        wheezes = emit(example.y).coefficients["wheezes"]
        modulus = example.y.abs()
        distance = (wheezes - example.truth[TARGET]).abs().square() / (modulus + 1)
        return distance.flatten(1).mean(1) / modulus.flatten(1).mean(1).clamp_min(1e-12)
