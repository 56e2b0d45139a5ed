"""Change of sampling rate, of a whole signal or block by block, by libsoxr (linear phase, delay compensated)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import ForeknowError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _soxr() -> Any:  # noqa: ANN401  (an untyped library)
    try:
        import soxr  # noqa: PLC0415
    except ImportError as error:
        message = "changing a sampling rate needs the library soxr; install it with: pip install 'foreknow[lung]'"
        raise ForeknowError(message) from error
    return soxr


def _check_rates(rate: int, new_rate: int) -> None:
    if rate <= 0 or new_rate <= 0:
        message = f"sampling rates must be positive, not {rate} and {new_rate}"
        raise ParameterError(message)


def resample(samples: Tensor, rate: int, new_rate: int) -> Tensor:
    """The signal at another sampling rate.

    Args:
        samples: (samples,), real.
        rate: its sampling rate in hertz.
        new_rate: the wanted rate in hertz.

    Returns:
        (round(samples * new_rate / rate),), same dtype, on the CPU; ``samples`` itself if the rates are equal.

    Raises:
        ParameterError: if a rate is not positive.
        ForeknowError: if soxr is not installed.
    """
    _check_rates(rate, new_rate)
    if rate == new_rate:
        return samples
    signal = samples.detach().cpu().to(torch.float64).numpy()
    changed = _soxr().resample(signal, rate, new_rate, quality="HQ")
    return torch.from_numpy(np.ascontiguousarray(changed)).to(samples.dtype)


class StreamResampler:
    """The same change of rate for a signal that comes in blocks; the blocks joined equal `resample` of the whole.

    Args:
        rate: sampling rate of what comes, hertz.
        new_rate: sampling rate of what goes, hertz.

    Raises:
        ParameterError: if a rate is not positive.
        ForeknowError: if the rates differ and soxr is not installed.
    """

    def __init__(self, rate: int, new_rate: int) -> None:
        _check_rates(rate, new_rate)
        self._stream = None if rate == new_rate else _soxr().ResampleStream(rate, new_rate, 1, dtype="float64", quality="HQ")

    def push(self, block: NDArray[np.float64], *, last: bool = False) -> NDArray[np.float64]:
        """Give the next block, (n,), and take what is ready by now, (m,); ``last=True`` flushes the rest."""
        if self._stream is None:
            return block
        ready: NDArray[np.float64] = self._stream.resample_chunk(block, last=last)
        return ready
