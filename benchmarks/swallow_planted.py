"""Swallows planted into real depth: noise and holes of real frames, real breathing, on the clean surface of simulated necks."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.files.depth import DepthVideo, read_depth
from foreknow.swallow.figures import central_part
from foreknow.swallow.movement import TrialFeatures, trial_features
from foreknow.swallow.simulate import SimulatedTrial, preset, simulate_trial
from foreknow.swallow.simulate.resimulate import scene_of

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "depth"
SEEDS = range(190_000_000, 190_000_008)
_SIDE = 160


def planted() -> dict[str, Callable[[], Iterator[TrialFeatures]]]:
    """Sets of trials by name; none where the folder is absent."""
    found: dict[str, Callable[[], Iterator[TrialFeatures]]] = {}
    truedepth = FOLDER / "truedepth" / "iPhone11Pro_iOS14" / "FrontCamCalibrationDataset"
    if truedepth.is_dir():
        found["iPhone TrueDepth noise"] = lambda: _trials(lambda trial, seed: noisy(trial, *_plane_residuals(truedepth), seed))
    if (FOLDER / "kinect_room").is_dir():
        found["Kinect noise"] = lambda: _trials(lambda trial, seed: noisy(trial, *_room_residuals(FOLDER / "kinect_room"), seed))
    if (FOLDER / "d435_breathing").is_dir():
        found["D435 breathing"] = lambda: _trials(_breathing)
    return found


def _trials(plant: Callable[[SimulatedTrial, int], SimulatedTrial]) -> Iterator[TrialFeatures]:
    """Persons of the middle level with prominences of 2 to 5 mm."""
    base = preset("normal")
    settings = replace(base, neck=replace(base.neck, prominence_mm=(2.0, 5.0)))
    for seed in SEEDS:
        try:
            yield trial_features(plant(simulate_trial(settings, seed), seed))
        except DataError:
            continue


def noisy(trial: SimulatedTrial, residuals: Tensor, step: float, seed: int) -> SimulatedTrial:
    """A trial whose noise, holes and steps are those of real frames.

    Args:
        trial: whose own noise is not used.
        residuals: (frames, height, width) relative to the square of the depth, 1 / metre, NaN in holes.
        step: of the counts, metres.
        seed: of the order of frames.
    """
    generator = torch.Generator().manual_seed(seed)
    frames = trial.clean.clone()
    rows, columns = frames.shape[1:]
    for place in range(len(frames)):
        shape = residuals.shape
        pick = int(torch.randint(shape[0], (1,), generator=generator))
        top = int(torch.randint(shape[1] - rows + 1, (1,), generator=generator))
        left = int(torch.randint(shape[2] - columns + 1, (1,), generator=generator))
        part = residuals[pick, top : top + rows, left : left + columns]
        part = part.flip(1) if int(torch.randint(2, (1,), generator=generator)) else part
        frames[place] = ((frames[place] + part * frames[place].square()) / step).round() * step
    video = DepthVideo(frames, trial.video.timestamps, trial.video.intrinsics, step)
    return replace(trial, video=video)


def _plane_residuals(folder: Path) -> tuple[Tensor, float]:
    """Unevenness of a plane seen by an iPhone from about 0.2 m."""
    part = central_part(read_depth(folder, unit=1e-4, tick=1e-3), 240, 240)
    return _relative(part.frames), 1e-4


def _room_residuals(folder: Path) -> tuple[Tensor, float]:
    """Unevenness of the smoothest part of a room seen by a Kinect, about 2 m away, frame by frame, as the camera moves."""
    video = read_depth(folder)
    part = central_part(video, 200, 200)
    return _relative(part.frames), 1e-3


def _relative(frames: Tensor) -> Tensor:
    parts = []
    for frame in frames:
        scene = scene_of(DepthVideo(frame[None], torch.zeros(1, dtype=torch.float64)))
        uneven = frame - scene
        uneven = torch.where(uneven.abs() > 0.02 * scene, torch.nan, uneven)  # edges of things
        parts.append(uneven / scene.square())
    return torch.stack(parts)


def _breathing(trial: SimulatedTrial, seed: int) -> SimulatedTrial:
    """A trial that also breathes as a real person did, with the noise of that measurement, scaled to 1.5 mm at the neck."""
    files = sorted((FOLDER / "d435_breathing").glob("*_mean_prob*_C.csv"))
    with files[seed % len(files)].open(newline="") as file:
        rows = [(float(row["timestamp"]) / 1000, float(row["displacement"])) for row in csv.DictReader(file)]
    seconds, moved = np.array(rows).T
    times = trial.video.timestamps.numpy()
    course = np.interp(times, seconds - seconds[0], moved - np.median(moved))
    low, high = np.percentile(course, [5, 95])
    course = 1.5 * course / max(1e-6, 0.5 * (high - low))
    rows_count = trial.clean.shape[1]
    below = torch.linspace(0.35, 1.0, rows_count)[None, :, None]
    whole = torch.from_numpy(course).float()[:, None, None] * below / 1000
    frames = ((trial.video.frames - whole) / 1e-3).round() * 1e-3
    return replace(trial, video=replace(trial.video, frames=frames, unit=1e-3))
