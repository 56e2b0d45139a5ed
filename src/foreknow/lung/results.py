"""What is known of a recording after its separation, and the files that say it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from foreknow.files import (
    Event,
    SignalQuality,
    display_name,
    write_audacity_labels,
    write_events_csv,
    write_json_atomic,
    write_text_atomic,
)
from foreknow.files.raven import write_raven_table
from foreknow.files.summary import SUMMARY
from foreknow.files.summary import read_summary as summary_of
from foreknow.lung.breath_table import PHASE_FEATURES, TIMING, count_by_breath, phase_events, timing
from foreknow.lung.crackle_model import settings_as_json
from foreknow.lung.events import Crackle
from foreknow.lung.quality import LungQuality
from foreknow.lung.respiration import Respiration
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_table import WHEEZE_FEATURES, count_wheezes, fundamentals_csv, wheeze_events
from foreknow.lung.wheezes import Wheeze

CRACKLES, BREATH, EVENTS, LABELS = "crackles.wav", "breath.wav", "events.csv", "labels.txt"
BREATHS, RAVEN = "breaths.csv", "raven.txt"
WHEEZES, FUNDAMENTALS = "wheezes.wav", "fundamentals.csv"
REPORT = "report.html"
FILES = (CRACKLES, BREATH, EVENTS, BREATHS, LABELS, RAVEN, SUMMARY, REPORT)
NUISANCE = "nuisance.wav"
PARTS = (NUISANCE, CRACKLES, WHEEZES)  # in the order in which they are taken out; breath sound is what they leave
WHEEZE_FILES = (WHEEZES, FUNDAMENTALS)  # only where wheezes are sought
OPTIONAL_FILES = (*WHEEZE_FILES, NUISANCE)
FEATURES = ("peak_s", "idw_ms", "2cd_ms", "ldw_ms", "polarity", "amplitude", "energy", "level_db")
TOOL = "foreknow lung separate"
DISCLAIMER = "A screening aid, not a diagnosis: counts depend on the recorder, the place and the noise; listen to the parts."


@dataclass(frozen=True)
class RecordingResult:
    """One separated recording.

    Attributes:
        name: name of its results.
        source: the recording.
        folder: where the results are.
        seconds: length of the recording.
        rate: its sampling rate, hertz.
        working_rate: the rate at which crackles were sought, hertz.
        encoding: of the recording, for example ``WAV PCM_16``.
        crackles: the crackles, in order of time.
        quality: level, clipping and silence of the recording.
        notices: sentences that the user should read.
        convergence: what the separator reports about its solves; empty if it does not.
        formula: the model that was solved.
        settings: how it was separated.
        version: of foreknow.
        seed: of random numbers.
        respiration: the breaths, as far as loudness tells.
        wheezes: the wheezes in order of onset; None if they were not sought.
        lung_quality: whether the recording is good enough, and if not, why.
    """

    name: str
    source: Path
    folder: Path
    seconds: float
    rate: int
    working_rate: int
    encoding: str
    crackles: tuple[Crackle, ...]
    quality: SignalQuality
    notices: tuple[str, ...]
    convergence: dict[str, Any]
    formula: str
    settings: SeparationSettings
    version: str
    seed: int = 0
    respiration: Respiration = field(default_factory=Respiration)
    wheezes: tuple[Wheeze, ...] | None = None
    lung_quality: LungQuality = field(default_factory=LungQuality)

    @property
    def per_minute(self) -> float:
        """Crackles per minute of recording."""
        return 60.0 * len(self.crackles) / self.seconds

    def count(self, kind: str) -> int:
        """How many crackles are of this kind (``fine`` or ``coarse``)."""
        return sum(crackle.kind == kind for crackle in self.crackles)

    def median_milliseconds(self, attribute: str) -> float | None:
        """The median of a width over the crackles, such as ``"two_cycle_duration"``, milliseconds; None if there are none."""
        values = [1000.0 * getattr(crackle, attribute) for crackle in self.crackles]
        return round(median(values), 4) if values else None

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``: numbers, strings and None only."""
        quality = self.quality
        return {
            "tool": TOOL,
            "version": self.version,
            "disclaimer": DISCLAIMER,
            "recording": display_name(self.source.name),
            "name": self.name,
            "duration_s": round(self.seconds, 6),
            "rate_hz": self.rate,
            "working_rate_hz": self.working_rate,
            "encoding": self.encoding,
            "crackles": len(self.crackles),
            "crackles_per_minute": round(self.per_minute, 4),
            "fine": self.count("fine"),
            "coarse": self.count("coarse"),
            "median_idw_ms": self.median_milliseconds("initial_deflection_width"),
            "median_2cd_ms": self.median_milliseconds("two_cycle_duration"),
            "median_ldw_ms": self.median_milliseconds("largest_deflection_width"),
            **count_by_breath(self.crackles, self.respiration),
            **count_wheezes(self.wheezes, self.respiration, self.seconds),
            "clipped_share": quality.clipped_fraction,
            "silent_share": quality.silent_fraction,
            "poor": self.lung_quality.is_poor,
            "poor_because": "; ".join(self.lung_quality.reasons),
            "low_db": self.lung_quality.low_db,
            "burst_share": self.lung_quality.burst_share,
            "rms": quality.rms,
            "peak": quality.peak,
            "notices": list(self.notices),
            "convergence": self.convergence,
            "model": self.formula,
            "settings": settings_as_json(self.settings),
            "seed": self.seed,
        }

    def write_tables(self, folder: Path) -> None:
        """Write events, labels and summary into ``folder``, the summary last: where it is, all else is complete."""
        wheezes = self.wheezes or ()
        events = crackle_events(self.crackles, self.respiration) + wheeze_events(wheezes, self.respiration)
        events.sort(key=lambda event: event.onset)
        columns = (*FEATURES, *TIMING) if self.wheezes is None else (*FEATURES, *WHEEZE_FEATURES, *TIMING)
        write_events_csv(folder / EVENTS, events, columns)
        write_raven_table(folder / RAVEN, events, self.working_rate / 2)
        if self.wheezes is not None:
            write_text_atomic(folder / FUNDAMENTALS, fundamentals_csv(wheezes))
        write_events_csv(folder / BREATHS, phase_events(self.crackles, self.respiration), PHASE_FEATURES)
        write_audacity_labels(folder / LABELS, events)
        write_json_atomic(folder / SUMMARY, self.summary())


def crackle_events(crackles: Sequence[Crackle], respiration: Respiration | None = None) -> list[Event]:
    """Crackles as rows of a table of events; the duration is the 2CD, the energy in full scale squared times seconds."""
    return [
        Event(
            crackle.onset,
            crackle.two_cycle_duration,
            f"{crackle.kind}_crackle",
            {
                "peak_s": f"{crackle.peak:.6f}",  # as text: a table shortens numbers to 6 digits, too few in an hour
                "idw_ms": 1000.0 * crackle.initial_deflection_width,
                "2cd_ms": 1000.0 * crackle.two_cycle_duration,
                "ldw_ms": 1000.0 * crackle.largest_deflection_width,
                "polarity": crackle.polarity,
                "amplitude": crackle.amplitude,
                "energy": crackle.energy,
                "level_db": crackle.level_db,
                **({} if respiration is None else timing(crackle.peak, respiration)),
            },
        )
        for crackle in crackles
    ]


def existing_results(folder: Path) -> list[str]:
    """The names of results that are in ``folder``."""
    return [name for name in (*FILES, *OPTIONAL_FILES) if (folder / name).exists()]


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What an earlier run wrote as ``summary.json``; None if there is none that this program wrote."""
    return summary_of(folder, TOOL)
