"""A simulated run as files."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile
from torch import Tensor

from foreknow.angiography.simulate import RunSettings, SimulatedRun, simulate_run
from foreknow.angiography.simulation_comparison import overview_figure
from foreknow.angiography.simulation_dicom import write_run_dicom
from foreknow.errors import ParameterError
from foreknow.files import display_name, write_json_atomic
from foreknow.files.staging import staged_folder
from foreknow.files.table import csv_text

RUN = "run.dcm"
VESSELS, BACKGROUND, ABSORPTION = "vessels.tif", "background.tif", "absorption.tif"
MASK, CATHETER = "vessel_mask.tif", "catheter_mask.tif"
TREE, COURSE, OVERVIEW, SIMULATION = "tree.npz", "course.csv", "overview.png", "simulation.json"
_NAMES = (RUN, VESSELS, BACKGROUND, ABSORPTION, MASK, CATHETER, TREE, COURSE, OVERVIEW, SIMULATION)


def simulate_to_folder(
    folder: str | Path, settings: RunSettings | None = None, seed: int = 0, *, overwrite: bool = False
) -> SimulatedRun:
    """Draw a run and write it with its truth.

    run.dcm has the frames; vessels.tif and background.tif the layers of their attenuation (float32), absorption.tif the contrast
    agent on the primary ray, vessel_mask.tif and catheter_mask.tif 0 and 255; tree.npz the vessels with their tracks, widths and
    concentration; course.csv motion and injection over time; overview.png a picture; simulation.json the settings.

    Args:
        folder: made if it is not there.
        settings: what is drawn.
        seed: the same seed and settings give the same files.
        overwrite: whether files of an earlier run are replaced.

    Raises:
        ParameterError: if there are files of an earlier run and ``overwrite`` is not set.
    """
    final, settings = Path(folder), settings or RunSettings()
    if not overwrite and any((final / name).exists() for name in _NAMES):
        message = f"{display_name(final)} holds a simulation already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    run = simulate_run(settings, seed)
    with staged_folder(final) as staging:
        write_run_dicom(staging / RUN, run, seed)
        for name, layer in ((VESSELS, run.vessels), (BACKGROUND, run.background), (ABSORPTION, run.absorption)):
            _write_tiff(staging / name, layer)
        for name, mask in ((MASK, run.mask), (CATHETER, run.catheter_mask)):
            _write_tiff(staging / name, 255 * mask.byte())
        _write_tree(staging / TREE, run)
        (staging / COURSE).write_text(_course(run), encoding="utf-8", newline="")
        overview_figure(run).savefig(staging / OVERVIEW, dpi=110)
        write_json_atomic(staging / SIMULATION, _description(run, seed))
    return run


def _write_tiff(path: Path, frames: Tensor) -> None:
    tifffile.imwrite(
        path, frames.numpy(), compression="zlib", compressionargs={"level": 1}, photometric="minisblack", metadata=None
    )


def _write_tree(path: Path, run: SimulatedRun) -> None:
    tree = run.tree
    arrays = {
        "points_mm": tree.points.numpy(),
        "radius_mm": tree.radius.numpy(),
        "path_mm": tree.path.numpy(),
        "branch": tree.branch.numpy(),
        "level": tree.level.numpy(),
        "parent": tree.parent.numpy(),
        "name": np.array(tree.names),
        "tracks_px": run.tracks.numpy(),
        "widths_px": run.widths.numpy(),
        "concentration": run.concentration.numpy(),
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _course(run: SimulatedRun) -> str:
    """Per frame: time, motion, contrast agent in the ostium, area of the vessel mask."""
    columns = (
        "frame", "seconds", "contraction", "breathing_mm", "pan_right_mm", "pan_down_mm", "ostium_concentration", "vessel_pixels",
    )  # fmt: skip
    rows: list[list[object]] = []
    areas = run.mask.sum(dim=(1, 2)).tolist()
    for number, area in enumerate(areas):
        pan = run.motion.pan[number]
        values = (run.motion.cardiac[number], run.motion.breathing[number], pan[0], pan[1], run.concentration[number, 0])
        rows.append([number, f"{number / run.settings.rate:.4f}", *(f"{float(value):.5f}" for value in values), area])
    return csv_text(columns, rows)


def _description(run: SimulatedRun, seed: int) -> dict[str, object]:
    settings, view = run.settings, run.view
    return {
        "tool": "foreknow angiography simulate",
        "version": version("foreknow"),
        "seed": seed,
        "settings": asdict(settings),
        "drawn": {
            "primary_angle_degrees": round(view.angles[0], 3),
            "secondary_angle_degrees": round(view.angles[1], 3),
            "pixel_mm": view.pixel,
            "bolus": asdict(run.bolus),
            "branches": len(run.tree.level),
            "vessel_length_mm": round(float(run.tree.steps.sum()), 1),
        },
    }
