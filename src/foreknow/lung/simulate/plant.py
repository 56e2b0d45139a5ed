"""Crackles put into a breath sound, drawn or real, at known times and levels."""

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.lung.events import Crackle
from foreknow.lung.simulate.form import CrackleType, crackle_form, largest_deflection
from foreknow.lung.simulate.levels import LevelReference, local_level
from foreknow.lung.simulate.train import add_pulses


def plant_crackles(
    breath: Tensor,
    rate: int,
    onsets: Tensor,
    kind: CrackleType,
    level_db: float | Tensor,
    generator: torch.Generator | None = None,
    reference: LevelReference | None = None,
) -> tuple[Tensor, list[Crackle]]:
    """Draw crackles of one type that start at given times, at given levels over the breath sound about them.

    Args:
        breath: the sound that they are to be added to, (samples,) real, without crackles; it sets their amplitudes only.
        rate: its sampling rate, hertz; 4000 or more, for a fine crackle's initial deflection lasts 0.7 ms.
        onsets: starts of the initial deflections, seconds, (crackles,); need not fall on a sample.
        kind: the type, whose IDW, 2CD and their spread are used.
        level_db: largest deflection over the local RMS of the breath sound, dB (see `LevelReference`); one number or (crackles,).
        generator: source of all random numbers (CPU): widths and polarities.
        reference: window and band of the local RMS.

    Returns:
        The crackle part alone, (samples,) of the dtype of ``breath`` (add it to the breath sound), and the true events in order
        of time, with the exact widths and amplitudes of the continuous forms.

    Raises:
        ShapeError: if ``breath`` is not one signal, or onsets and levels do not fit together.
        ParameterError: if an onset is outside the recording.
        DataError: if the breath sound is silent about an onset, so that a level has no meaning.
    """
    if breath.ndim != 1 or onsets.ndim != 1:
        message = (
            f"crackles are planted in one signal (samples,) at times (crackles,), not {tuple(breath.shape)}, {tuple(onsets.shape)}"
        )
        raise ShapeError(message)
    count = breath.shape[0]
    onsets, order = onsets.to(torch.float64).sort()
    if onsets.numel() and (float(onsets[0]) < 0 or float(onsets[-1]) >= count / rate):
        message = f"crackles must start within the recording of {count / rate:.3f} s; leave out the onsets beyond"
        raise ParameterError(message)
    levels = torch.as_tensor(level_db, dtype=torch.float64)
    if levels.ndim > 1 or (levels.ndim == 1 and levels.shape != onsets.shape):
        message = f"one level is needed, or one for each of the {onsets.numel()} crackles, not {tuple(levels.shape)}"
        raise ShapeError(message)
    levels = levels[order] if levels.ndim == 1 else levels.expand(onsets.numel())
    widths, durations = kind.draw_widths(onsets.numel(), generator)
    signs = 2.0 * torch.randint(0, 2, onsets.shape, generator=generator) - 1
    peaks, heights, largest_widths = largest_deflection(widths, durations)
    local = local_level(breath, rate, onsets + peaks, reference)
    if bool((local <= 0).any()):
        message = "the breath sound is silent where a crackle is to be planted, so its level has no meaning; choose another time"
        raise DataError(message)
    amplitudes = local * 10 ** (levels / 20)
    scale = (signs * amplitudes / heights)[:, None]

    def form(time: Tensor) -> Tensor:
        return scale * crackle_form(time, widths[:, None], durations[:, None])

    longest = float(durations.max()) if durations.numel() else 0.0
    part = add_pulses(form, onsets, longest, count, rate)
    fine_grid = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    square = form(fine_grid * durations[:, None]).square().mean(1) * durations
    table = zip(onsets, peaks, widths, durations, largest_widths, signs, amplitudes, square, levels, strict=True)
    events = [_event(kind.kind, *(float(value) for value in row)) for row in table]
    return part.to(breath.dtype), events


def _event(
    kind: str,
    onset: float,
    peak: float,
    width: float,
    duration: float,
    largest_width: float,
    sign: float,
    amplitude: float,
    energy: float,
    level: float,
) -> Crackle:
    return Crackle(
        onset=onset,
        peak=onset + peak,
        initial_deflection_width=width,
        two_cycle_duration=duration,
        largest_deflection_width=largest_width,
        kind=kind,
        polarity=round(sign),
        amplitude=amplitude,
        energy=energy,
        level_db=level,
    )
