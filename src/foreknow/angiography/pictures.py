"""Frames as pictures: one window for all frames, vessels in colour over them, a film."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from foreknow.files.video_writer import can_write_mp4, write_mp4

FILM, GIF = "overlay.mp4", "overlay.gif"
_COLOUR = np.array([255.0, 96.0, 32.0], dtype=np.float32)
_STRENGTH = 0.75
_FILM_SIDE = 512
_SAMPLES = 2**20


@dataclass(frozen=True)
class Window:
    """From attenuation to grey: one for a whole run, so that it does not flicker.

    Attributes:
        low: attenuation shown white.
        high: attenuation shown black.
    """

    low: float
    high: float

    def grey(self, attenuation: Tensor) -> NDArray[np.uint8]:
        """Grey values, dark where attenuation is high."""
        scaled = (self.high - attenuation) / max(self.high - self.low, 1e-9)
        grey: NDArray[np.uint8] = (255 * scaled.clamp(0, 1)).round().byte().numpy()
        return grey


def window_of(attenuation: Tensor, area: Tensor, share: float = 0.005) -> Window:
    """The window that shows all of a run but the darkest and brightest ``share`` of what was exposed."""
    step = max(1, -(-len(attenuation) * int(area.sum()) // _SAMPLES))
    values = torch.cat([frame[area][number % step :: step] for number, frame in enumerate(attenuation)])
    low, high = (float(value) for value in np.quantile(values.numpy(), (share, 1 - share)))
    return Window(low, high)


def overlay(attenuation: Tensor, soft: Tensor, window: Window) -> NDArray[np.uint8]:
    """A frame (height, width) in grey with its vessels in colour, (height, width, 3)."""
    grey = window.grey(attenuation).astype(np.float32)[..., None]
    opacity = _STRENGTH * soft.numpy()[..., None]
    mixed: NDArray[np.uint8] = ((1 - opacity) * grey + opacity * _COLOUR).round().astype(np.uint8)
    return mixed


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """PNG without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=False, compress_level=4)
    return buffer.getvalue()


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """JPEG without metadata, for pages."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def write_film(folder: Path, frames: Iterable[tuple[Tensor, Tensor]], window: Window, rate: float | None) -> None:
    """The run beside the run with its vessels in colour, every so manieth pixel, so that sides are 512 at most.

    ``overlay.mp4`` where there is an encoder, else ``overlay.gif``, which goes round and round.

    Args:
        folder: of the file.
        frames: attenuation and soft mask of each, (height, width).
        window: for all of them.
        rate: frames a second; 15 if None.
    """
    pictures, rate = _film(frames, window), rate or 15.0
    if can_write_mp4():
        write_mp4(folder / FILM, pictures, rate)
        return
    few = (Image.fromarray(one).quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for one in pictures)
    first = next(few)
    milliseconds = max(20, round(1000 / rate / 10) * 10)  # GIF counts in hundredths of a second
    first.save(folder / GIF, format="GIF", save_all=True, append_images=few, duration=milliseconds, loop=0, optimize=False)


def film_of(folder: Path) -> tuple[Path, str] | None:
    """The film in a folder, and its media type; None if there is none."""
    kinds = {FILM: "video/mp4", GIF: "image/gif"}
    return next(((folder / name, kind) for name, kind in kinds.items() if (folder / name).exists()), None)


def _film(frames: Iterable[tuple[Tensor, Tensor]], window: Window) -> Iterator[NDArray[np.uint8]]:
    for whole, soft in frames:
        step = max(1, -(-max(whole.shape) // _FILM_SIDE))
        frame, weight = whole[::step, ::step], soft[::step, ::step]
        plain = np.repeat(window.grey(frame)[..., None], 3, axis=-1)
        yield np.concatenate((plain, overlay(frame, weight, window)), axis=1)
