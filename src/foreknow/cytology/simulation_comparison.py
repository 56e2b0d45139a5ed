"""Simulated smears beside real ones: by eye, by colour, by optical density, by spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foreknow.cytology.simulate import SimulatedSmear, SmearSettings, fit_background, simulate_smear
from foreknow.errors import DataError, InputFileError
from foreknow.files import atomic_path, display_name
from foreknow.report.samples import samples_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = {".png", ".tif", ".tiff", ".jpg", ".jpeg"}
_COLOURS = ("#0072B2", "#D55E00")
_PALETTE = 32


def overview_figure(smear: SimulatedSmear) -> Figure:
    """A smear with its truth: image, labels, nuclei, background and the amount of every dye."""
    labels = smear.labels
    colours = torch.rand(_PALETTE, 3, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.2
    coloured = colours[labels.long() % _PALETTE] * (labels > 0)[..., None]
    nuclei = colours[smear.nuclei.long() % _PALETTE] * (smear.nuclei > 0)[..., None]
    glass = 10 ** -smear.background.movedim(0, -1)
    rows = {
        "truth": [smear.image, coloured, nuclei, glass],
        "dyes": list(-smear.amounts),
    }
    titles = ("image", "cells (overlaps to the smaller)", "nuclei", "empty glass")
    return samples_figure(rows, titles=titles)[0]


def comparison_figure(simulated: Sequence[Tensor], real: Sequence[Tensor]) -> Figure:
    """Images of both kinds, with the distributions of optical density and of colour where there are cells.

    Args:
        simulated: each (height, width, 3) or (height, width) uint8.
        real: likewise.
    """
    columns = max(3, min(4, len(real)))
    rows = {"real": list(real[:columns]), "simulated": list(simulated[:columns])}
    rest = list(simulated[columns : 2 * columns])
    figure, (density, hue) = samples_figure({**rows, "simulated ": rest} if rest else rows, below=2)
    for images, colour, label in ((simulated, _COLOURS[0], "simulated"), (real, _COLOURS[1], "real")):
        for number, image in enumerate(images):
            try:
                values = stained_densities(image)
            except DataError:
                continue
            name = label if number == 0 else None
            counts = torch.histc(values.mean(dim=1), bins=60, min=0.05, max=1.0)
            density.semilogy(
                torch.linspace(0.05, 1, 60).tolist(), (counts / counts.sum() + 1e-5).tolist(), color=colour, alpha=0.6, label=name
            )
            if values.shape[1] == 3:
                shares = values / values.sum(dim=1, keepdim=True).clamp_min(1e-6)
                counts = torch.histc(shares[:, 0], bins=50, min=0, max=0.9)
                hue.plot(torch.linspace(0, 0.9, 50).tolist(), (counts / counts.sum()).tolist(), color=colour, alpha=0.6, label=name)
    density.set_xlabel("mean optical density of stained pixels", fontsize=8)
    hue.set_xlabel("share of red in their density (blue-green 0.6, pink 0.1)", fontsize=8)
    hue.set_visible(bool(hue.lines))  # grey images have no colour
    for axis in (density, hue):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    return figure


def stained_densities(image: Tensor) -> Tensor:
    """Optical density of stained pixels against fitted empty glass, (pixels, channels).

    Raises:
        DataError: if there is no empty glass.
    """
    surface = fit_background(image).surface
    values = image.float().reshape(*image.shape[:2], -1) / 255
    density = (surface / values.clamp_min(0.5 / 255)).log10().reshape(-1, surface.shape[-1])
    return density[density.mean(dim=1) > 0.05]


def compare_to_file(path: Path, real: Sequence[Tensor], settings: SmearSettings, seed: int, *, grey: bool = False) -> None:
    """Draw smears and write them beside ``real`` as a picture."""
    simulated = []
    for number in range(2 * max(3, min(4, len(real)))):
        image = simulate_smear(settings, torch.Generator().manual_seed(seed * 10_000 + number)).image
        simulated.append(image.float().mean(dim=-1).round().to(torch.uint8) if grey else image)
    with atomic_path(path) as temporary:
        comparison_figure(simulated, real).savefig(temporary, dpi=110, format="png")


def read_images(folder: Path, limit: int = 12) -> list[Tensor]:
    """Images in a folder as uint8, (height, width) or (height, width, 3); if many, evenly picked ones.

    Raises:
        InputFileError: if there is none, or one cannot be read.
    """
    from skimage import io  # noqa: PLC0415

    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        message = f"{display_name(folder)} has no images to compare with; name a folder of PNG, TIFF or JPEG files"
        raise InputFileError(message)
    images = []
    for file in files[:: max(1, len(files) // limit)][:limit]:
        try:
            image = torch.as_tensor(io.imread(file))
        except Exception as error:
            message = f"{display_name(file)} cannot be read as an image ({type(error).__name__}); leave it out or convert it to PNG"
            raise InputFileError(message) from error
        if image.dtype is not torch.uint8 or image.ndim not in {2, 3}:
            message = f"{display_name(file)} is not an image of 8 bits in grey or colour; convert it to PNG"
            raise InputFileError(message)
        images.append(image[..., :3] if image.ndim == 3 else image)
    return images
