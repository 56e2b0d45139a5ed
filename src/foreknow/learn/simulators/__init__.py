"""Learning simulators: their numbers and residuals from observations, surrogates from their runs."""

from foreknow.learn.simulators.likelihood import Likelihood
from foreknow.learn.simulators.surrogates import (
    Rollout,
    SurrogateError,
    SurrogateRejectedError,
    pairs,
    surrogate_error,
    train_surrogate,
)

__all__ = ["Likelihood", "Rollout", "SurrogateError", "SurrogateRejectedError", "pairs", "surrogate_error", "train_surrogate"]
