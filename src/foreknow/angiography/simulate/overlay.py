"""What is burned into frames or hides them: text, and borders where nothing was exposed."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from foreknow.simulate.fields import uniform

_SIGNS = "ABCDEFGHIKLMNOPRSTUVWXYZ0123456789 /.:+-"
_LONGEST = 16  # signs of a line
_DEEPEST = 0.25  # of the side: a border


def burn_in(stored: Tensor, top: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Stored frames (frames, side, side) with lines of text or a border, alike in all frames.

    Args:
        stored: int32 values.
        top: the largest of them.
        generator: source of all random numbers (CPU).

    Returns:
        The frames, and (side, side) float32: 1 where the picture still is.
    """
    side = stored.shape[-1]
    written = uniform((0.0, 1.0), generator) < 0.5
    hidden = _text(side, generator) if written else _border(side, generator)
    values = (0, top, int(stored.float().median()))
    chosen = int(torch.randint(2, (), generator=generator))
    value = values[chosen] if written else values[2 * chosen]
    return torch.where(hidden, value, stored).to(torch.int32), (~hidden).float()


def _text(side: int, generator: torch.Generator) -> Tensor:
    """One to three lines of signs, one or two times as large as the font."""
    size = int(torch.randint(1, 3, (), generator=generator))
    small = -(-side // size)
    picture = Image.new("1", (small, small))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(torch.randint(1, 4, (), generator=generator))):
        signs = torch.randint(len(_SIGNS), (int(torch.randint(2, _LONGEST, (), generator=generator)),), generator=generator)
        place = (torch.rand(2, generator=generator) * small).tolist()
        draw.text((place[0], place[1]), "".join(_SIGNS[int(sign)] for sign in signs), fill=1, font=ImageFont.load_default())
    mask = torch.as_tensor(np.asarray(picture, dtype=bool).copy())
    return mask.repeat_interleave(size, 0).repeat_interleave(size, 1)[:side, :side]


def _border(side: int, generator: torch.Generator) -> Tensor:
    """Beyond a straight or a round edge."""
    line = torch.linspace(-1, 1, side)
    right, down = line[None, :], line[:, None]
    depth = 2 * uniform((0.0, _DEEPEST), generator)
    if uniform((0.0, 1.0), generator) < 0.5:
        angle = torch.tensor(uniform((0.0, 2 * torch.pi), generator))
        along = right * angle.cos() + down * angle.sin()
        return along > along.max() - depth
    return (right.square() + down.square()).sqrt() > 2**0.5 - depth
