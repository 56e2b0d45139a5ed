"""The features of a whole recording, and where they are simulated the truth beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.files.depth import DepthVideo
from foreknow.swallow.movement.feature_stream import Delivery, Features, FeatureStream
from foreknow.swallow.movement.neck_region import NeckRegion
from foreknow.swallow.simulate import SimulatedTrial, TrueEvent


@dataclass(frozen=True)
class FeatureTable:
    """Features at even times.

    Attributes:
        seconds: (time,) float64.
        change: (time, CELLS) millimetres.
        weight: (time, CELLS), 0 to 1.
        pose: (time, 6) radians and millimetres.
        share: (time,) of the neck that is seen.
        spread: (time,) millimetres.
        shape: (CELLS,) of the neck at rest, millimetres.
    """

    seconds: Tensor = field(repr=False)
    change: Tensor = field(repr=False)
    weight: Tensor = field(repr=False)
    pose: Tensor = field(repr=False)
    share: Tensor = field(repr=False)
    spread: Tensor = field(repr=False)
    shape: Tensor = field(repr=False)

    @classmethod
    def of(cls, features: Iterable[Features], shape: Tensor) -> FeatureTable:
        """Features in order, and the neck's shape at rest, as a table.

        Raises:
            ParameterError: if there are none.
        """
        rows = list(features)
        if not rows:
            message = "a table of features needs one or more of them"
            raise ParameterError(message)
        return cls(
            torch.tensor([row.seconds for row in rows], dtype=torch.float64),
            torch.stack([row.change for row in rows]),
            torch.stack([row.weight for row in rows]),
            torch.stack([row.pose for row in rows]),
            torch.tensor([row.share for row in rows]),
            torch.tensor([row.spread for row in rows]),
            shape,
        )


@dataclass(frozen=True)
class TrialFeatures:
    """A simulated trial as features and truth.

    Attributes:
        table: the features.
        events: what happened.
        lift: (time,) of the larynx by swallows at the times of the table, millimetres.
        prominence_mm: of the person.
        seed: of the trial.
    """

    table: FeatureTable
    events: tuple[TrueEvent, ...]
    lift: Tensor = field(repr=False)
    prominence_mm: float
    seed: int


def features_of(video: DepthVideo, name: str = "the recording") -> tuple[FeatureTable, NeckRegion, Delivery]:
    """All features of a recording in memory.

    Raises:
        ParameterError: if the recording does not say its camera.
        DataError: if no neck is found in it.
    """
    if video.intrinsics is None:
        message = f"{name} does not say its camera's focal length, so nothing can be measured in it; give it"
        raise ParameterError(message)
    stream = FeatureStream(video.intrinsics, name)
    found: list[Features] = []
    for frame, seconds in zip(video.frames, video.timestamps.tolist(), strict=True):
        found += stream.push(frame, seconds)
    found += stream.finish()
    assert stream.region is not None  # noqa: S101  (finish has found it, or raised)
    return FeatureTable.of(found, stream.shape), stream.region, stream.delivery


def trial_features(trial: SimulatedTrial) -> TrialFeatures:
    """Features of a simulated trial and its truth at their times."""
    table, _, _ = features_of(trial.video, "the trial")
    lift = np.interp(table.seconds.numpy(), trial.video.timestamps.numpy(), trial.lift.numpy())
    return TrialFeatures(table, trial.events, torch.from_numpy(lift).float(), trial.prominence_mm, trial.seed)
