"""Which pixels of a run were exposed, and whether its frames can be separated at all."""

import torch
from torch import Tensor

from foreknow.errors import DataError

_SAME = 1e-6


def exposed_area(attenuation: Tensor, opened: Tensor, darkest: float) -> Tensor:
    """Where X-rays came through: inside shutters, and not black in all frames.

    Args:
        attenuation: (frames, height, width).
        opened: (height, width) bool, from the file's header.
        darkest: attenuation of a black pixel.
    """
    lowest = attenuation[0].clone()
    for frame in attenuation[1:]:
        torch.minimum(lowest, frame, out=lowest)
    return opened & (lowest < darkest - _SAME)


def frozen_frames(attenuation: Tensor) -> Tensor:
    """Frames that repeat the frame before, (frames,) bool."""
    pairs = zip(attenuation[1:], attenuation[:-1], strict=True)  # a frame at a time: runs are large
    return torch.tensor([False, *(bool(((one - other).abs() <= _SAME).all()) for one, other in pairs)])


def require_separable(attenuation: Tensor, area: Tensor, name: str, least_frames: int) -> None:
    """Check that there are frames enough, a picture in them, and changes.

    Raises:
        DataError: saying what is missing.
    """
    frames = len(attenuation)
    if frames < least_frames:
        message = (
            f"{name} has {frames} frame{'s' if frames > 1 else ''}, and separation by movement needs {least_frames} or more; "
            "give the whole run"
        )
    elif float(area.float().mean()) < 0.01:
        message = f"{name} is black in all frames or hidden by its shutters; check the export"
    elif frames > 1 and bool(frozen_frames(attenuation)[1:].all()):
        message = f"{name} has the same picture in all {frames} frames, so that nothing moves; check the export"
    elif float(attenuation[0][area].std()) < _SAME and float(attenuation[-1][area].std()) < _SAME:
        message = f"{name} has frames without a picture (one value everywhere); check the export"
    else:
        return
    raise DataError(message)
