"""Simulated smears as files."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile
import torch
from skimage.io import imsave
from torch import Tensor

from foreknow.cytology.simulate import DYES, DeteriorationSettings, SimulatedSmear, SmearSettings, deteriorate, simulate_smear
from foreknow.cytology.simulation_comparison import overview_figure
from foreknow.errors import ParameterError
from foreknow.files import display_name, write_json_atomic
from foreknow.files.staging import staged_folder
from foreknow.files.table import csv_text

CELLS, OVERVIEW, SIMULATION = "cells.csv", "overview.png", "simulation.json"


def simulate_to_folder(
    folder: str | Path,
    settings: SmearSettings | None = None,
    seed: int = 0,
    *,
    images: int = 1,
    grey: bool = False,
    worse: DeteriorationSettings | None = None,
    overwrite: bool = False,
) -> list[SimulatedSmear]:
    """Draw smears and write them with their truth.

    Of each image smear_NNN.png; smear_NNN_cells.tif, a stack of label layers in which every cell is whole; smear_NNN_labels.tif,
    one layer in which overlaps go to the smaller cell; smear_NNN_nuclei.tif; smear_NNN_region.png (0 and 255);
    smear_NNN_amounts.tif (dyes) and smear_NNN_background.tif (red, green, blue) as float32 optical densities. cells.csv has all
    measurements, simulation.json the settings and stain vectors, overview.png a picture.

    Args:
        folder: made if it is not there.
        settings: what is drawn; stains and light differ from image to image.
        seed: the same seed and settings give the same files.
        images: how many.
        grey: whether images are written in grey (the truth stays in colour).
        worse: also write smear_NNN_worse.png with cast, uneven light, dust, scratches and noise.
        overwrite: whether files of an earlier run are replaced.

    Raises:
        ParameterError: if there are files of an earlier run and ``overwrite`` is not set, or no images are asked for.
    """
    final, settings = Path(folder), settings or SmearSettings()
    if images < 1:
        message = f"a simulation needs at least one image, not {images}"
        raise ParameterError(message)
    if not overwrite and any((final / name).exists() for name in (CELLS, OVERVIEW, SIMULATION, "smear_000.png")):
        message = f"{display_name(final)} holds a simulation already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    smears = []
    with staged_folder(final) as staging:
        for number in range(images):
            generator = torch.Generator().manual_seed(seed * 10_000 + number)
            smear = simulate_smear(settings, generator)
            _write(staging, f"smear_{number:03}", smear, grey)
            if worse is not None:
                _write_png(staging / f"smear_{number:03}_worse.png", _shown(deteriorate(smear.image, worse, generator), grey))
            smears.append(smear)
        (staging / CELLS).write_text(_table(smears), encoding="utf-8", newline="")
        overview_figure(smears[0]).savefig(staging / OVERVIEW, dpi=110)
        write_json_atomic(staging / SIMULATION, _description(smears, settings, seed, worse))
    return smears


def _write(folder: Path, name: str, smear: SimulatedSmear, grey: bool) -> None:
    _write_png(folder / f"{name}.png", _shown(smear.image, grey))
    _write_png(folder / f"{name}_region.png", 255 * smear.region.byte())
    for what, labels in (("cells", smear.cells), ("labels", smear.labels), ("nuclei", smear.nuclei)):
        _write_tiff(folder / f"{name}_{what}.tif", labels.numpy().astype(np.uint16), smear.settings.pixel)
    _write_tiff(folder / f"{name}_amounts.tif", smear.amounts.numpy(), smear.settings.pixel)
    _write_tiff(folder / f"{name}_background.tif", smear.background.numpy(), smear.settings.pixel)


def _shown(image: Tensor, grey: bool) -> Tensor:
    return image.float().mean(dim=-1).round().to(torch.uint8) if grey else image


def _write_png(path: Path, image: Tensor) -> None:
    imsave(path, image.numpy(), check_contrast=False)


def _write_tiff(path: Path, planes: np.ndarray, pixel: float) -> None:
    per_centimetre = 1e4 / pixel
    tifffile.imwrite(
        path,
        planes,
        compression="zlib",
        photometric="minisblack",
        resolution=(per_centimetre, per_centimetre),
        resolutionunit="CENTIMETER",
        metadata=None,
    )


def _table(smears: Sequence[SimulatedSmear]) -> str:
    names = ["label", "kind", "x", "y", "left", "top", "right", "bottom", "area_um2", "nucleus_um2", "overlap", "whole"]
    rows: list[list[object]] = []
    for number, smear in enumerate(smears):
        for row in smear.measurements:
            values = asdict(row)
            shown = [f"{values[name]:.3f}" if isinstance(values[name], float) else values[name] for name in names]
            rows.append([f"smear_{number:03}.png", *shown, f"{row.nucleus_ratio:.4f}"])
    return csv_text(["image", *names, "nucleus_cytoplasm_ratio"], rows)


def _description(
    smears: Sequence[SimulatedSmear], settings: SmearSettings, seed: int, worse: DeteriorationSettings | None
) -> dict[str, object]:
    return {
        "tool": "foreknow cytology simulate",
        "version": version("foreknow"),
        "seed": seed,
        "settings": asdict(settings),
        "deterioration": None if worse is None else asdict(worse),
        "dyes": list(DYES),
        "images": [
            {
                "name": f"smear_{number:03}.png",
                "cells": len(smear.measurements),
                "stain_vectors": [[round(value, 5) for value in row] for row in smear.vectors.tolist()],
            }
            for number, smear in enumerate(smears)
        ],
    }
