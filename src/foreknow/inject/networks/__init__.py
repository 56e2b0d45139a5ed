"""Networks to train on a model: U-Nets of MONAI, and what makes them fit films, images, signals and their units."""

from foreknow.inject.networks.context import Context, MedianDifference, PreviousDifference
from foreknow.inject.networks.layouts import Channels, PerFrame, Whole
from foreknow.inject.networks.sliding import SlidingWindow
from foreknow.inject.networks.unet import UNet
from foreknow.inject.networks.wrappers import Emits, Gate, Residual, Standardised

__all__ = [
    "Channels",
    "Context",
    "Emits",
    "Gate",
    "MedianDifference",
    "PerFrame",
    "PreviousDifference",
    "Residual",
    "SlidingWindow",
    "Standardised",
    "UNet",
    "Whole",
]
