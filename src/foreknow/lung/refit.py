"""Crackles kept whole: what of a recording is crackle where a sparse model has found some."""

import torch
from torch import Tensor, nn

from foreknow.lung.neighbourhood import energy_nearby, smooth
from foreknow.lung.noise_level import level_close_by
from foreknow.parameters import Positive

_SUPPORT = 0.003  # seconds, standard deviation: how far a crackle reaches from a coefficient that was found
_BLOCK = 0.001  # seconds, standard deviation, over which the energy of the recording is estimated
_NOISE = 2.0  # times the energy of all else is taken off that of the recording ...
_NOISE_BELOW = 4.0  # ... in the coarsest band
_PRESENT = 1.0  # root of the energy of what was found, over that of the breath sound, from which on a crackle is there


class Refit(nn.Module):
    r"""The recording's coefficients d = W y, weighed by how much of them is crackle, where crackles were found.

        c = g h d,    g = (1 - t^2 / e)_+,    h = (1 - k n / E)_+

    A sparse model says where crackles are, and takes its weights off all of their coefficients; of faint bands nothing is left.
    Within that support they are measured anew: E is the energy of the recording around a coefficient, n that of all else there.
    E - n is left for the crackle, so h is an empirical Wiener gain (for k = 1 the James-Stein estimate of a block, Cai 1999; a
    larger k allows for an E that is high by chance). n is measured close by (`level_close_by`). e is the energy of what was found
    nearby, all detail bands together (`energy_nearby`), over that of the breath sound: where it is below t^2, nothing is crackle.

    Args:
        bands: of the wavelet, the coarsest first.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        noise = torch.full((bands, 1), _NOISE, dtype=torch.float64)
        noise[0] = _NOISE_BELOW
        self.noise = Positive(noise)
        self.present = Positive(torch.full((bands, 1), _PRESENT, dtype=torch.float64))

    def forward(self, details: Tensor, coefficients: Tensor, level: Tensor, rate: float) -> Tensor:
        r"""Coefficients of the crackles of whitened recordings.

        Args:
            details: W y, (\*batch, bands, n).
            coefficients: of the crackles as they were found, of the same shape.
            level: of the breath sound in W y, of the same shape, positive; see `local_level`.
            rate: hertz.

        Returns:
            (\*batch, bands, n); zero where none were found.
        """
        tiny = torch.finfo(details.dtype).tiny
        found = energy_nearby(coefficients, level, rate, _SUPPORT).clamp_min(tiny).unsqueeze(-2)
        support = (1 - self.present().to(details.dtype).square() / found).clamp_min(0)
        with torch.no_grad():
            noise = level_close_by(details, level, rate).clamp_min(tiny)
        energy = smooth((details / noise).square(), _BLOCK * rate).clamp_min(tiny)
        gain = (1 - self.noise().to(details.dtype) / energy).clamp_min(0)
        return support * gain * details
