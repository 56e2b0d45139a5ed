"""The network applied to runs of any size and length, a frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.network.looks import BOTH, Looks, looks_used, some_frames
from foreknow.angiography.network.vessel_network import VesselNetwork

_FIRST = 0.8  # of the time goes into the look at the size
_LEAST = 1e-12  # of a gate that is divided by
_BAND = 64  # rows of which the median over time is taken at once


@dataclass(frozen=True)
class Seen:
    """What a network says of frames.

    Attributes:
        vessels: (frames, height, width) float32, 0 or more; attenuation.
        gate: (frames, height, width) float32, 0 to 1: how sure it is of a vessel.
    """

    vessels: Tensor = field(repr=False)
    gate: Tensor = field(repr=False)


@torch.no_grad()
def look_at_run(
    network: VesselNetwork,
    attenuation: Tensor,
    area: Tensor,
    *,
    side: int = 512,
    alone: bool = False,
    tell: Callable[[float], None] | None = None,
) -> Seen:
    """The vessels of all frames.

    The network looks twice, at the size and at half of it; both count where much of what it sees at the size is not seen at half of
    it, as noise is not (`looks_used`), alike or as they were weighed for the device that made the run (`DeviceLooks`).

    Args:
        network: in evaluation mode.
        attenuation: (frames, height, width) float32.
        area: (height, width) bool, what was exposed; nothing is seen elsewhere.
        side: pixels of the longer side at which the network looks; its answer is brought to the size of the frames, whose own
            details the layer has.
        alone: whether each frame is looked at as if it were the only one.
        tell: told the share that is done.
    """
    size = working_size(attenuation.shape[1:], side)
    looks = BOTH
    if network.device is not None:
        shown = torch.stack([_view(frame, area, size) for frame in some_frames(attenuation)])
        looks = network.device.looks_for(shown, alone=alone)
    whole, inside, count = (attenuation.shape[1], attenuation.shape[2]), area.float(), len(attenuation)
    vessels, gates, coarse = (torch.empty_like(attenuation) for _ in range(3))
    for number, (gate, behind) in enumerate(_look(network, attenuation, area, size, alone=alone)):
        gates[number] = resized(gate, whole) * inside
        share = network.share(gates[number]) * inside
        vessels[number] = share * (attenuation[number] - resized(behind, whole)).clamp_min(0)
        if tell is not None:
            tell(_FIRST * (number + 1) / count)
    half = working_size(attenuation.shape[1:], side // 2)
    for number, (gate, _) in enumerate(_look(network, attenuation, area, half, alone=alone)):
        coarse[number] = resized(gate, whole) * inside
        if tell is not None:
            tell(_FIRST + (1 - _FIRST) * (number + 1) / count)
    used = looks_used(looks, gates, coarse)
    if used != Looks():
        for layer, gate, other in zip(vessels, gates, coarse, strict=True):  # a frame at a time: runs are large
            both = used.gate(gate, other) * inside
            layer.mul_(network.share(both) / network.share(gate).clamp_min(_LEAST))
            gate.copy_(both)
    return Seen(vessels, gates)


@torch.no_grad()
def two_gates(network: VesselNetwork, attenuation: Tensor, area: Tensor, side: int, *, alone: bool) -> tuple[Tensor, Tensor]:
    """The gates at a size and at half of it, (frames, height, width) each; arguments as for `look_at_run`."""
    whole, inside = (attenuation.shape[1], attenuation.shape[2]), area.float()
    sizes = [working_size(attenuation.shape[1:], edge) for edge in (side, side // 2)]
    first, second = (
        torch.stack([resized(gate, whole) * inside for gate, _ in _look(network, attenuation, area, size, alone=alone)])
        for size in sizes
    )
    return first, second


def _look(
    network: VesselNetwork, attenuation: Tensor, area: Tensor, size: tuple[int, int], *, alone: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each frame, at one size: the gate, and the attenuation behind it."""
    details = torch.stack([network.detail(_view(frame, area, size)) for frame in attenuation])
    units = [network.unit(detail[None])[0] for detail in details] if alone else [network.unit(details)[0]] * len(details)
    for detail, unit in zip(details, units, strict=True):
        detail.copy_(network.scaled(detail, unit))
    middle = None if alone or len(details) == 1 else median_over_time(details)
    for frame, detail, unit in zip(attenuation, details, units, strict=True):
        gate, behind = network.look(detail, None if middle is None else detail - middle)
        view = _view(frame, area, size)
        yield gate, view - network.detail(view) + unit * behind


def _view(frame: Tensor, area: Tensor, size: tuple[int, int]) -> Tensor:
    return resized(filled(frame, area), size)


def working_size(size: tuple[int, ...] | torch.Size, side: int) -> tuple[int, int]:
    """Height and width whose longer one is ``side``."""
    factor = side / max(size)
    return max(8, round(size[0] * factor)), max(8, round(size[1] * factor))


def resized(frame: Tensor, size: tuple[int, int]) -> Tensor:
    """(height, width) at another size; what is made smaller is averaged."""
    if (frame.shape[0], frame.shape[1]) == size:
        return frame
    return functional.interpolate(frame[None, None], size, mode="bilinear", align_corners=False, antialias=True)[0, 0]


def filled(frame: Tensor, area: Tensor) -> Tensor:
    """What was not exposed becomes as dark as the rest is in the middle, so that shutters have weak edges."""
    if bool(area.all()):
        return frame
    return torch.where(area, frame, frame[area].median() if bool(area.any()) else torch.zeros(()))


def median_over_time(frames: Tensor) -> Tensor:
    """(frames, height, width) -> (height, width), mean of the two middle ones, a band of rows at a time."""
    count = len(frames)
    middle = torch.empty_like(frames[0])
    for start in range(0, frames.shape[1], _BAND):
        ordered = frames[:, start : start + _BAND].sort(dim=0).values
        middle[start : start + _BAND] = ordered[(count - 1) // 2 : count // 2 + 1].mean(dim=0)
    return middle
