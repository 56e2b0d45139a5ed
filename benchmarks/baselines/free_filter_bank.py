"""A learned filter bank without constraints: analysis, hard threshold, synthesis, all filters free.

Source: G. Michau, G. Frusque and O. Fink, "Fully learnable deep wavelet transform for unsupervised monitoring of high-frequency
time series", PNAS 119(8), 2022 (DeSpaWN): a cascade of two-channel filter banks, started at a Daubechies wavelet, one low-pass a
level with the high-pass as its alternating flip, and a learned smooth two-sided hard threshold x (sigmoid(10 (x - b)) + sigmoid(-10
(x + c))). Perfect reconstruction is not enforced once the filters move. Here the recording is the input and the crackle part the
output, trained with the truth as the networks that it is compared with.
"""

import pywt
import torch
from torch import Tensor, nn


class FreeFilterBank(nn.Module):
    """The network.

    Args:
        wavelet: whose filters it starts from.
        levels: of the cascade.
        threshold: to start from, in standard deviations of the whitened breath sound.
    """

    def __init__(self, wavelet: str, levels: int, threshold: float = 3.0) -> None:
        super().__init__()
        low_pass = torch.tensor(pywt.Wavelet(wavelet).rec_lo, dtype=torch.float32)
        self.filters = nn.Parameter(low_pass.repeat(levels, 1))
        self.upper = nn.Parameter(torch.full((levels + 1,), threshold))
        self.lower = nn.Parameter(torch.full((levels + 1,), threshold))

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        """The crackle part of recordings, (batch, samples), samples a multiple of 2^levels."""
        return {"crackles": self._cascade(y, 0)}

    def reconstruction_error(self, x: Tensor) -> float:
        """|S A x - x| / |x| with thresholds of zero."""
        with torch.no_grad():
            back = self._cascade(x, 0, shrink=False)
            return float(torch.linalg.vector_norm(back - x) / torch.linalg.vector_norm(x))

    def _cascade(self, x: Tensor, level: int, *, shrink: bool = True) -> Tensor:
        if level == len(self.filters):
            return self._threshold(x, level) if shrink else x
        low = self.filters[level]
        signs = (-1.0) ** torch.arange(len(low), dtype=low.dtype, device=low.device)
        high = -signs * low.flip(0)
        approximation = self._cascade(_analyse(x, low), level + 1, shrink=shrink)
        detail = _analyse(x, high)
        return _synthesise(approximation, low) + _synthesise(self._threshold(detail, level) if shrink else detail, high)

    def _threshold(self, x: Tensor, level: int) -> Tensor:
        return x * (torch.sigmoid(10 * (x - self.upper[level])) + torch.sigmoid(-10 * (x + self.lower[level])))


def _analyse(x: Tensor, taps: Tensor) -> Tensor:
    """Periodic correlation with the taps at every second sample."""
    extended = torch.cat((x, x[..., : len(taps) - 1]), dim=-1)
    return nn.functional.conv1d(extended.unsqueeze(-2), taps[None, None], stride=2).squeeze(-2)


def _synthesise(c: Tensor, taps: Tensor) -> Tensor:
    """The adjoint of `_analyse`."""
    full = nn.functional.conv_transpose1d(c.unsqueeze(-2), taps[None, None], stride=2).squeeze(-2)
    n = 2 * c.shape[-1]
    head, tail = full[..., :n], full[..., n:]
    return head + nn.functional.pad(tail, (0, n - tail.shape[-1]))
