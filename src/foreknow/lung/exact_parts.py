"""Two parts as they are stored in files, such that the files sum to the recording."""

import torch
from torch import Tensor

from foreknow.files import Encoding

_ENCODINGS = {
    "PCM_S8": Encoding.PCM_16,  # crackles are softer than a step of 8 bits; the sum lies on the grid of 16 as well
    "PCM_U8": Encoding.PCM_16,
    "PCM_16": Encoding.PCM_16,
    "ULAW": Encoding.PCM_16,
    "ALAW": Encoding.PCM_16,
    "PCM_24": Encoding.PCM_24,
    "PCM_32": Encoding.PCM_32,
}


def encoding_of_parts(encoding: str) -> Encoding:
    """How the parts of a recording are stored: in its bit depth, but at least 16; all but integers as floats.

    Args:
        encoding: of the recording, as in `AudioInfo.encoding`, for example ``WAV PCM_16``.
    """
    return _ENCODINGS.get(encoding.rsplit(maxsplit=1)[-1], Encoding.FLOAT_32)


def store_parts(recording: Tensor, crackles: Tensor, encoding: Encoding) -> tuple[Tensor, Tensor]:
    """The crackles and the breath sound as files of this encoding hold them.

    For integer encodings the recording is rounded to the grid of the encoding (it is there already, unless channels were averaged),
    the crackles too, and the breath sound is the difference of the integers, so that the parts sum to the recording exactly. Where
    the breath sound would not fit into the range, the crackles are limited. For floats the sum is exact to the rounding of 32 bits.

    Args:
        recording: (n,), float64, full scale 1.
        crackles: (n,), float64.
        encoding: of the files.

    Returns:
        Crackles and breath sound, (n,) each, float64, on the grid of the encoding.
    """
    if not encoding.is_integer:
        stored = encoding.quantise(crackles)
        return stored, encoding.quantise(recording - stored)
    scale = 2.0 ** (encoding.bits - 1)
    whole = torch.round(recording * scale).clamp(-scale, scale - 1)
    part = torch.round(crackles * scale).clamp(-scale, scale - 1)
    part = torch.minimum(torch.maximum(part, whole - (scale - 1)), whole + scale)
    return part / scale, (whole - part) / scale
