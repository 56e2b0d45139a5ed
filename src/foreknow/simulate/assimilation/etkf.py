"""The ensemble transform Kalman filter."""

import torch
from torch import Tensor

from foreknow.parameters import Parameter
from foreknow.simulate.assimilation.filter import Comparison, EnsembleFilter
from foreknow.simulate.assimilation.inflation import Inflation
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.transforms import inverse_square_root, random_rotation


class ETKF(EnsembleFilter):
    """No perturbed observations: the anomalies are transformed by a symmetric square root (Bishop et al. 2001; Hunt et al. 2007).

    With C = (N - 1) I + Y Y^T the mean moves by A^T C^-1 Y d and the anomalies become sqrt(N - 1) C^-1/2 A.

    Args:
        members: N, at least 2.
        inflation: an object of `foreknow.simulate.assimilation`, or a number for a constant factor; None for none.
        rotate: whether the anomalies are rotated at random around their mean in every cycle, which keeps non-linear models from
            making outliers (Sakov and Oke 2008).
    """

    def __init__(self, members: int, inflation: "float | Parameter | Inflation | None" = None, *, rotate: bool = True) -> None:
        super().__init__(members, inflation)
        self.rotate = rotate

    def update(self, system: ObservedSystem, comparison: Comparison, generator: torch.Generator) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """The transform."""
        root = inverse_square_root(comparison.gram)
        image = comparison.predicted @ comparison.innovation.unsqueeze(-1)
        weights = (root @ (root @ image)).mT
        transform = (self.members - 1) ** 0.5 * root
        if self.rotate:
            batch = tuple(comparison.anomalies.shape[:-2])
            transform = random_rotation(batch, self.members, comparison.anomalies, generator) @ transform
        return comparison.mean + weights @ comparison.anomalies, transform @ comparison.anomalies
