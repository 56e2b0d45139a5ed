"""Films as MP4 (H.264), which browsers and slide programs play, where PyAV is installed and has the encoder."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ENCODER = "libx264"
_QUALITY = "20"  # constant rate factor: 0 loses nothing, 51 is the worst; 18 to 23 look like the original


def can_write_mp4() -> bool:
    """Whether there is an encoder."""
    try:
        import av  # noqa: PLC0415
    except ImportError:
        return False
    return _ENCODER in av.codecs_available


def write_mp4(path: Path, pictures: Iterable[NDArray[np.uint8]], rate: float) -> None:
    """Write pictures (height, width, 3) of one size as a film; odd sides lose their last row or column, which the format wants.

    Nothing of where the pictures come from is in the file.

    Args:
        path: of the file.
        pictures: red, green and blue; taken one by one.
        rate: pictures a second.
    """
    import av  # noqa: PLC0415

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream(_ENCODER, rate=Fraction(rate).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"  # what all players know
        stream.options = {"crf": _QUALITY, "preset": "fast"}
        stream.codec_context.thread_count = 1
        for picture in pictures:
            height, width = (side - side % 2 for side in picture.shape[:2])
            if not stream.codec_context.is_open:
                stream.height, stream.width = height, width
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
