"""How the neck moves: found in the picture, followed, its rigid motion undone, its surface mapped; frame by frame, causal."""

from foreknow.swallow.movement.chart import CELLS, COLUMNS, ROWS
from foreknow.swallow.movement.feature_stream import RATE, Delivery, Features, FeatureStream
from foreknow.swallow.movement.feature_table import FeatureTable, TrialFeatures, features_of, trial_features
from foreknow.swallow.movement.neck_region import NeckRegion, find_neck
from foreknow.swallow.movement.tracking import RigidTracker, Tracked
from foreknow.swallow.movement.trial_store import read_trial_features, write_trial_features

__all__ = [
    "CELLS",
    "COLUMNS",
    "RATE",
    "ROWS",
    "Delivery",
    "FeatureStream",
    "FeatureTable",
    "Features",
    "NeckRegion",
    "RigidTracker",
    "Tracked",
    "TrialFeatures",
    "features_of",
    "find_neck",
    "read_trial_features",
    "trial_features",
    "write_trial_features",
]
