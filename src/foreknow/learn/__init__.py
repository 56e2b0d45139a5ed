"""Training: data, objectives, one `fit` with exact resuming, guards of what is known already, saved models."""

from foreknow.learn.checkpoint import OtherRunError
from foreknow.learn.compute import Compute
from foreknow.learn.data import Data, Example, Examples, RandomCrops, RandomFrames, RandomViews, Simulated, UnequalExamples
from foreknow.learn.description import Description
from foreknow.learn.drift import DriftReport, measure_drift
from foreknow.learn.export import ExportError, export_onnx, export_torchscript
from foreknow.learn.fit import fit
from foreknow.learn.history import Epoch, History, Outcome
from foreknow.learn.layerwise import FirstSteps, warm_up
from foreknow.learn.load import load_model, shipped_model
from foreknow.learn.logs import CSVLog, Log, TensorBoardLog
from foreknow.learn.objectives import (
    SURE,
    UNSURE,
    AmortisationGap,
    Injected,
    Objective,
    Supervised,
    Unsupervised,
    WithLabels,
    mean_squared_error,
    relative_squared_error,
)
from foreknow.learn.progress import Bar, Silent, TrainingProgress
from foreknow.learn.run import TrainingDivergedError
from foreknow.learn.saved import load_weights, read_description, save_model
from foreknow.learn.schedule import Constant, Cosine, Schedule
from foreknow.learn.settings import Settings
from foreknow.learn.several import Several, fit_several
from foreknow.learn.validation import Validation, evaluate

__all__ = [
    "SURE",
    "UNSURE",
    "AmortisationGap",
    "Bar",
    "CSVLog",
    "Compute",
    "Constant",
    "Cosine",
    "Data",
    "Description",
    "DriftReport",
    "Epoch",
    "Example",
    "Examples",
    "ExportError",
    "FirstSteps",
    "History",
    "Injected",
    "Log",
    "Objective",
    "OtherRunError",
    "Outcome",
    "RandomCrops",
    "RandomFrames",
    "RandomViews",
    "Schedule",
    "Settings",
    "Several",
    "Silent",
    "Simulated",
    "Supervised",
    "TensorBoardLog",
    "TrainingDivergedError",
    "TrainingProgress",
    "UnequalExamples",
    "Unsupervised",
    "Validation",
    "WithLabels",
    "evaluate",
    "export_onnx",
    "export_torchscript",
    "fit",
    "fit_several",
    "load_model",
    "load_weights",
    "mean_squared_error",
    "measure_drift",
    "read_description",
    "relative_squared_error",
    "save_model",
    "shipped_model",
    "warm_up",
]
