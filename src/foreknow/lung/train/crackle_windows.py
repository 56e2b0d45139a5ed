"""Windows of simulated lung sounds, whitened, with their crackles: as unlike each other as recordings of the world are.

All ranges are choices, wide enough to hold children and adults, stethoscopes that cut at 400 Hz and ones that do not cut, hearts,
rubs, voices, wheezes, clicks that are no crackles. Nothing is measured on the recordings that a model is judged by later.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.lung.simulate import (
    RHONCHUS,
    WHEEZE,
    BreathSettings,
    ContinuousSettings,
    CrackleSettings,
    CrackleType,
    HeartSettings,
    NuisanceSettings,
    SimulationSettings,
    simulate_recording,
)
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT
from foreknow.simulate.fields import uniform


@dataclass(frozen=True)
class CrackleWindows:
    """Draws one window; give it to `foreknow.learn.Simulated`.

    Attributes:
        length: samples.
        rate: hertz.
        stft_window: of the spectrum by which windows are whitened, samples.
        stft_hop: its hop.
        level_span: of the level by which they are whitened, seconds.
    """

    length: int = 16384
    rate: int = 4000
    stft_window: int = 256
    stft_hop: int = 64
    level_span: float = 0.25

    def __call__(self, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The whitened window and its crackles, whitened alike, (length,) each, float32."""
        while True:
            try:
                drawn = simulate_recording(draw_settings(self.length / self.rate, self.rate, generator), generator)
                break
            except DataError:  # silence about a crackle: draw another breath
                continue
        whitening = Whitening(
            drawn.recording.float(), STFT(self.stft_window, self.stft_hop, self.length), round(self.level_span * self.rate)
        )
        return whitening(drawn.recording.float()), {"crackles": whitening(drawn.crackles.float())}


def draw_settings(seconds: float, rate: int, generator: torch.Generator) -> SimulationSettings:
    """Settings of a recording, drawn at random.

    Args:
        seconds: length.
        rate: hertz.
        generator: source of randomness.
    """
    spectrum, stethoscope = _spectra(generator)
    duller = tuple((hertz, level - 3.0 * max(0.0, math.log2(hertz / 200.0))) for hertz, level in spectrum)
    breath = BreathSettings(
        cycle=_logarithmic((1.2, 5.0), generator),
        expiration_level_db=uniform((-14.0, 0.0), generator),
        background_db=uniform((-24.0, -8.0), generator),
        inspiration_spectrum=spectrum,
        expiration_spectrum=duller,
    )
    heart = None
    if _chance(0.4, generator):
        heart = HeartSettings(beats_per_minute=uniform((55.0, 150.0), generator), level_db=uniform((-5.0, 22.0), generator))
    nuisance = None
    if _chance(0.5, generator):
        nuisance = NuisanceSettings(
            handling=uniform((0.0, 5.0), generator), voice=uniform((0.0, 4.0), generator), clicks=uniform((0.0, 12.0), generator)
        )
    return SimulationSettings(
        seconds=seconds,
        rate=rate,
        breath=breath,
        crackles=_crackles(generator) if _chance(0.85, generator) else (),
        heart=heart,
        continuous=_continuous(generator) if _chance(0.35, generator) else (),
        nuisance=nuisance,
        stethoscope=stethoscope,
    )


_Points = tuple[tuple[float, float], ...]


def _spectra(generator: torch.Generator) -> tuple[_Points, _Points | None]:
    """The spectrum of breath sounds as they are recorded, and the gain of the stethoscope alone."""
    knee = _logarithmic((80.0, 260.0), generator)
    rising, falling = uniform((2.0, 12.0), generator), uniform((-20.0, -8.0), generator)
    edge = _logarithmic((350.0, 1500.0), generator) if _chance(0.75, generator) else math.inf
    steeper, floor = uniform((-70.0, -15.0), generator), uniform((-75.0, -40.0), generator)
    hertz = [25.0 * 2 ** (step / 3) for step in range(20)]
    points = []
    for place in hertz:
        octaves = math.log2(place / knee)
        level = -rising * abs(octaves) if octaves < 0 else falling * octaves
        level += min(0.0, steeper * math.log2(place / edge)) if place > edge else 0.0
        points.append((place, max(level, floor)))
    if edge == math.inf:
        return tuple(points), None
    return tuple(points), ((edge, 0.0), (edge * 2 ** (-60.0 / steeper), -60.0))


def _crackles(generator: torch.Generator) -> tuple[CrackleSettings, ...]:
    """One or two populations of crackles, from fine to coarse."""
    groups = []
    for _ in range(2 if _chance(0.5, generator) else 1):
        duration = _logarithmic((0.0038, 0.014), generator)
        kind = CrackleType(
            "fine" if duration < 0.01 else "coarse",
            uniform((0.11, 0.19), generator) * duration,
            duration,
            spread=0.2,
            position=uniform((1.0, 3.0), generator) * (1.0 if _chance(0.6, generator) else -1.0),
        )
        low = uniform((-3.0, 14.0), generator)
        groups.append(
            CrackleSettings(kind, _logarithmic((1.0, 14.0), generator), (low, low + uniform((2.0, 10.0), generator)), 0.01)
        )
    return tuple(groups)


def _continuous(generator: torch.Generator) -> tuple[ContinuousSettings, ...]:
    kind = WHEEZE if _chance(0.6, generator) else RHONCHUS
    return (replace(kind, per_breath=uniform((0.3, 1.0), generator)),)


def _chance(probability: float, generator: torch.Generator) -> bool:
    return uniform((0.0, 1.0), generator) < probability


def _logarithmic(bounds: tuple[float, float], generator: torch.Generator) -> float:
    return math.exp(uniform((math.log(bounds[0]), math.log(bounds[1])), generator))
