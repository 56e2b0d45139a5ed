"""Swallows planted into real depth: noise and holes of real frames, real breathing, on the clean surface of simulated necks."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.swallow_cases import CACHE
from foreknow.errors import DataError
from foreknow.files.depth import DepthVideo, read_depth
from foreknow.swallow.figures import central_part
from foreknow.swallow.movement import TrialFeatures, read_trial_features, trial_features, write_trial_features
from foreknow.swallow.movement.neck_region import reduced
from foreknow.swallow.simulate import SimulatedTrial, preset, simulate_trial
from foreknow.swallow.simulate.resimulate import scene_of
from foreknow.swallow.simulate.varied import with_pixels

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "depth"
SEEDS = range(190_000_100, 190_000_106)
SIDE, POOLED = 80, 2
"""Pixels of a side, 1.7 mm each, and how many pixels of real frames make one: the real cameras' pixels are taken to be 0.85 mm."""


def planted() -> dict[str, Callable[[], Iterator[TrialFeatures]]]:
    """Sets of trials by name; none where the folder is absent."""
    found: dict[str, Callable[[], Iterator[TrialFeatures]]] = {}
    truedepth = FOLDER / "truedepth" / "iPhone11Pro_iOS14" / "FrontCamCalibrationDataset"
    if truedepth.is_dir():
        found["iPhone TrueDepth noise"] = lambda: _trials("truedepth", _noise_of(lambda: _plane_residuals(truedepth)))
    if (FOLDER / "kinect_room").is_dir():
        found["Kinect noise"] = lambda: _trials("kinect", _noise_of(lambda: _room_residuals(FOLDER / "kinect_room")))
    if (FOLDER / "d435_breathing").is_dir():
        found["D435 breathing"] = lambda: _trials("breathing", _breathing)
    return found


Plant = Callable[[SimulatedTrial, int], SimulatedTrial]


def _trials(name: str, plant: Plant) -> Iterator[TrialFeatures]:
    """Persons of the middle level with prominences of 2 to 5 mm."""
    base = with_pixels(preset("normal"), SIDE)
    settings = replace(base, neck=replace(base.neck, prominence_mm=(2.0, 5.0)))
    for seed in SEEDS:
        path = CACHE / f"planted-{name}-{seed}.safetensors"
        if not path.exists():
            try:
                write_trial_features(path, trial_features(plant(simulate_trial(settings, seed), seed)))
            except DataError:
                continue
        yield read_trial_features(path)


def _noise_of(residuals: Callable[[], tuple[Tensor, float]]) -> Plant:
    known: list[tuple[Tensor, float]] = []

    def plant(trial: SimulatedTrial, seed: int) -> SimulatedTrial:
        known.extend([residuals()] if not known else [])
        return noisy(trial, *known[0], seed)

    return plant


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
    rows, columns = (POOLED * size for size in frames.shape[1:])
    for place in range(len(frames)):
        shape = residuals.shape
        pick = int(torch.randint(shape[0], (1,), generator=generator))
        top = int(torch.randint(shape[1] - rows + 1, (1,), generator=generator))
        left = int(torch.randint(shape[2] - columns + 1, (1,), generator=generator))
        part = residuals[pick, top : top + rows, left : left + columns]
        part = part.flip(1) if int(torch.randint(2, (1,), generator=generator)) else part
        fine = frames[place].repeat_interleave(POOLED, 0).repeat_interleave(POOLED, 1)
        frames[place] = reduced(((fine + part * fine.square()) / step).round() * step, POOLED)
    video = DepthVideo(frames, trial.video.timestamps, trial.video.intrinsics)
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
    return replace(trial, video=replace(trial.video, frames=frames))
