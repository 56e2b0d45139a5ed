"""Windows varied in ways that leave the truth as it is: mirrored, shifted, stronger or weaker, noisier."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foreknow.simulate.blur import gaussian_blur
from foreknow.swallow.learned.network import POSE, PROFILES
from foreknow.swallow.movement.chart import CELLS, COLUMNS, ROWS

_MIRRORED_POSE = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)  # turns about right, down, away; shifts along them
_SHIFT = 1  # cells by which the larynx may be misplaced, up or down
_STRENGTH = (-0.25, 0.1)  # logarithm of the strength, evenly drawn
_NOISE_MM = 1.8  # largest standard deviation of the noise of a cell; its square root is evenly drawn
_SHARED = (0.3, 0.9)  # cells over which it is shared, standard deviation


def varied_window(y: Tensor, generator: torch.Generator) -> Tensor:
    """One window of the network's input, (INPUTS, time), as another person might have given it.

    Half of them are mirrored left to right; the larynx is misplaced by up to a cell; the deformation is a tenth stronger to
    a fifth weaker; half of them get noise that neighbouring cells share.
    """
    chance = torch.rand(5, generator=generator)
    cells, pose, profiles = y.split((CELLS, POSE, PROFILES))
    table = cells.reshape(ROWS, COLUMNS, -1)
    if chance[0] < 0.5:
        table = table.flip(1)
        pose = pose * pose.new_tensor(_MIRRORED_POSE)[:, None]
    moved = int(torch.randint(-_SHIFT, _SHIFT + 1, (1,), generator=generator))
    if moved:
        rows = (torch.arange(ROWS) - moved).clamp(0, ROWS - 1)
        table, profiles = table[rows], profiles.reshape(2, ROWS, -1)[:, rows].flatten(0, 1)
    table = table * math.exp(_STRENGTH[0] + (_STRENGTH[1] - _STRENGTH[0]) * float(chance[1]))
    if chance[2] < 0.5:
        noise = torch.randn(table.shape[2], ROWS, COLUMNS, generator=generator)
        smooth = gaussian_blur(noise, _SHARED[0] + (_SHARED[1] - _SHARED[0]) * float(chance[4]))
        table = table + _NOISE_MM * float(chance[3]) ** 2 * (smooth / smooth.std()).permute(1, 2, 0)
    return torch.cat((table.flatten(0, 1), pose, profiles))
