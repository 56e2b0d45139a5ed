"""Strategy 2, the inference: a proximal algorithm on a declared model as a network, its parameters as knowledge."""

from foreknow.unroll.choose import choose_unrolled
from foreknow.unroll.convolutional_robust_pca import ConvolutionalRobustPCA
from foreknow.unroll.differentiation import Backprop, Checkpoint, Differentiation, OneStep, Truncated
from foreknow.unroll.factorised_robust_pca import FactorisedRobustPCA, LowRankAndSparse
from foreknow.unroll.implicit import Implicit, ImplicitGradientWarning
from foreknow.unroll.knowledge import Knowledge, Learned
from foreknow.unroll.learnable import Learnable, Networks, NoiseLevel, Operators, StepSizes, Weights
from foreknow.unroll.network import Estimate, UnrolledNetwork

__all__ = [
    "Backprop",
    "Checkpoint",
    "ConvolutionalRobustPCA",
    "Differentiation",
    "Estimate",
    "FactorisedRobustPCA",
    "Implicit",
    "ImplicitGradientWarning",
    "Knowledge",
    "Learnable",
    "Learned",
    "LowRankAndSparse",
    "Networks",
    "NoiseLevel",
    "OneStep",
    "Operators",
    "StepSizes",
    "Truncated",
    "UnrolledNetwork",
    "Weights",
    "choose_unrolled",
]
