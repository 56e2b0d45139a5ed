"""Weights of crackles in an unrolled model: one number a band, scaled by how loud breath sound and crackles are."""

from torch import Tensor

from foreknow.parameters import Parameter, Positive


class ScaledWeights(Parameter):
    r"""One positive number a band, learned or not, times a scale (\*batch, bands, n) that belongs to the data at hand.

    Args:
        values: one a band, (bands,), positive.

    Attributes:
        scale: of the recordings that are being separated, set before a pass; None for one.
    """

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = Positive(values.double())
        self.scale: Tensor | None = None

    def forward(self) -> Tensor:
        """The present weights, (bands, 1) without a scale."""
        weights = self.values().unsqueeze(-1)
        return weights if self.scale is None else weights.to(self.scale.dtype) * self.scale


def relief(energy: Tensor, share: Tensor, level: Tensor) -> Tensor:
    r"""By how much weights are lowered where a crackle is: share + (1 - share) / (1 + e / level^2), from 1 down to ``share``.

    The weights of iteratively reweighted l1 (Candès, Wakin and Boyd 2008) with a floor, shared by neighbours in time and band.

    Args:
        energy: e, of crackles nearby over that of the breath sound, (\*batch, n), not negative.
        share: what is left of the weights within a loud crackle, 0 to 1, (bands, 1).
        level: at which half of the relief is given, (bands, 1).
    """
    share, level = share.to(energy.dtype), level.to(energy.dtype)
    return share + (1 - share) / (1 + energy.unsqueeze(-2) / level.square())
