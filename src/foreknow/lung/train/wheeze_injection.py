"""The declared model of breath and wheezes as the loss of the wheeze network."""

import torch
from torch import Tensor

from foreknow.inject import ModelLoss, ProxTarget
from foreknow.learn import Example, Objective
from foreknow.learn.emission import Emit
from foreknow.lung.train.wheeze_windows import WEIGHTS
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.priors import L1, PerEntryNuclearNorm
from foreknow.problem import Component

BREATH_WEIGHT = 0.25  # of the nuclear norm: the largest singular value of whitened noise, 38 for 96 x 259 coefficients, falls below


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


class WheezeInjection(Objective):
    """The loss of `wheeze_model` at what the network emits, breath eliminated exactly; no label is used.

    As `foreknow.learn.Injected`, but for the weights, which are of each window; the loss is a number a coefficient, in units of the
    mean power of the window, so that loud wheezes do not outweigh faint ones.
    """

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The loss of each item."""
        loss = ModelLoss(wheeze_model(example.truth[WEIGHTS]).problem, "breath", ProxTarget())
        power = example.y.abs().square().flatten(1).mean(1).clamp_min(1e-12)
        return loss(emit(example.y).coefficients, example.y) / (example.y[0].numel() * power)
