"""Motion as a sum of bumps: each rises, holds and falls as a raised cosine, in one of a few channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor


class Channel(IntEnum):
    """What a bump moves, and its unit."""

    LARYNX = 0
    """The larynx under the skin, millimetres upwards."""
    FORWARD = 1
    """The skin over the larynx, millimetres towards the camera."""
    SUBMENTAL = 2
    """The floor of the mouth, millimetres outwards."""
    JAW = 3
    """The lower jaw and the skin below it, millimetres downwards and outwards."""
    NEAR = 4
    """The whole neck, millimetres towards the camera."""
    NOD = 5
    """The whole neck about a horizontal axis, degrees, chin down positive."""
    TURN = 6
    """The whole neck about a vertical axis, degrees."""


@dataclass(frozen=True, slots=True)
class Bump:
    """One raised-cosine movement.

    Attributes:
        channel: what moves.
        start: seconds.
        rise: seconds from rest to the top.
        hold: seconds at the top.
        fall: seconds back to rest.
        amplitude: height of the top, in the unit of the channel.
    """

    channel: Channel
    start: float
    rise: float
    hold: float
    fall: float
    amplitude: float

    @property
    def end(self) -> float:
        """Seconds."""
        return self.start + self.rise + self.hold + self.fall


def sum_of_bumps(bumps: Sequence[Bump], times: Tensor) -> Tensor:
    """The course of every channel, (channels, time) in the dtype of ``times``, which are seconds, (time,)."""
    course = times.new_zeros(len(Channel), len(times))
    if not bumps:
        return course
    rows = [(bump.start, bump.rise, bump.hold, bump.fall, bump.amplitude) for bump in bumps]
    start, rise, hold, fall, amplitude = torch.tensor(rows, dtype=times.dtype, device=times.device).T[:, :, None]
    since = times - start
    up = (since / rise).clamp(0, 1)
    down = ((since - rise - hold) / fall).clamp(0, 1)
    form = 0.25 * (1 - torch.cos(torch.pi * up)) * (1 + torch.cos(torch.pi * down))
    channels = torch.tensor([int(bump.channel) for bump in bumps], device=times.device)
    return course.index_add(0, channels, amplitude * form)
