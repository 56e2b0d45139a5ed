"""The ensemble smoother with multiple data assimilation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.simulate.assimilation import ensemble as members_of
from foreknow.simulate.assimilation.covariance import Covariance, noise


class ESMDA:
    """All data are told to an ensemble of controls several times, each time with errors so large that in sum they are told once.

    Emerick and Reynolds 2013: the errors' variances are multiplied by a_i with sum 1 / a_i = 1. No derivative of the model is
    needed; the controls may be initial states, numbers of the model, or both.

    Args:
        factors: the a_i; a number stands for that many equal ones.

    Raises:
        ParameterError: if their inverses do not sum to 1.
    """

    def __init__(self, factors: int | Sequence[float] = 4) -> None:
        self.factors = (float(factors),) * factors if isinstance(factors, int) else tuple(factors)
        if not self.factors or min(self.factors) <= 0 or abs(sum(1 / factor for factor in self.factors) - 1) > 1e-6:
            message = f"the inverses of the factors of ES-MDA must sum to 1, which those of {factors} do not"
            raise ParameterError(message)

    def solve(
        self,
        forward: Callable[[Tensor], Tensor],
        ensemble: Tensor,
        y: Tensor,
        error: Covariance,
        generator: torch.Generator,
    ) -> Tensor:
        r"""The members after all updates, (\*batch, N, p).

        Args:
            forward: from controls (\*batch, N, p) to predicted data (\*batch, N, m).
            ensemble: drawn from the prior, (\*batch, N, p).
            y: data, (\*batch, m).
            error: covariance of the data.
            generator: of the perturbations.
        """
        members_of.require_members(ensemble.shape[-2])
        for factor in self.factors:
            _, anomalies = members_of.split(ensemble)
            seen = forward(ensemble)
            scale = factor**-0.5
            _, predicted = members_of.split(scale * error.whiten(seen))
            _, perturbations = members_of.split(noise(tuple(seen.shape), seen, generator))
            misfits = scale * error.whiten(y.unsqueeze(-2) - seen) + perturbations
            ensemble = ensemble + _increments(anomalies, predicted, misfits)
        return ensemble


def _increments(anomalies: Tensor, predicted: Tensor, misfits: Tensor) -> Tensor:
    """Kalman's gain times the misfits, in the smaller of the spaces of members and data."""
    count, size = predicted.shape[-2:]
    identity = torch.eye(min(count, size), dtype=predicted.dtype, device=predicted.device)
    if size < count:
        factor = torch.linalg.cholesky((count - 1) * identity + predicted.mT @ predicted)
        return torch.cholesky_solve(misfits.mT, factor).mT @ (predicted.mT @ anomalies)
    factor = torch.linalg.cholesky((count - 1) * identity + predicted @ predicted.mT)
    return torch.cholesky_solve(predicted @ misfits.mT, factor).mT @ anomalies
