"""foreknow: declare what you know as a model once; solve it, simulate it, unroll it, or train any network with it.

The names below are the ones that a first page of code needs; everything else is imported from its room, such as
``foreknow.operators``, ``foreknow.priors`` and ``foreknow.solve``.
"""

from importlib.metadata import PackageNotFoundError, version

from foreknow.model import Model
from foreknow.noise import Exact, Gaussian, Huber, Poisson
from foreknow.operators import DCT, STFT, FiniteDifference, Identity, LinearOperator, Matrix, Wavelet
from foreknow.parameters import Bounded, Positive
from foreknow.priors import L1, Box, GroupL2, NonNegative, NuclearNorm, PlugIn, Prior, Quadratic, TotalVariation, TotalVariation1D
from foreknow.problem import Component
from foreknow.solve import Solution

try:
    __version__ = version("foreknow")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "DCT",
    "L1",
    "STFT",
    "Bounded",
    "Box",
    "Component",
    "Exact",
    "FiniteDifference",
    "Gaussian",
    "GroupL2",
    "Huber",
    "Identity",
    "LinearOperator",
    "Matrix",
    "Model",
    "NonNegative",
    "NuclearNorm",
    "PlugIn",
    "Poisson",
    "Positive",
    "Prior",
    "Quadratic",
    "Solution",
    "TotalVariation",
    "TotalVariation1D",
    "Wavelet",
    "__version__",
]
