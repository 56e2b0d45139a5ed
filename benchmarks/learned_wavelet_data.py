"""Windows of simulated crackles in real normal breath, whitened, for training networks and for testing them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.lung_cases import RATE, real_cases
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT

LENGTH = 4096
RATIOS = (0.0, -5.0, -10.0)
STFT_WINDOW, STFT_HOP = 256, 64


@dataclass(frozen=True)
class Windows:
    """Windows of recordings.

    Attributes:
        y: whitened recordings, (windows, samples).
        crackles: the crackle part in them, whitened alike, (windows, samples).
        scored: 1.0 where the result is looked at, (windows, samples).
        ratio: signal-to-noise ratio in dB, (windows,).
        times: true times of the crackles in the scored part of each window, seconds from its start.
    """

    y: Tensor
    crackles: Tensor
    scored: Tensor
    ratio: Tensor
    times: list[list[float]]


def crackle_windows(*, training: bool) -> Windows | None:
    """All windows at all ratios; None where the real recordings are absent. Windows of the test overlap in nothing."""
    hop = LENGTH // 2 if training else LENGTH
    y, crackles, scored, ratios, times = [], [], [], [], []
    for case in real_cases(training=training):
        for ratio in RATIOS:
            recording, part = case.mix(ratio)
            inside = case.inside(case.times)
            for start in range(0, len(recording) - LENGTH + 1, hop):
                place = slice(start, start + LENGTH)
                within = [float(t) - start / RATE for t in inside if start <= float(t) * RATE < start + LENGTH]
                if float(case.scored[place].double().mean()) < 0.5 or not within:
                    continue
                y.append(recording[place])
                crackles.append(part[place])
                scored.append(case.scored[place])
                ratios.append(ratio)
                times.append(within)
    if not y:
        return None
    recordings = torch.stack(y).float()
    whitening = Whitening(recordings, STFT(STFT_WINDOW, STFT_HOP, LENGTH), RATE // 4)
    mask = torch.stack(scored).float()
    return Windows(whitening(recordings), whitening(torch.stack(crackles).float()), mask, torch.tensor(ratios), times)
