"""Where somebody speaks, hums or cries into a recording: many harmonics of one pitch, which wheezes do not have."""

import math

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from foreknow.lung.path_opening import path_opening
from foreknow.operators import STFT

_PITCH = (100.0, 330.0)  # hertz; of higher voices the spectrum holds too few harmonics to tell them from a wheeze's
_PITCHES = 96  # about 2 % apart
_HARMONICS = 6
_CONTRAST = 0.5  # nepers of amplitude of the harmonics over the valleys between them, at the weakest that counts
_SHORTEST = 0.08  # seconds that a pitch lasts
_GLIDE = 3  # pitches from a frame to the next
_MARGIN = 0.2  # seconds before and after, in which a voice swells and dies away
_QUIET = 1e-2  # of the median amplitude: nothing is judged against silence


def voice_contrast(modulus: Tensor, spacing: float, step: float) -> Tensor:
    r"""How far the harmonics of the best pitch are above the valleys between them.

    The contrast of a harmonic is the logarithm of its amplitude less the mean of those half way to its neighbours; of six harmonics
    of a pitch the weakest counts, at the weakest place of a course of 80 ms. A wheeze has one to three harmonics, a rhonchus four
    or so: the weakest of six is in the noise. A pitch of half or twice the true one has valleys on harmonics.

    Args:
        modulus: of short-time Fourier coefficients, (\*batch, bins, frames), from frequency 0 on.
        spacing: of the bins, hertz; a pitch of 100 Hz is told from its double where windows are 40 ms or longer.
        step: time from a frame to the next, seconds.

    Returns:
        Nepers, (\*batch, frames); about 0 where nobody speaks.
    """
    logarithm = (
        modulus.square() + (_QUIET * modulus.flatten(-2).median(dim=-1).values[..., None, None]).square() + 1e-30
    ).log() / 2
    highest = min(_PITCH[1], (modulus.shape[-2] - 2) * spacing / (_HARMONICS + 0.5))
    if highest <= _PITCH[0]:
        return torch.zeros_like(modulus[..., 0, :])
    pitch = torch.logspace(math.log10(_PITCH[0]), math.log10(highest), _PITCHES, dtype=torch.float64) / spacing
    places = torch.arange(0.5, _HARMONICS + 0.75, 0.5, dtype=torch.float64)  # valley, harmonic, valley, ..., valley
    position = (pitch[:, None] * places).flatten().to(modulus.device)
    left = position.long()
    share = (position - left)[:, None].to(modulus.dtype)
    here = torch.lerp(logarithm.index_select(-2, left), logarithm.index_select(-2, left + 1), share)
    here = here.unflatten(-2, (_PITCHES, len(places)))
    valleys = here[..., 0::2, :]
    contrast = here[..., 1::2, :] - 0.5 * (valleys[..., :-1, :] + valleys[..., 1:, :])
    weakest = contrast.amin(dim=-2)
    return path_opening(weakest, min(max(2, round(_SHORTEST / step)), weakest.shape[-1]), _GLIDE).amax(dim=-2)


def voiced_frames(signal: Tensor, stft: STFT, rate: float) -> Tensor:
    """The frames in which somebody speaks, with a fifth of a second around; (frames,), bool.

    Args:
        signal: (n,).
        stft: bound to n samples, with windows of 40 ms or longer.
        rate: hertz.
    """
    step = stft.hop / rate
    voiced = voice_contrast(stft(signal).abs(), rate / stft.window.shape[0], step) > _CONTRAST
    around = round(_MARGIN / step)
    return max_pool1d(voiced.to(torch.float32)[None], 2 * around + 1, 1, around)[0] > 0
