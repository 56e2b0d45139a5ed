"""What crackle networks are adapted for where nothing is labelled: recordings explained well by few crackles."""

import torch
from torch import Tensor, nn

from foreknow.learn import Example, Objective
from foreknow.learn.emission import Emit
from foreknow.lung.crackle_network import CrackleNetwork
from foreknow.lung.noise_level import local_level

_LARGE = 2.0  # times the weight: from where on a coefficient costs little more


class CrackleSparsity(Objective):
    r"""1/2 |y - W^* c|^2 + sum w s log(1 + |c| / s) at the coefficients c of a network, in the mean over samples.

    The log-sum penalty is what reweighted l1 minimises (Candès, Wakin and Boyd 2008). Its weights w, and the level by which w and s
    are scaled, are those of the network when this objective is made, and stay: learned along, they would make it small by
    vanishing. The wavelet W may move: the one that explains the recordings with fewer and smaller coefficients wins. It cannot
    cheat by its size, since it stays orthonormal.

    Args:
        network: as it is before it is adapted.
    """

    def __init__(self, network: CrackleNetwork) -> None:
        super().__init__()
        self._span = round(network.settings.level_span * network.settings.rate)
        self.weights: Tensor
        self.register_buffer("weights", network.weights().float())
        self._wavelet = [network.wavelet_copy()]  # in a list: not a part of this module

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The objective of each item."""
        y = example.y
        found = emit(y)
        with torch.no_grad():
            level = local_level(self._wavelet[0].on((y.shape[-1],))(y), self._span)
        weights = self.weights.to(y.dtype) * level
        scale = _LARGE * weights
        crackles = (weights * scale * torch.log1p(found.coefficients["sparse"].abs() / scale)).sum(dim=(-1, -2))
        rest = y - found.components["sparse"]
        return (0.5 * rest.square().sum(dim=-1) + crackles) / y.shape[-1]


def only_wavelets(network: nn.Module) -> None:
    """Let nothing but the wavelets of a network be learned: thresholds keep their rate of false alarms."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("filter_bank" in name and ".layers." in name)
