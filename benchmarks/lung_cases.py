"""Recordings with known crackles: simulated ones, and simulated crackles planted into real normal breath.

**Signal-to-noise ratio**: 10 log10 of the energy of the crackles over that of the breath sound in 100-1000 Hz, both summed
over what is scored (`foreknow.lung.simulate.mix_at_snr`), as is usual for separation. Crackles are short, so over their own
samples alone the ratio is about 15 dB higher; the simulator's usual settings give about -9 dB, so the lowest of `SNRS` is the
nearest to usual recordings. The band is that in which the simulator states levels: heart sounds and handling noise below it
hide no crackle.

**Through the stethoscope**: the simulator's breath spectrum and SPRSound's recordings contain the low-pass of their
stethoscope (above about 500 Hz breath sound falls by 40 dB in an octave instead of about 14), but drawn crackles do not.
Planted as they are, they would stand alone above 600 Hz, and a mere high-pass would find all of them at any ratio. So the
crackles pass the same low-pass first (`through_stethoscope`); the time of a crackle is that of the largest deflection of
what remains.

**Real breath**: normal recordings of SPRSound and KAUH from `../shared/data/lung`, only where that folder is present;
crackles are planted and everything is scored inside the spans that are annotated as normal (what lies outside was left
unlabelled by the annotators). Fine and coarse crackles in both; the same draw of crackles and breath is used at every
ratio.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from foreknow.files import read_audio
from foreknow.lung.events import Crackle
from foreknow.lung.simulate import COARSE, FINE, SimulationSettings, mix_at_snr, plant_crackles, simulate_recording
from foreknow.lung.simulate.spectrum import limit_band

SNRS = (10.0, 5.0, 0.0, -5.0, -10.0)
RATE = 4000
TRAINING_SEEDS = range(50_000, 50_005)
TEST_SEEDS = range(90_000, 90_012)
REAL_SEED = 70_000
REAL_TRAINING_SEED = 71_000
REAL_FOLDER = Path(__file__).parents[2] / "shared" / "data" / "lung"

Span: TypeAlias = tuple[float, float]

_BAND = (100.0, 1000.0)
_PER_SECOND = ((FINE, 2.0), (COARSE, 1.0))
_GAP = 0.015  # seconds between the onsets of planted crackles, at least
_MARGIN = 0.3  # seconds at both ends of a real recording: handling noise


@dataclass(frozen=True, slots=True)
class Case:
    """Crackles and breath sound of one recording, before they are mixed.

    Attributes:
        name: for messages.
        breath: (samples,) without crackles.
        crackles: (samples,).
        times: of the largest absolute deflection of each crackle, seconds, ascending.
        scored: (samples,) bool: where the result is looked at.
        rate: hertz.
    """

    name: str
    breath: Tensor
    crackles: Tensor
    times: Tensor
    scored: Tensor
    rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return self.breath.shape[0] / self.rate

    def mix(self, snr_db: float) -> tuple[Tensor, Tensor]:
        """The recording at a signal-to-noise ratio in dB, and the crackle part in it."""
        _, scaled = mix_at_snr(self.crackles, limit_band(self.breath, self.rate, *_BAND), snr_db, self.scored)
        return self.breath + scaled, scaled

    def inside(self, times: Tensor) -> Tensor:
        """Those times that fall where the result is looked at."""
        index = (times * self.rate).round().long().clamp(0, len(self.scored) - 1)
        return times[self.scored[index]]


def through_stethoscope(crackles: Tensor, rate: int) -> Tensor:
    """A low-pass like that of SPRSound's stethoscope: amplitude 1 / (1 + (f / 520 Hz)^6), without delay; samples (samples,).

    Estimated from the breath spectrum of the simulator: what it falls short of a straight continuation of its slope between 200 and
    400 Hz is -5 dB at 500 Hz, -14 at 630 and -25 at 800.
    """
    padded = crackles.shape[0] + rate  # no wrap-around of the response
    frequencies = torch.fft.rfftfreq(padded, 1 / rate, dtype=torch.float64)
    gain = 1 / (1 + (frequencies / 520.0) ** 6)
    return torch.fft.irfft(torch.fft.rfft(crackles, n=padded) * gain, n=padded)[: crackles.shape[0]]


def _case(name: str, breath: Tensor, crackles: Tensor, events: Sequence[Crackle], scored: Tensor) -> Case:
    heard = through_stethoscope(crackles, RATE)
    heard[heard.abs() < 1e-3 * heard.abs().max()] = 0.0  # so that the crackles have an end
    times = torch.tensor([_largest(heard, event) for event in events], dtype=torch.float64)
    return Case(name, breath, heard, times.unique(), scored, RATE)


def _largest(crackles: Tensor, event: Crackle) -> float:
    """Time of the largest absolute deflection between the start and the end of a crackle, seconds."""
    start, end = (round(time * RATE) for time in (event.onset, event.onset + event.two_cycle_duration))
    return (start + int(crackles[start : end + 1].abs().argmax())) / RATE


def simulated_case(seed: int, seconds: float = 16.0) -> Case:
    """One recording of `foreknow.lung.simulate` with its usual settings."""
    drawn = simulate_recording(SimulationSettings(seconds=seconds, rate=RATE), torch.Generator().manual_seed(seed))
    everywhere = torch.ones_like(drawn.breath, dtype=torch.bool)
    return _case(f"simulated {seed}", drawn.breath, drawn.crackles, drawn.events, everywhere)


def real_cases(folder: Path = REAL_FOLDER, *, training: bool = False) -> Iterator[Case]:
    """Crackles planted into normal breath of a folder; none if the folder is not there.

    Args:
        folder: with `recordings.csv` and `labels.csv`.
        training: False: the recordings that are normal as a whole; True: normal breaths (together 2.5 s or more) of recordings
            in which other breaths are not normal, of patients who do not occur in the former.
    """
    if not (folder / "labels.csv").is_file():
        return
    spans = _normal_spans(folder, training=training)
    for number, name in enumerate(sorted(spans)):
        breath = read_audio(folder / name, rate=RATE).samples
        seed = (REAL_TRAINING_SEED if training else REAL_SEED) + number
        yield _plant(name, breath, _within(spans[name], breath.shape[0] / RATE), seed)


def _normal_spans(folder: Path, *, training: bool) -> dict[str, list[Span]]:
    """Spans of normal breath by file."""
    recordings = {row["file"]: row for row in _rows(folder / "recordings.csv")}
    kinds: dict[str, set[str]] = {name: set() for name in recordings}
    spans: dict[str, list[Span]] = {name: [] for name in recordings}
    for row in _rows(folder / "labels.csv"):
        kinds[row["file"]].add(row["kind"])
        if row["kind"] in {"normal", "file_normal"}:
            spans[row["file"]].append((float(row["start_s"]), float(row["end_s"])))
    whole = {name for name in recordings if _is_normal(kinds[name], recordings[name]["record_label"])}
    if not training:
        return {name: spans[name] for name in whole}
    patients = {recordings[name]["patient"] for name in whole}
    others = {name for name, row in recordings.items() if row["patient"] not in patients}
    return {name: spans[name] for name in others if sum(end - start for start, end in spans[name]) >= 2.5}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _is_normal(kinds: set[str], label: str) -> bool:
    return kinds == {"file_normal"} or (kinds == {"normal"} and label == "Normal")


def _within(spans: list[Span], seconds: float) -> list[Span]:
    cut = [(max(start, _MARGIN), min(end, seconds - _MARGIN)) for start, end in sorted(spans)]
    return [(start, end) for start, end in cut if end - start > 0.2]


def _plant(name: str, breath: Tensor, spans: list[Span], seed: int) -> Case:
    generator = np.random.default_rng(seed)
    torch_generator = torch.Generator().manual_seed(seed)
    crackles, events, taken = torch.zeros_like(breath), [], np.zeros(0)
    for kind, density in _PER_SECOND:
        onsets = _draw_onsets(spans, density, taken, generator)
        taken = np.concatenate([taken, onsets])
        levels = torch.from_numpy(generator.uniform(8.0, 18.0, len(onsets)))
        part, planted = plant_crackles(breath, RATE, torch.from_numpy(onsets), kind, levels, torch_generator)
        crackles = crackles + part
        events += planted
    clock = torch.arange(breath.shape[0]) / RATE
    scored = torch.zeros_like(breath, dtype=torch.bool)
    for start, end in spans:
        scored |= (clock >= start) & (clock <= end)
    return _case(name, breath, crackles, events, scored)


def _draw_onsets(spans: list[Span], density: float, taken: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Evenly distributed onsets in spans, each at least `_GAP` from the others and from those taken."""
    onsets: list[float] = []
    for start, end in spans:
        for onset in generator.uniform(start + 0.02, end - 0.05, generator.poisson(density * (end - start))):
            if all(abs(onset - other) >= _GAP for other in (*onsets, *taken)):
                onsets.append(float(onset))
    return np.sort(onsets)
