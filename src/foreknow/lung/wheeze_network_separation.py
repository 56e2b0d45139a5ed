"""Wheezes out of windows by the network: what `WheezeSeparator` solves, learned to be quick."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import threshold

from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.wheeze_network import WheezeNetwork
from foreknow.lung.wheeze_separation import ENVELOPE, QUANTILE, window_samples
from foreknow.lung.wheeze_settings import WheezeSettings

_SHUT = 0.1  # a gate that is open by less is shut, so that where there is nothing, nothing comes out


@dataclass
class WheezeNetworkReport:
    """What there is to say about a separation by the network.

    Attributes:
        windows: how many were separated.
        model: name of what was learned.
    """

    windows: int = 0
    model: str = ""


class NetworkWheezeSeparator:
    """Applies a `WheezeNetwork` to windows of a recording from which crackles have been taken.

    What the network has learned is where lines are, and how sure that is: the gate is near the probability that the model, in less
    noise, would keep a coefficient whole, so that what it lets through is near the mean of what may be there.

    Args:
        network: trained.
        settings: how to separate; the length of the windows.
        length: of the windows, samples, if not that of the settings.
        name: of the model, for the report.

    Attributes:
        model: the network.
        window_samples: length of a window.
        report: what there is to say about the windows so far.
    """

    def __init__(self, network: WheezeNetwork, settings: WheezeSettings, length: int | None = None, name: str = "") -> None:
        self.model: nn.Module = network.eval()
        self._network = network
        self.settings = settings
        self.window_samples = window_samples(settings, network.settings.rate) if length is None else length
        self._stft = network.settings.stft(self.window_samples)
        self._inside = network.settings.inside()
        self.report = WheezeNetworkReport(model=name)

    def separate(self, windows: Tensor) -> Tensor:
        """The wheezes of windows, (batch, window_samples) to the same; computed in their dtype on their device."""
        self.report.windows += windows.shape[0]
        with torch.no_grad():
            peak = windows.abs().amax(dim=-1, keepdim=True)
            scaled = windows / torch.where(peak > 0, peak, torch.ones_like(peak))  # so that faint ones meet no denormal numbers
            rate = self._network.settings.rate
            whitening = line_whitening(scaled, self._stft, ENVELOPE * rate, self._inside, QUANTILE)
            spectrum = self._stft(whitening(scaled))
            kept = torch.zeros_like(spectrum)
            inside = spectrum[..., self._inside, :]
            kept[..., self._inside, :] = inside * threshold(self._network.gate(inside), _SHUT, 0.0)
            return whitening.inverse(self._stft.adjoint(kept)) * peak
