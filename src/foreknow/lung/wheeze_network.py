"""Wheezes by a network: a U-Net that says of every place in the spectrogram how much of it is a line."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from foreknow.errors import ParameterError
from foreknow.inject.networks import UNet
from foreknow.lung.lines import level_across
from foreknow.operators import STFT

_DEEPEST, _HIGHEST = -4.0, 6.0  # nepers about the level around between which amplitudes are told
_AROUND = 240.0  # hertz in which the level around a coefficient is measured
_CLOSED = -2.0  # before the sigmoid: the gate begins nearly closed


@dataclass(frozen=True, kw_only=True)
class WheezeNetworkSettings:
    """What a wheeze network is built of; it is used at this rate only.

    Attributes:
        rate: hertz.
        size: of the short-time Fourier windows, samples.
        hop: distance of these, samples.
        band: of the spectrogram that is looked at, hertz; all else is breath sound. It begins below the lowest fundamental, whose
            line is four bins wide.
        filters: channels of the levels of the U-Net.
        block: edge of the blocks of the spectrogram that it takes as channels.

    Raises:
        ParameterError: if a number is out of range.
    """

    rate: int = 4000
    size: int = 256
    hop: int = 64
    band: tuple[float, float] = (90.0, 1600.0)
    filters: tuple[int, ...] = (12, 24, 48)
    block: int = 2

    def __post_init__(self) -> None:
        if not (0 < self.hop <= self.size and 0 <= self.band[0] < self.band[1] <= self.rate / 2 and self.block >= 1):
            message = f"a wheeze network needs 0 < hop <= size and a band below half the rate, not {self}"
            raise ParameterError(message)

    def stft(self, length: int) -> STFT:
        """The transform for windows of so many samples."""
        return STFT(self.size, self.hop, length)

    def inside(self) -> Tensor:
        """Which bins are looked at, (bins,), bool."""
        hertz = torch.fft.rfftfreq(self.size, 1 / self.rate, dtype=torch.float64)
        return (hertz >= self.band[0]) & (hertz <= self.band[1])


class WheezeNetwork(nn.Module):
    r"""A gate for every short-time Fourier coefficient: m (C) C, 0 <= m <= 1, so that the phase of a tone does not matter.

    The U-Net (`UNet`) sees the logarithm of the modulus over the level of the breath sound around, the median over neighbouring
    frequencies (`level_across`), those outside the band too: a line at its edge would else be its own mirror image, and raise the
    level that it is judged by. As its input has neither phase nor unit, neither has what it learns, and what it emits is zero where
    the data are.

    Args:
        settings: what it is built of.
    """

    def __init__(self, settings: WheezeNetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        inside = settings.inside().nonzero()
        self._band = (int(inside[0]), int(inside[-1]) + 1)
        self._around = 2 * round(0.5 * _AROUND * settings.size / settings.rate) + 1
        self.network = UNet(2, filters=settings.filters, block=settings.block)

    def forward(self, spectrum: Tensor) -> dict[str, Tensor]:
        """Coefficients of breath sound, (batch, bins, frames), complex, to those of wheezes, which are zero outside of the band."""
        return {"wheezes": self.gate_and_level(spectrum)[0] * spectrum}

    def gate_and_level(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """How much of each coefficient is a line, 0 to 1, and its modulus over the level around; (batch, bins, frames) each."""
        modulus = spectrum.abs()
        over = modulus / level_across(modulus, self._around).clamp_min(torch.finfo(modulus.dtype).tiny)
        low, high = self._band
        seen = over[..., low:high, :].clamp_min(1e-12).log().clamp(_DEEPEST, _HIGHEST)
        gate = torch.sigmoid(self.network(seen.unsqueeze(1)).squeeze(1) + _CLOSED)
        return pad(gate, (0, 0, low, modulus.shape[-2] - high)), over

    def __str__(self) -> str:
        """The model whose loss it was trained on."""
        return "minimise 1/2 |C - B - W|^2 + w |B|_* + sum k |W| (C the whitened spectrogram; W emitted by a U-Net)"
