"""Trials on which swallow counters are judged: persons and seeds of their own, their features kept.

Trials have 64 x 64 pixels (2.1 mm) and the noise spectrum, in millimetres, of the presets' 160 x 160; a few with all of the pixels
show whether that matters. Features are kept in a folder of the system's temporary one.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.learn.tensor_file import read_tensors, write_tensors
from foreknow.swallow.learned.train import BENCHMARK_SEEDS
from foreknow.swallow.movement import NeckRegion, TrialFeatures, read_trial_features, trial_features, write_trial_features
from foreknow.swallow.movement.neck_region import find_neck
from foreknow.swallow.simulate import (
    ConfounderSettings,
    Kind,
    SimulatedTrial,
    TrialSettings,
    only,
    preset,
    simulate_trial,
)
from foreknow.swallow.simulate.varied import with_pixels

CACHE = Path(tempfile.gettempdir()) / "foreknow-benchmark-swallow"
SIDE = 64
PROMINENCES = (1.0, 1.5, 2.5, 4.0, 6.0)
NOISES = (0.3, 1.0, 2.0, 3.0)
LEVELS = ("easy", "normal", "hard")
CLIPS = {
    "speech only": ConfounderSettings(speech=10.0),
    "chewing only": ConfounderSettings(chewing=8.0),
    "head motion only": ConfounderSettings(turn=6.0, nod=8.0),
    "throat clearing only": ConfounderSettings(throat=10.0),
    "cough only": ConfounderSettings(cough=10.0),
    "aborted swallows only": ConfounderSettings(aborted=8.0),
}
_ROI_MM = 14.0
_BEHIND_MM = 4.0


@dataclass(frozen=True)
class SwallowCase:
    """A trial as counters see it.

    Attributes:
        group: what it belongs to.
        trial: features and truth.
        mean_depth: (time,) of a square about the larynx, millimetres, nothing undone.
        silhouette: (time,) pixels of the neck nearer than a plane behind the larynx.
    """

    group: str
    trial: TrialFeatures
    mean_depth: Tensor
    silhouette: Tensor


def group_settings(group: str) -> TrialSettings:
    """The settings of a group of trials."""
    if group in CLIPS:
        return with_pixels(replace(only(Kind.SPEECH, preset("normal"), 0.0), confounders=CLIPS[group]), SIDE)
    if group.startswith("grid"):
        prominence, noise = (float(part) for part in group.split()[1:])
        base = preset("normal")
        neck = replace(base.neck, prominence_mm=(prominence, prominence))
        return with_pixels(replace(base, neck=neck, noise=replace(base.noise, sd_mm=noise)), SIDE)
    if group.endswith("160"):
        return preset(group.split(maxsplit=1)[0])
    return with_pixels(preset(group), SIDE)


def grid() -> list[str]:
    """Groups over prominence and noise, all confounders, the same persons in each."""
    return [f"grid {prominence} {noise}" for prominence in PROMINENCES for noise in NOISES]


def groups(quick: bool) -> dict[str, int]:
    """Names of the groups and how many trials each has."""
    if quick:
        return dict.fromkeys(LEVELS, 2) | dict.fromkeys(CLIPS, 1)
    return {"easy": 30, "normal": 40, "hard": 50} | dict.fromkeys(CLIPS, 8) | {"hard 160": 4}


def seeds_of(group: str, count: int) -> list[int]:
    """Seeds of a group, apart from those of training and of other groups; those of the grid are the same in all of its groups."""
    name = group.split(maxsplit=1)[0] if group.startswith("grid") else group
    start = int(hashlib.sha256(f"held apart: {name}".encode()).hexdigest()[:6], 16) % 10_000
    return [BENCHMARK_SEEDS + 100 * start + place for place in range(count)]


def cases(group: str, count: int, until: float | None = None) -> Iterator[SwallowCase]:
    """The trials of a group; made where the folder does not have them, unless it is later than ``until``."""
    for seed in seeds_of(group, count):
        path = CACHE / f"{group.replace(' ', '_')}-{seed}.safetensors"
        if not path.exists():
            if until is not None and time.monotonic() > until:
                return
            trial = simulate_trial(group_settings(group), seed)
            try:
                write_trial_features(path, trial_features(trial))
            except DataError:
                continue
            write_tensors(path.with_suffix(".raw"), dict(zip(("mean_depth", "silhouette"), _raw_courses(trial), strict=True)), {})
        raw, _ = read_tensors(path.with_suffix(".raw"))
        found = read_trial_features(path)
        yield SwallowCase(group, found, *(_at(raw[name], found) for name in ("mean_depth", "silhouette")))


def _raw_courses(trial: SimulatedTrial) -> tuple[Tensor, Tensor]:
    """What needs no tracking: mean depth about the larynx, and the size of the silhouette, with their times (2, time)."""
    video = trial.video
    assert video.intrinsics is not None
    region = find_neck(video.frames[:15].nanmean(0), video.intrinsics)
    pictures = torch.stack([region.working_picture(frame) for frame in video.frames])
    row, column, reach = _place(region)
    roi = pictures[:, max(0, row - reach) : row + reach, max(0, column - reach) : column + reach]
    mean = roi.flatten(1).nanmean(1).nan_to_num(region.larynx[2])
    count = (pictures < region.larynx[2] + _BEHIND_MM).flatten(1).sum(1).float()
    times = video.timestamps.float()
    return torch.stack((times, mean)), torch.stack((times, count))


def _place(region: NeckRegion) -> tuple[int, int, int]:
    camera, (x, y, z) = region.camera, region.larynx
    return round(camera.fy * y / z + camera.cy), round(camera.fx * x / z + camera.cx), max(2, round(_ROI_MM * camera.fx / z))


def _at(course: Tensor, trial: TrialFeatures) -> Tensor:
    """A course at the times of the features."""
    import numpy as np

    return torch.from_numpy(np.interp(trial.table.seconds.numpy(), course[0].numpy(), course[1].numpy())).float()
