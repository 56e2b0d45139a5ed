"""The local ensemble transform Kalman filter."""

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.parameters import Parameter
from foreknow.simulate.assimilation.filter import Comparison, EnsembleFilter
from foreknow.simulate.assimilation.inflation import Inflation
from foreknow.simulate.assimilation.localisation import Localisation
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.transforms import inverse_square_root, random_rotation


class LETKF(EnsembleFilter):
    """An ensemble transform for every number of the state, from the observations near by (Hunt, Kostelich and Szunyogh 2007).

    The taper divides the observation errors' variances, which must be independent. All transforms of a batch are computed at once.

    Args:
        members: N, at least 2.
        localisation: which observations count where.
        inflation: an object of `foreknow.simulate.assimilation`, or a number for a constant factor; None for none.
        rotate: whether the anomalies are rotated at random, all places alike, in every cycle.
    """

    def __init__(
        self,
        members: int,
        localisation: Localisation,
        inflation: "float | Parameter | Inflation | None" = None,
        *,
        rotate: bool = True,
    ) -> None:
        super().__init__(members, inflation)
        self.localisation = localisation
        self.rotate = rotate

    def update(self, system: ObservedSystem, comparison: Comparison, generator: torch.Generator) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The transforms.

        Raises:
            ShapeError: if the localisation is of another system.
        """
        indices, roots = self.localisation.indices, self.localisation.roots.to(comparison.predicted)
        anomalies = comparison.anomalies
        if len(indices) != anomalies.shape[-1]:
            message = f"the localisation is of {len(indices)} numbers, but a state has {anomalies.shape[-1]}"
            raise ShapeError(message)
        near = (comparison.predicted[..., indices] * roots).movedim(-2, -3)  # (*batch, n, N, k)
        innovation = (comparison.innovation[..., indices] * roots).unsqueeze(-1)
        identity = torch.eye(self.members, dtype=near.dtype, device=near.device)
        root = inverse_square_root((self.members - 1) * identity + near @ near.mT)
        weights = root @ (root @ (near @ innovation))  # (*batch, n, N, 1)
        local = anomalies.mT.unsqueeze(-1)  # (*batch, n, N, 1)
        mean = comparison.mean + (weights * local).sum(dim=-2).mT
        moved = ((self.members - 1) ** 0.5 * (root @ local)).squeeze(-1).mT
        if self.rotate:
            moved = random_rotation(tuple(anomalies.shape[:-2]), self.members, moved, generator) @ moved
        # local transforms keep the mean only up to the taper's variation
        return mean, moved - moved.mean(dim=-2, keepdim=True)
