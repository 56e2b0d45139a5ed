"""Crackles out of windows of a recording by the unrolled model: what `CrackleSeparator` solves, learned to be quick."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.lung.crackle_network import CrackleNetwork, CrackleNetworkSettings
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT


@dataclass
class NetworkReport:
    """What there is to say about an unrolled separation.

    Attributes:
        windows: how many were separated.
        steps: of the unrolled solver for each.
        crackle_model: name of what was learned, with the beginning of the hash of its weights.
    """

    windows: int = 0
    steps: int = 0
    crackle_model: str = ""


class UnrolledSeparator:
    """Applies a `CrackleNetwork` to windows of a recording.

    Args:
        network: trained, for windows of ``window_samples``; nothing of it is learned further.
        settings: how to separate; length of the windows and what they are whitened by.
        name: of the model, for the report.

    Attributes:
        model: the network; `str` gives the formula of the model that it unrolls.
        window_samples: length of a window.
        report: what there is to say about the windows so far.
    """

    def __init__(self, network: CrackleNetwork, settings: SeparationSettings, name: str = "") -> None:
        self.model = network.requires_grad_(requires_grad=False).eval()
        self.settings = settings
        self.window_samples = window_samples(network.settings, settings.window)
        self._stft = STFT(network.settings.spectrum_window, network.settings.spectrum_hop, self.window_samples)
        self.report = NetworkReport(steps=sum(network.settings.steps), crackle_model=name)

    def separate(self, windows: Tensor) -> Tensor:
        """The crackle part of windows, (batch, window_samples) to the same; computed in their dtype on their device."""
        self.report.windows += windows.shape[0]
        with torch.no_grad():
            peak = windows.abs().amax(dim=-1, keepdim=True)
            scale = torch.where(peak > 0, peak, torch.ones_like(peak))  # so that faint recordings meet no denormal numbers
            span = round(self.settings.level_span * self.model.settings.rate)
            whitening = Whitening(windows / scale, self._stft, span)
            return whitening.inverse(self.model(whitening(windows / scale))["crackles"]) * scale


def window_samples(settings: CrackleNetworkSettings, seconds: float) -> int:
    """Length of the windows nearest to so many seconds that the transforms of a network fit."""
    return max(1, round(seconds * settings.rate / settings.spectrum_hop)) * settings.spectrum_hop
