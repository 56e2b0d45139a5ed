"""What a network is trained for: pairs, the model's own objective, or an unbiased estimate of the error."""

from foreknow.learn.objectives.amortisation_gap import AmortisationGap
from foreknow.learn.objectives.base import Objective
from foreknow.learn.objectives.injected import Injected
from foreknow.learn.objectives.supervised import Metric, Supervised, mean_squared_error, relative_squared_error
from foreknow.learn.objectives.sure import SURE
from foreknow.learn.objectives.unsupervised import Unsupervised
from foreknow.learn.objectives.unsure import UNSURE
from foreknow.learn.objectives.with_labels import WithLabels

__all__ = [
    "SURE",
    "UNSURE",
    "AmortisationGap",
    "Injected",
    "Metric",
    "Objective",
    "Supervised",
    "Unsupervised",
    "WithLabels",
    "mean_squared_error",
    "relative_squared_error",
]
