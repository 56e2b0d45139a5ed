"""How loud crackles are relative to the breath sound: two definitions, a level per crackle and a ratio per recording."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.lung.simulate.spectrum import limit_band


@dataclass(frozen=True, slots=True)
class LevelReference:
    """What the level of a crackle is measured against: the RMS of the breath sound about it, in the band of lung sounds.

    level_db = 20 log10(largest absolute deflection of the crackle / RMS of the breath sound about its largest deflection)

    Attributes:
        window: seconds over which the RMS is taken, centred.
        low: lower edge of the band, hertz. Below it are heart sounds and handling noise, which hide no crackle but would dominate
            the RMS (by 19 to 24 dB in KAUH's normal recordings, by 0.2 to 2 dB in SPRSound's).
        high: upper edge of the band, hertz.

    Raises:
        ParameterError: if the window is not positive or the edges are not in order.
    """

    window: float = 0.2
    low: float = 100.0
    high: float = 1000.0

    def __post_init__(self) -> None:
        if not (self.window > 0 and 0 <= self.low < self.high):
            message = f"a level reference needs a positive window and 0 <= low < high, not {self}"
            raise ParameterError(message)


def local_level(breath: Tensor, rate: int, times: Tensor, reference: LevelReference | None = None) -> Tensor:
    """The RMS of the breath sound about given times, in the band of the reference.

    Args:
        breath: (samples,) real.
        rate: hertz.
        times: seconds, (times,).
        reference: window and band.

    Returns:
        (times,) float64; a window that passes an end of the recording is cut there.
    """
    reference = reference or LevelReference()
    samples = breath.shape[0]
    energy = limit_band(breath.to(torch.float64), rate, reference.low, reference.high).square()
    summed = torch.cat((torch.zeros(1, dtype=torch.float64), energy.cumsum(0)))
    half = max(1, round(reference.window * rate / 2))
    centre = (times.to(torch.float64) * rate).round().long().clamp(0, samples - 1)
    start, end = (centre - half).clamp(min=0), (centre + half + 1).clamp(max=samples)
    return ((summed[end] - summed[start]).clamp(min=0) / (end - start)).sqrt()


def mix_at_snr(crackles: Tensor, breath: Tensor, snr_db: float, support: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scale the crackle part so that its energy has a given ratio to that of the breath sound.

    10 log10(sum crackles^2 / sum breath^2) = snr_db, both sums over the whole recording, or, where ``support`` is given, over the
    samples where it is true. Over the whole recording the number falls with the time between crackles; over their supports it says
    how they stand out. (The default `SimulationSettings` give about -9 dB and 7 dB.)

    Args:
        crackles: (*batch, samples).
        breath: (*batch, samples).
        snr_db: the ratio, dB.
        support: (*batch, samples) bool, or None for all samples; ``crackles != 0`` is the natural choice.

    Returns:
        ``(mixture, scaled crackles)``, each (*batch, samples), with mixture = scaled crackles + breath.

    Raises:
        ShapeError: if the shapes differ.
        DataError: if one of the two has no energy where it is summed.
    """
    if crackles.shape != breath.shape or (support is not None and support.shape != breath.shape):
        message = f"crackles, breath and support need one shape, not {tuple(crackles.shape)} and {tuple(breath.shape)}"
        raise ShapeError(message)
    inside = torch.ones_like(breath, dtype=torch.bool) if support is None else support
    signal = torch.where(inside, crackles, 0.0).to(torch.float64).square().sum(-1, keepdim=True)
    noise = torch.where(inside, breath, 0.0).to(torch.float64).square().sum(-1, keepdim=True)
    if not bool((signal > 0).all() and (noise > 0).all()):
        message = "a ratio of crackles to breath needs both to have energy where it is measured; give a recording with both"
        raise DataError(message)
    scale = (10 ** (snr_db / 10) * noise / signal).sqrt().to(crackles.dtype)
    scaled = scale * crackles
    return scaled + breath, scaled
