"""The declared model as the loss of the network, its weights renewed as the solver renews them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foreknow.cytology.above_glass import CellsAboveGlass
from foreknow.cytology.background import background_model, noise_of_differences, unevenness
from foreknow.cytology.light import Cast, SmoothLight
from foreknow.cytology.settings import DetectSettings
from foreknow.learn import Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective


class InjectedBackground(Objective):
    """`foreknow.Model.loss` of light and cast over the fields of a batch: no truth is needed.

    Cells and glints are eliminated by the data term. The weights of the cells are those that the solver would give after the
    network's own residual (a step of majorisation: Candes, Wakin and Boyd 2008), taken as constant.

    Args:
        settings: of the model; the last round's depth and the mean rigidity count.
    """

    def __init__(self, settings: DetectSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or DetectSettings()

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The loss a sample, the same for all fields of the batch."""
        settings, fields = self.settings, example.y
        emitted = emit(fields).coefficients
        height, width, channels = fields.shape[-2], fields.shape[-1], fields.shape[1]
        light = SmoothLight(height, width, channels, settings.order, settings.tint).to(fields.dtype)
        cast = Cast(height * width)
        y = fields.flatten(2)
        sigma = noise_of_differences(fields.mean(dim=1))[:, None, None]
        gate = unevenness(fields, sigma[:, 0, 0], settings).flatten(1)[:, None]
        model = background_model(light, cast, 1.0, CellsAboveGlass(y.new_ones(()), y.new_ones(()), y.new_ones(())))
        with torch.no_grad():
            signals = model.problem.for_data(y).synthesize((emitted["light"], emitted["cast"]))
            found = (y - signals).clamp_min(0).square().mean(dim=1, keepdim=True).sqrt()
            weights = 1 / (1 + gate * found / (2 * sigma))
        spread = sigma.mean()
        unit = math.sqrt(channels) / spread
        cells = settings.depth[-1] * unit * weights
        rigidity = settings.rigidity[-1] * float(cells.norm())
        noise = CellsAboveGlass(cells, settings.glint * unit, spread)
        loss = background_model(light, cast, rigidity, noise).loss()
        value = loss({"light": emitted["light"], "cast": emitted["cast"]}, y) / y.numel()
        return value.expand(len(fields))
