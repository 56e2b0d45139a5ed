"""Wheezes out of windows by the network: what `WheezeSeparator` solves, learned to be quick."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.lines import frames_that_show
from foreknow.lung.path_opening import path_opening, widest
from foreknow.lung.wheeze_network import WheezeNetwork
from foreknow.lung.wheeze_separation import ENVELOPE, QUANTILE, window_samples
from foreknow.lung.wheeze_settings import WheezeSettings

_SHUT = 0.1  # a gate that is open by less is shut, so that where there is nothing, nothing comes out
_LINE = 0.2  # how far the gate is open at the weakest place of a line
_SKIRTS = 2  # bins about a line: half the main lobe of the window


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

    What the network has learned is where lines are, and how sure that is: the gate m is near the probability that the model, in
    less noise, would keep a coefficient whole, so that what it lets through is near the mean of what may be there. Two things that
    the model knows are asked of every window:

    - **continuity**: the gate stays open where a line goes on through every frame that a sound of ``settings.shortest`` shows in,
      judged by its weakest place (`path_opening`);
    - **level**: a coefficient far above the breath sound is none of it, however unsure the gate. A proximal step of the model, its
      weight k_1 level (1 - m) / m, leaves |c| - k_1 level (1 - m) / m of it, and the larger of both is kept.

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
        self.report = WheezeNetworkReport(model=name)

    def separate(self, windows: Tensor) -> Tensor:
        """The wheezes of windows, (batch, window_samples) to the same; computed in their dtype on their device."""
        self.report.windows += windows.shape[0]
        with torch.no_grad():
            peak = windows.abs().amax(dim=-1, keepdim=True)
            scaled = windows / torch.where(peak > 0, peak, torch.ones_like(peak))  # so that faint ones meet no denormal numbers
            rate = self._network.settings.rate
            whitening = line_whitening(scaled, self._stft, ENVELOPE * rate, self._network.settings.inside(), QUANTILE)
            spectrum = self._stft(whitening(scaled))
            return whitening.inverse(self._stft.adjoint(spectrum * self._share(spectrum))) * peak

    def _share(self, spectrum: Tensor) -> Tensor:
        """How much of each coefficient is kept, 0 to 1; (batch, bins, frames)."""
        gate, over = self._network.gate_and_level(spectrum)
        length = min(frames_that_show(self._stft, self._network.settings.rate, self.settings), gate.shape[-1])
        is_open = (gate > _SHUT) & (widest(path_opening(gate, length), _SKIRTS) > _LINE)
        if not bool(is_open.any()):
            return torch.zeros_like(gate)
        gate = gate.clamp_min(_SHUT)
        step = 1 - self.settings.threshold_within * (1 - gate) / (gate * over.clamp_min(1e-12))
        return torch.where(is_open, torch.maximum(gate, step), 0.0)
