r"""Hyper-parameters as knowledge: weights of priors and the noise level, learned from data.

Every method is an object with one call, ``learn(model, y) -> Outcome``; they estimate different things:

- `MarginalLikelihood`: the numbers that the data were drawn with, and their standard errors, without truth;
- `UnbiasedRisk`: the weights of least squared error of the signal, without truth but with a known noise level;
- `Bilevel`: the weights of least loss, from examples with truth;
- `NormalisedPrior`: the most probable weights together with the most probable coefficients: cheap, biased;
- `MedianNoise`: the noise level alone, from the finest detail of the data.
"""

from foreknow.learn.hyperparameters.bilevel import Bilevel, SquaredError, SupervisedLoss
from foreknow.learn.hyperparameters.descent import Descent
from foreknow.learn.hyperparameters.gamma import Gamma
from foreknow.learn.hyperparameters.marginal_likelihood import MarginalLikelihood
from foreknow.learn.hyperparameters.median_noise import MedianNoise
from foreknow.learn.hyperparameters.myula import MYULA
from foreknow.learn.hyperparameters.normalised_prior import NormalisedPrior
from foreknow.learn.hyperparameters.normaliser import Homogeneous, Normaliser
from foreknow.learn.hyperparameters.outcome import LearnedNumber, Outcome, Status
from foreknow.learn.hyperparameters.prior_chain import PriorChain
from foreknow.learn.hyperparameters.sampler import ProximalHMC, Sampler
from foreknow.learn.hyperparameters.solution_map import Certified, SolutionMap, Unrolled
from foreknow.learn.hyperparameters.unbiased_risk import UnbiasedRisk

__all__ = [
    "MYULA",
    "Bilevel",
    "Certified",
    "Descent",
    "Gamma",
    "Homogeneous",
    "LearnedNumber",
    "MarginalLikelihood",
    "MedianNoise",
    "NormalisedPrior",
    "Normaliser",
    "Outcome",
    "PriorChain",
    "ProximalHMC",
    "Sampler",
    "SolutionMap",
    "SquaredError",
    "Status",
    "SupervisedLoss",
    "UnbiasedRisk",
    "Unrolled",
]
