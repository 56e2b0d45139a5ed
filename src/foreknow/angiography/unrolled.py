"""Robust PCA of a run in a few steps whose weights and penalties were learned (strategy 2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foreknow.angiography.mask_rule import LayerRule
from foreknow.angiography.reweighted import FORMULA, Found
from foreknow.model import Model
from foreknow.noise import Exact
from foreknow.parameters import Parameter, Positive
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.problem import Component
from foreknow.solve import RobustPCA
from foreknow.unroll import StepSizes, UnrolledNetwork, Weights

KIND = "angiography unrolled"
STEPS = 8
_RULE = LayerRule(level=2.0, peak=20.0)


class RelativeWeight(Parameter):
    """A weight in units of 1 / sqrt(pixels of a frame), so that what is learned at one size holds at another.

    Args:
        value: to begin with.
    """

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.relative = Positive(value)
        self.pixels = 1

    def forward(self) -> Tensor:
        """The weight for frames of ``pixels``."""
        return self.relative() / self.pixels**0.5


def unrolled_network(steps: int = STEPS, weight: float = 1.0) -> UnrolledNetwork:
    """Robust PCA with vessels of 0 or more as a network; untrained it does what the algorithm does in so many steps.

    Args:
        steps: of the algorithm.
        weight: of the vessels to begin with, in units of 1 / sqrt(pixels).
    """
    vessels = L1(RelativeWeight(weight), event_dims=3) & NonNegative(event_dims=3)
    model = Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(vessels), noise=Exact())
    return model.unroll(steps, algorithm=RobustPCA(), learn=(Weights(), StepSizes()))


def for_pixels(network: UnrolledNetwork, pixels: int) -> UnrolledNetwork:
    """The same network with its weights set for frames of so many pixels."""
    for module in network.modules():
        if isinstance(module, RelativeWeight):
            module.pixels = pixels
    return network


class UnrolledSolver:
    """A trained `unrolled_network` in the place of the solver; its gap is certified all the same, of the model as declared.

    Args:
        network: in evaluation mode.
    """

    def __init__(self, network: UnrolledNetwork) -> None:
        self.network = network

    def __call__(self, frames: Tensor, seen: Tensor | None, tell: Callable[[float], None]) -> Found:  # noqa: ARG002
        """See `RunSolver`; what is hidden counts as 0."""
        for_pixels(self.network, frames[0].numel())
        device = next(self.network.parameters()).device
        with torch.no_grad():
            estimate = self.network(frames.to(device), certify=True)
        tell(1.0)
        vessels = estimate.components["vessels"].to(frames.device)
        certificate = estimate.certificate
        return Found(
            background=estimate.components["background"].to(frames.device),
            vessels=vessels,
            certificate=None if certificate is None else float(certificate.worst),
            iterations=self.network.steps,
            converged=True,
            formula=f"{FORMULA}; {self.network.steps} learned steps",
            mask_rule=_RULE,
        )
