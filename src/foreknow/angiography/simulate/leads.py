"""Thin wires on the skin."""

import torch
from torch import Tensor

from foreknow.angiography.simulate.branches import resample, spline
from foreknow.angiography.simulate.catheter import CatheterSettings
from foreknow.angiography.simulate.splat import splat_tubes
from foreknow.angiography.simulate.view import View


def draw_leads(settings: CatheterSettings, view: View, pan: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Attenuation of electrocardiogram leads across the picture, (frames, size, size); they move with the table only."""
    count = int(torch.poisson(torch.tensor(float(settings.leads)), generator=generator))
    frames = pan.shape[0]
    total = torch.zeros(frames, view.size, view.size)
    for _ in range(count):
        ends = torch.rand(4, 2, generator=generator, dtype=torch.float64) * 1.6 - 0.3
        ends = ends[ends[:, 0].argsort()] if float(torch.rand(1, generator=generator)) < 0.5 else ends[ends[:, 1].argsort()]
        track = resample(spline(ends * view.size), 0.5)
        places = track[None] + pan[:, None] / view.pixel
        radius = torch.full(places.shape[:2], 0.35 / view.pixel, dtype=torch.float64)
        lengths = torch.full(places.shape[:2], 0.5 * view.pixel, dtype=torch.float64) * settings.lead_attenuation / 0.7
        total = total + splat_tubes(places, radius, lengths, view.size)
    return total
