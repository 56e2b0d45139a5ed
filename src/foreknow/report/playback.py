"""Sound for an HTML page: 16 bit WAV as a data URI, at a rate that browsers play, cut where a page would grow too large."""

import base64
import io
import wave
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreknow.errors import ForeknowError

LOWEST_RATE = 8000
"""Browsers are only sure to play rates from 8000 Hz; sound of a lower rate is raised to it."""

HIGHEST_RATE = 48_000
_BASE64 = 4 / 3
_FADE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Playback:
    """Sound as a page holds it.

    Attributes:
        uri: ``data:audio/wav;base64,...``.
        seconds: how much of the sound is embedded, from its start.
        whole_seconds: how long the sound is.
        rate: sampling rate of what is embedded, hertz.
        gain_db: by how much it was made louder for listening, dB.
    """

    uri: str
    seconds: float
    whole_seconds: float
    rate: int
    gain_db: float

    @property
    def is_excerpt(self) -> bool:
        """Whether something was left out."""
        return self.seconds < self.whole_seconds


def bytes_per_second(rate: int) -> float:
    """Bytes that a second of embedded sound of the given rate takes in a page."""
    return 2 * max(LOWEST_RATE, min(rate, HIGHEST_RATE)) * _BASE64


def embed_sound(samples: Tensor, rate: int, limit_seconds: float, limit_rate: int, gain: float = 1.0) -> Playback:
    """Make sound ready for a page.

    Args:
        samples: (samples,) real, full scale 1.
        rate: hertz.
        limit_seconds: what is longer is cut off there, with a short fade.
        limit_rate: what has a higher rate is lowered to it.
        gain: factor for listening; what passes full scale is clipped.

    Raises:
        ForeknowError: if the rate must be changed and soxr is not installed.
    """
    whole = samples.shape[0] / rate
    kept = min(samples.shape[0], max(1, int(limit_seconds * rate)))
    sound = samples[:kept].detach().cpu().to(torch.float64).numpy() * gain
    if kept < samples.shape[0]:
        fade = min(kept, max(1, int(_FADE_SECONDS * rate)))
        sound[-fade:] *= np.linspace(1, 0, fade)
    new_rate = max(LOWEST_RATE, min(rate, limit_rate, HIGHEST_RATE))
    if new_rate != rate:
        sound = _changed_rate(sound, rate, new_rate)
    integers = np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(new_rate)
        file.writeframes(integers.tobytes())
    uri = "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Playback(uri, kept / rate, whole, new_rate, float(20 * np.log10(gain)))


def _changed_rate(sound: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    try:
        import soxr  # noqa: PLC0415
    except ImportError as error:
        message = "sound in a report needs the library soxr; install it with: pip install 'foreknow[lung]'"
        raise ForeknowError(message) from error
    changed: np.ndarray = soxr.resample(sound, rate, new_rate, quality="HQ")
    return changed
