"""Strategy 3, the prior: a declared model as the loss that trains any network without labels."""

from foreknow.inject.loss import ModelLoss
from foreknow.inject.refined import Refined
from foreknow.inject.separator import Separator
from foreknow.inject.target import BlockTarget, ProxTarget, Target, Teacher
from foreknow.inject.treatment import ForwardBackwardEnvelope, Moreau, ProxAsBackward, Subgradient, Treatment

__all__ = [
    "BlockTarget",
    "ForwardBackwardEnvelope",
    "ModelLoss",
    "Moreau",
    "ProxAsBackward",
    "ProxTarget",
    "Refined",
    "Separator",
    "Subgradient",
    "Target",
    "Teacher",
    "Treatment",
]
