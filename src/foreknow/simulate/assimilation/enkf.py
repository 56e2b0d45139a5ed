"""The stochastic ensemble Kalman filter."""

import torch
from torch import Tensor

from foreknow.simulate.assimilation import ensemble as members_of
from foreknow.simulate.assimilation.covariance import noise
from foreknow.simulate.assimilation.filter import Comparison, EnsembleFilter
from foreknow.simulate.assimilation.system import ObservedSystem


class EnKF(EnsembleFilter):
    """Every member is told an observation of its own, perturbed by the observation error (Burgers, van Leeuwen and Evensen 1998).

    The perturbations have mean zero. The gain is computed in the space of the members or of the observations, whichever is smaller:
    with whitened Y, A^T Y (Y^T Y + (N - 1) I)^-1 = A^T (Y Y^T + (N - 1) I)^-1 Y.

    Args:
        members: N, at least 2.
        inflation: an object of `foreknow.simulate.assimilation`, or a number for a constant factor; None for none.
    """

    def update(self, system: ObservedSystem, comparison: Comparison, generator: torch.Generator) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Kalman's update of each member."""
        predicted = comparison.predicted
        _, perturbations = members_of.split(noise(tuple(predicted.shape), predicted, generator))
        misfits = comparison.innovation.unsqueeze(-2) + perturbations - predicted
        anomalies = comparison.anomalies
        if predicted.shape[-1] < self.members:
            factor = torch.linalg.cholesky(comparison.observed_gram)
            moved = torch.cholesky_solve(misfits.mT, factor).mT @ (predicted.mT @ anomalies)
        else:
            factor = torch.linalg.cholesky(comparison.gram)
            moved = torch.cholesky_solve(predicted @ misfits.mT, factor).mT @ anomalies
        return members_of.split(comparison.mean + anomalies + moved)
