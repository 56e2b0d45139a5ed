"""Strategy 3, the prior: a declared model as the loss that trains any network without labels."""

from foreknow.inject.loss import ModelLoss
from foreknow.inject.treatment import ForwardBackwardEnvelope, Moreau, ProxAsBackward, ProxTarget, Subgradient, Treatment

__all__ = ["ForwardBackwardEnvelope", "ModelLoss", "Moreau", "ProxAsBackward", "ProxTarget", "Subgradient", "Treatment"]
