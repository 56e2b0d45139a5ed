"""Whether a test can be judged: how much of the neck was seen, how much it moved, how noisy the camera was."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from foreknow.errors import DataError
from foreknow.swallow.movement import CELLS, COLUMNS, ROWS, Delivery, Features
from foreknow.swallow.settings import CountSettings

_FRONT = (slice(2, 22), slice(5, 15))  # rows and columns of the chart that swallows move
_SHORT = 1.0  # seconds by which a test may be too short


@dataclass(frozen=True)
class Quality:
    """How well the neck was seen during the test.

    Attributes:
        seconds: that the recording covers of the test.
        fill: mean share of the neck's front that was seen, 0 to 1.
        lost: share of the time without a frame in which the neck was seen.
        shift: farthest that the neck was from where it began, millimetres.
        turn: most that it turned, degrees.
        noise: median spread of a pixel, millimetres.
    """

    seconds: float
    fill: float
    lost: float
    shift: float
    turn: float
    noise: float


def quality_of(features: Sequence[Features], delivery: Delivery, settings: CountSettings) -> Quality:
    """Measure the part of a recording that is the test.

    Raises:
        DataError: if there is nothing of it.
    """
    inside = [one for one in features if settings.start <= one.seconds <= settings.start + settings.seconds]
    if not inside:
        message = f"the recording of {delivery.frames} frames ends before the test begins; record for longer or set another start"
        raise DataError(message)
    weight = torch.stack([one.weight for one in inside]).reshape(-1, ROWS, COLUMNS)
    assert weight[0].numel() == CELLS  # noqa: S101
    pose = torch.stack([one.pose for one in inside])
    seen = torch.tensor([one.share > 0 for one in inside])
    moved = pose[seen] - pose[seen][0] if bool(seen.any()) else pose[:1] * 0
    return Quality(
        seconds=inside[-1].seconds - max(settings.start, inside[0].seconds),
        fill=float(weight[:, *_FRONT].mean()),
        lost=float(1 - seen.float().mean()),
        shift=float(moved[:, 3:].norm(dim=1).max()),
        turn=float(torch.rad2deg(moved[:, :3].norm(dim=1).max())),
        noise=float(torch.tensor([one.spread for one in inside]).median()),
    )


def judge_test(quality: Quality, settings: CountSettings, *, chin_found: bool = True) -> tuple[str, ...]:
    """Why the test is invalid, one sentence each; none if it is valid.

    Args:
        quality: of the part of the recording that is the test.
        settings: limits.
        chin_found: whether the angle below the mouth floor was seen, without which nobody knows that this is a neck.
    """
    found = []
    if not chin_found:
        found.append("no mouth floor is seen above what was taken for the neck; raise the chin and let the camera see it")
    if quality.seconds < settings.seconds - _SHORT:
        found.append(f"the recording covers {quality.seconds:.1f} s of a test of {settings.seconds:g} s")
    if quality.fill < settings.least_fill:
        found.append(f"only {100 * quality.fill:.0f} % of the neck's front was seen; check distance, hair, collar and light")
    if quality.lost > settings.largest_lost:
        found.append(f"the neck was lost for {100 * quality.lost:.0f} % of the time; let nothing come between it and the camera")
    if quality.shift > settings.largest_shift:
        found.append(f"the neck moved by {quality.shift:.0f} mm; let the head rest")
    if quality.turn > settings.largest_turn:
        found.append(f"the head turned by {quality.turn:.0f} degrees; let it rest")
    if quality.noise > settings.largest_noise:
        found.append(f"the camera's noise is {quality.noise:.1f} mm a pixel; bring it nearer or mend the light")
    return tuple(found)
