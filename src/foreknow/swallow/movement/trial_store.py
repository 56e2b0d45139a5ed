"""Features of simulated trials as files, so that a trial is simulated once."""

from dataclasses import asdict
from pathlib import Path

import torch

from foreknow.errors import InputFileError
from foreknow.learn.tensor_file import read_tensors, write_tensors
from foreknow.swallow.movement.feature_table import FeatureTable, TrialFeatures
from foreknow.swallow.simulate import Kind, TrueEvent

_STEP = 255.0


def write_trial_features(path: Path, trial: TrialFeatures) -> None:
    """Write a trial's features in half precision with its truth."""
    table = trial.table
    tensors = {
        "seconds": table.seconds,
        "change": table.change.half(),
        "weight": (_STEP * table.weight).round().byte(),
        "pose": table.pose,
        "share": table.share,
        "spread": table.spread,
        "shape": table.shape,
        "lift": trial.lift,
    }
    events = [{**asdict(event), "kind": event.kind.value} for event in trial.events]
    write_tensors(path, tensors, {"events": events, "prominence_mm": trial.prominence_mm, "seed": trial.seed})


def read_trial_features(path: Path) -> TrialFeatures:
    """What `write_trial_features` wrote.

    Raises:
        InputFileError: if the file is missing, damaged or of another kind.
    """
    tensors, about = read_tensors(path)
    try:
        lift = tensors.pop("lift")
        tensors["change"] = tensors["change"].float()
        tensors["weight"] = tensors["weight"].to(torch.float32) / _STEP
        events = tuple(TrueEvent(**{**event, "kind": Kind(event["kind"])}) for event in about["events"])
        return TrialFeatures(FeatureTable(**tensors), events, lift, float(about["prominence_mm"]), int(about["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path}: holds no features of a trial; delete it, so that it is made again"
        raise InputFileError(message) from error
