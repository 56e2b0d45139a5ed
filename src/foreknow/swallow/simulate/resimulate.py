"""A real scene seen again by a simulated camera: the fairest picture of whether its noise is like the real one."""

import torch
from torch import Tensor

from foreknow.files.depth import DepthVideo
from foreknow.simulate.blur import gaussian_blur
from foreknow.swallow.simulate.noise import NoiseSettings, NoiseSource

_SMOOTHING = 3.0  # pixels


def scene_of(video: DepthVideo) -> Tensor:
    """The scene without its noise, (height, width) metres, NaN where it was hardly ever seen: the median over time, smoothed.

    Edges stay where neighbours differ by more than 2 %.
    """
    valid = video.valid
    often = valid.to(torch.float32).mean(0) > 0.5
    median = video.frames.nanmedian(dim=0).values
    filled = torch.where(often, median, 0.0)
    weight = gaussian_blur(often.to(torch.float32), _SMOOTHING)
    smooth = gaussian_blur(filled, _SMOOTHING) / weight.clamp(min=1e-3)
    near_edge = (smooth - median).abs() > 0.006 * median
    return torch.where(often, torch.where(near_edge, median, smooth), torch.nan)


def see_again(video: DepthVideo, noise: NoiseSettings, seed: int = 0) -> DepthVideo:
    """The scene of a video at its times with simulated noise, and the real holes.

    Args:
        video: of a camera and a scene at rest.
        noise: of the simulated camera.
        seed: of all random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    count, height, width = video.frames.shape
    source = NoiseSource(noise, (height, width), count, video.rate or 30.0, generator)
    scene = 1000 * scene_of(video)
    level = torch.where(scene.isnan(), scene.nanmedian(), scene)
    parts = []
    for start in range(0, count, 16):
        clean = level.expand(min(16, count - start), height, width)
        parts.append(source.observe(start, clean, torch.ones_like(clean)))
    seen = video.valid & ~scene.isnan()
    frames = torch.where(seen, torch.cat(parts) / 1000, torch.nan).to(torch.float32)
    return DepthVideo(frames, video.timestamps, video.intrinsics, video.unit)
