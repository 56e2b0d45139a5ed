"""The network that sees vessels in a frame, and in a run what moves besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.angiography.network.looks import DeviceLooks
from foreknow.inject.networks import MedianDifference, PerFrame, UNet
from foreknow.simulate.blur import gaussian_blur

_CLIP = 6.0
_FLAT = 1e-6
_CLOSED = -2.0
_SURE = 1e-6  # a gate is at least so far from 0 and 1


class VesselNetwork(nn.Module):
    r"""Frame by frame a gate m in (0, 1) and the background b behind it: the vessel layer is m (y - b).

    Where the gate is closed nothing is taken away, and the details of the frame stay with the background. A frame is seen without
    its coarse shades and in units of what is left of it, so that exposure and processing matter little; the second channel is its
    difference from the median of its run, 0 where it is the only frame. Group normalisation makes what is said of a frame of a
    given run independent of the batch.

    The gate may be put right after the training (`rescale_gate`), so that it tells how many of such pixels are vessel; the layer
    keeps the share m of the training.

    ``device`` is what it was calibrated for (`DeviceLooks`), None for nothing but what it was trained on. ``rescaled`` are factor
    and level that made the gate of the one of the training.

    Args:
        filters: of the levels of the U-Net.
        block: edge of the blocks of pixels that it works on.
        shades: standard deviation, in pixels, of the blur that is taken for the frame's coarse shades.
    """

    def __init__(self, filters: Sequence[int] = (16, 32, 64, 64), block: int = 2, shades: float = 20.0) -> None:
        super().__init__()
        self.shades = shades
        self.device: DeviceLooks | None = None
        self.rescaled = (1.0, 0.0)
        self.frames = PerFrame(UNet(2, 2, 2, filters=filters, block=block), [MedianDifference()])

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        r"""Layers of attenuation (\*batch, T, H, W), each of that shape.

        Returns:
            ``vessels`` and ``background``, whose sum is y; ``gate``, the gate before its sigmoid.
        """
        detail = self.detail(y)
        unit = self.unit(detail)
        gate, behind = self.read(self.frames(self.scaled(detail, unit)))
        factor, level = self.rescaled
        vessels = torch.sigmoid((gate - level) / factor) * (detail - unit * behind)
        return {"vessels": vessels, "background": y - vessels, "gate": gate}

    def detail(self, y: Tensor) -> Tensor:
        r"""Attenuation (\*any, H, W) without its coarse shades."""
        return y - gaussian_blur(y, self.shades)

    def unit(self, detail: Tensor) -> Tensor:
        r"""What the details of a run (\*batch, T, H, W) are measured in, (\*batch, 1, 1, 1)."""
        return 1.25 * detail.abs().mean(dim=(-3, -2, -1), keepdim=True).clamp_min(_FLAT)

    def scaled(self, detail: Tensor, unit: Tensor) -> Tensor:
        """Details as they are seen."""
        return (detail / unit).clamp(-_CLIP, _CLIP)

    def look(self, scaled: Tensor, difference: Tensor | None) -> tuple[Tensor, Tensor]:
        """One frame (H, W): the gate in (0, 1), and the detail behind it in units, where the frame is.

        Args:
            scaled: details as they are seen; the network computes on its own device.
            difference: of them from the median of the run; None for a frame alone.
        """
        other = torch.zeros_like(scaled) if difference is None else difference
        device = next(self.parameters()).device
        gate, behind = self.read(self.frames.network(torch.stack((scaled, other))[None].to(device)).to(scaled.device))
        return torch.sigmoid(gate[0]), behind[0]

    @staticmethod
    def read(out: Tensor) -> tuple[Tensor, Tensor]:
        r"""Gate before its sigmoid and what is behind it, of an output (\*any, 2, H, W)."""
        return out[..., 0, :, :] + _CLOSED, out[..., 1, :, :]

    @torch.no_grad()
    def rescale_gate(self, factor: float, level: float) -> None:
        """Make of the gate before its sigmoid that number times ``factor`` plus ``level``; the layers stay."""
        unet: Any = self.frames.network
        weight, bias = unet.network.output_block.parameters()
        gate = slice(len(bias) // 2)  # the pixels of a block, of the gate and then of what is behind it
        weight[gate] *= factor
        bias[gate] = factor * bias[gate] + level + (factor - 1) * _CLOSED
        self.rescaled = (factor * self.rescaled[0], factor * self.rescaled[1] + level)

    def share(self, gate: Tensor) -> Tensor:
        """Of what stands out of the background the share that the layer gets, 0 to 1, where the gate is 0 to 1."""
        factor, level = self.rescaled
        return gate if self.rescaled == (1.0, 0.0) else torch.sigmoid((torch.logit(gate, eps=_SURE) - level) / factor)
