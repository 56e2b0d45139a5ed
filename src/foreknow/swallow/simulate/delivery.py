"""How frames reach the recorder: some never, some twice, all with times that jitter."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Faults of the way from camera to file.

    Attributes:
        dropped: share of frames that are lost (choice).
        repeated: share of frames in whose place the one before comes again (Kinect room: 13 of 120).
        jitter_ms: standard deviation of the time stamps, milliseconds (choice).

    Raises:
        ParameterError: if a share is none or the jitter is negative.
    """

    dropped: float = 0.0
    repeated: float = 0.0
    jitter_ms: float = 0.5

    def __post_init__(self) -> None:
        if not (0 <= self.dropped < 1 and 0 <= self.repeated < 1 and 0 <= self.jitter_ms < 1000):
            message = f"shares of dropped and repeated frames are below 1 and the jitter is 0 or more, not {self}"
            raise ParameterError(message)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which frames came.

    Attributes:
        kept: (frames,) numbers of the frames of the camera that were not lost, rising.
        content: (frames,) place in ``kept`` of the frame that is seen there: its own, or that of an earlier one.
        times: (frames,) time stamps, seconds, not falling.
    """

    kept: Tensor
    content: Tensor
    times: Tensor

    @property
    def repeated(self) -> tuple[int, ...]:
        """Places at which the frame before came again."""
        own = torch.arange(len(self.content))
        return tuple((self.content != own).nonzero().squeeze(1).tolist())


def draw_delivery(settings: DeliverySettings, count: int, rate: float, generator: torch.Generator) -> Delivery:
    """Draw which of ``count`` frames at ``rate`` a second reach the recorder; the first always does."""
    chance = torch.rand(2, count, generator=generator, dtype=torch.float64)
    jitter = 1e-3 * settings.jitter_ms * torch.randn(count, generator=generator, dtype=torch.float64)
    lost = chance[0] < settings.dropped
    lost[0] = False
    kept = (~lost).nonzero().squeeze(1)
    own = torch.arange(len(kept))
    again = chance[1, kept] < settings.repeated
    again[0] = False
    times = (kept / rate + jitter[kept].clamp(-0.4 / rate, 0.4 / rate)).clamp(min=0)
    return Delivery(kept, torch.where(again, 0, own).cummax(0).values, times)
