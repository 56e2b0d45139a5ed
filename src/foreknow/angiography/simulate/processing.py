"""What consoles and archives do to frames: equalised local contrast, recursive filters over time, lossy compression."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from foreknow.simulate.blur import gaussian_blur

_GAIN = (0.4, 2.5)  # between what details are divided by their strength


def local_gain(attenuation: Tensor, vessels: Tensor, width: float, power: float) -> tuple[Tensor, Tensor]:
    """Details divided by a power of their local strength, as adaptive equalisation does, of a frame and of its vessels alike.

    Args:
        attenuation: (frames, height, width).
        vessels: a layer of it.
        width: standard deviation, in pixels, of the neighbourhood.
        power: 0 for nothing, 1 for details that are equally strong everywhere.
    """
    shades = gaussian_blur(attenuation, width)
    strength = gaussian_blur((attenuation - shades).square(), width).clamp_min(1e-8).sqrt()
    gain = (strength.mean(dim=(-2, -1), keepdim=True) / strength).pow(power).clamp(*_GAIN)
    coarse = gaussian_blur(vessels, width)
    return shades + gain * (attenuation - shades), coarse + gain * (vessels - coarse)


def ghosted(attenuation: Tensor, vessels: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """A recursive filter over time: each frame keeps ``weight`` of the filtered one before it.

    What is left of earlier vessels belongs to the background.

    Args:
        attenuation: (frames, height, width).
        vessels: a layer of it.
        weight: 0 for nothing to less than 1.
    """
    filtered = [attenuation[0]]
    for frame in attenuation[1:]:
        filtered.append(torch.lerp(frame, filtered[-1], weight))
    kept = torch.full((len(vessels), 1, 1), 1 - weight, dtype=vessels.dtype)
    kept[0] = 1
    return torch.stack(filtered), kept * vessels


def compressed(stored: Tensor, quality: int) -> Tensor:
    """Frames (frames, height, width) of 8 bits after compression by JPEG (ITU-T T.81) of a quality of 1 to 95; int32."""
    frames = []
    for frame in stored.to(torch.uint8).numpy():
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        file.seek(0)
        frames.append(np.asarray(Image.open(file), dtype=np.int32))
    return torch.as_tensor(np.stack(frames))
