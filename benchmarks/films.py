"""Image sequences for robust PCA: simulated ones, and real depth frames where they are present."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

DEPTH_FOLDER = Path(__file__).parents[2] / "shared" / "data" / "depth" / "kinect_room"


def film(height: int, width: int, frames: int, seed: int) -> Tensor:
    """A textured background under changing light, two to six moving rectangles and a little noise; (pixels, frames), float32."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    a = torch.rand(8, generator=generator)
    still = 0.5 + 0.2 * torch.sin((4 + 6 * a[0]) * x + (2 + 4 * a[1]) * y) + 0.1 * torch.cos((10 + 20 * a[2]) * x * y)
    still = still + 0.05 * torch.randn(height, width, generator=generator)
    time = torch.linspace(0, 1, frames)[:, None, None]
    shown = still * (1 + (0.05 + 0.1 * a[3]) * torch.sin((3 + 6 * a[4]) * time)) + 0.05 * x * torch.cos((5 + 8 * a[5]) * time)
    for _ in range(2 + int(5 * a[6])):
        place, speed = torch.rand(2, generator=generator), 0.6 * (torch.rand(2, generator=generator) - 0.5)
        level = torch.rand((), generator=generator)
        for t in range(frames):
            center = (place + speed * t / frames) % 1
            shown[t][((y - center[0]).abs() < 0.08) & ((x - center[1]).abs() < 0.05)] = level
    shown = shown + 0.01 * torch.randn(shown.shape, generator=generator)
    return shown.flatten(1).mT.contiguous()


def depth_films(height: int, width: int, frames: int) -> Tensor | None:
    """Parts of the real depth frames of a hand-held camera, in metres / 4; (films, pixels, frames), float32; None where absent.

    Each film is ``frames`` successive frames of one quarter of the image, shrunk by the median of blocks; where nothing was
    measured a depth of 0 is kept, as the camera gives it.
    """
    files = sorted(DEPTH_FOLDER.glob("*.depth.png")) or sorted(DEPTH_FOLDER.rglob("*.png"))
    if len(files) < frames:
        return None
    depth = torch.stack([torch.from_numpy(np.asarray(Image.open(file)).astype(np.float32)) for file in files]) / 4000.0
    rows, columns = depth.shape[-2] // 2, depth.shape[-1] // 2
    films = []
    for start in range(0, len(files) - frames + 1, frames):
        for top in (0, rows):
            for left in (0, columns):
                part = depth[start : start + frames, top : top + rows, left : left + columns]
                blocks = part[:, : rows // height * height, : columns // width * width]
                blocks = blocks.unflatten(2, (width, -1)).unflatten(1, (height, -1))
                small = blocks.movedim(2, 3).flatten(3).median(dim=-1).values
                films.append(small.flatten(1).mT.contiguous())
    return torch.stack(films)
