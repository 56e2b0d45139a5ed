"""The demonstration: a recording whose truth is known, separated, and the result held against the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foreknow.errors import ParameterError
from foreknow.files import display_name, read_audio, write_text_atomic
from foreknow.lung.report_page import Truth, recording_report
from foreknow.lung.results import CRACKLES, REPORT, RecordingResult
from foreknow.lung.scoring import EventScore, match_events, si_sdr
from foreknow.lung.separate_file import separate_file
from foreknow.lung.simulate import SimulationSettings
from foreknow.lung.simulation_files import RECORDING, simulate_to_folder
from foreknow.report import Facts, Section, Text

TOLERANCE = 0.005
_SIMULATED, _SEPARATED = "simulated", "separated"


@dataclass(frozen=True)
class Demonstration:
    """What a demonstration found.

    Attributes:
        result: the separation.
        events: how the crackles that were found agree with the true ones.
        crackle_si_sdr: scale-invariant signal-to-distortion ratio of the crackle part, dB; None if there are no true crackles.
        recording_si_sdr: the same of the recording itself, as it would be without any separation, dB.
        report: the page to open.
    """

    result: RecordingResult
    events: EventScore
    crackle_si_sdr: float | None
    recording_si_sdr: float | None
    report: Path


def demonstrate(
    folder: str | Path,
    settings: SimulationSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Demonstration:
    """Simulate a recording into ``folder/simulated``, separate it into ``folder/separated``, compare in ``folder/report.html``.

    Args:
        folder: made if it is not there.
        settings: what is drawn; by default 30 s at 8 kHz.
        seed: of the simulation.
        device: where to compute.
        overwrite: whether an earlier demonstration is replaced.
        progress: told how many seconds are separated.

    Raises:
        ParameterError: if there is an earlier demonstration and ``overwrite`` is not set.
    """
    place = Path(folder)
    page = place / REPORT
    if not overwrite and page.exists():
        message = (
            f"{display_name(place)} holds a demonstration already; add --overwrite to replace it, or choose another folder (-o)"
        )
        raise ParameterError(message)
    settings = settings or SimulationSettings(seconds=30.0, rate=8000)
    simulated = simulate_to_folder(place / _SIMULATED, settings, seed, overwrite=overwrite)
    recording = place / _SIMULATED / RECORDING
    result = separate_file(recording, place / _SEPARATED, device=device, overwrite=overwrite, report=False, progress=progress)
    found = read_audio(result.folder / CRACKLES).samples
    true, count = simulated.crackles, len(simulated.events)
    score = match_events([event.peak for event in result.crackles], [event.peak for event in simulated.events], TOLERANCE)
    ratios = (float(si_sdr(found, true)), float(si_sdr(simulated.recording, true))) if count else (None, None)
    demonstration = Demonstration(result, score, ratios[0], ratios[1], page)
    report = recording_report(result, result.folder, Truth(simulated.events, true), [_comparison(demonstration, count)])
    report.title = "Demonstration: crackles in a simulated lung sound"
    write_text_atomic(page, report.render())
    return demonstration


def facts_of(demonstration: Demonstration) -> dict[str, str | int | float | None]:
    """The comparison in figures, by name."""
    score, ratio = demonstration.events, demonstration.crackle_si_sdr
    return {
        "true crackles": score.hits + score.misses,
        "found crackles": score.hits + score.false_alarms,
        f"F1 at ±{1000 * TOLERANCE:.0f} ms": round(score.f1, 3),
        "precision": round(score.precision, 3),
        "recall": round(score.recall, 3),
        "SI-SDR of crackles, dB": None if ratio is None or ratio == float("-inf") else round(ratio, 2),
    }


def _comparison(demonstration: Demonstration, count: int) -> Section:
    text = (
        "The simulator drew this recording, so the truth about it is known. A crackle counts as found if its largest "
        f"deflection lies within {1000 * TOLERANCE:.0f} ms of a true one. SI-SDR says how much of the crackle part is "
        "the true one"
    )
    before = demonstration.recording_si_sdr
    text += f"; taking the recording itself for its crackles would give {before:.1f} dB." if count and before is not None else "."
    honest = "Real recordings hold sounds that the simulator does not draw; figures on them are lower."
    return Section("Held against the truth", Facts(facts_of(demonstration), tiles=True), Text(text), Text(honest))
