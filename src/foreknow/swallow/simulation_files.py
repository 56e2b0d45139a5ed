"""A simulated trial as files."""

import shutil
from dataclasses import asdict
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from foreknow.errors import ParameterError
from foreknow.files import Event, display_name, write_events_csv, write_json_atomic, write_text_atomic
from foreknow.files.depth import DepthVideo, inspect_depth, write_depth
from foreknow.files.staging import staged_folder
from foreknow.files.table import csv_text
from foreknow.swallow.figures import Sample, central_part, comparison_figure, trial_figure
from foreknow.swallow.simulate import SimulatedTrial, TrialSettings, TrueEvent, fit_noise, simulate_trial
from foreknow.swallow.simulate.resimulate import see_again

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENTS, TRUTH, SIMULATION, OVERVIEW, COMPARISON = "events.csv", "truth.csv", "simulation.json", "overview.png", "comparison.png"
_FEATURES = ("peak_s", "amplitude", "second_of_double")
_TRUTH_COLUMNS = (
    "seconds", "lift_mm", "larynx_mm", "breathing_mm", "right_mm", "down_mm", "away_mm", "nod_deg", "turn_deg", "tilt_deg",
    "invalid", "repeated",
)  # fmt: skip
_DOTS = 110
_LEAST_SIDE = 128  # of real frames, for their noise to be measured


class Form(StrEnum):
    """How the frames are stored."""

    PNG = "png"
    NPZ = "npz"
    HDF5 = "h5"

    @property
    def file(self) -> str:
        """Name of the file, or of the folder of images."""
        return "depth" if self is Form.PNG else f"depth.{self.value}"


def simulate_to_folder(
    folder: str | Path,
    settings: TrialSettings | None = None,
    seed: int = 0,
    *,
    form: Form = Form.NPZ,
    real: DepthVideo | None = None,
    device: str = "cpu",
    overwrite: bool = False,
) -> SimulatedTrial:
    """Draw a trial and write it with its truth: frames, events.csv, truth.csv, simulation.json, overview.png.

    Args:
        folder: made if it is not there.
        settings: what is drawn.
        seed: the same seed and settings give the same files.
        form: of the frames.
        real: real frames, to be shown beside simulated ones in comparison.png.
        device: where to compute.
        overwrite: whether files of an earlier run are replaced.

    Raises:
        ParameterError: if there are files of an earlier run and ``overwrite`` is not set, or the settings are out of range.
        DataError: if the noise of the real frames cannot be measured.
        ForeknowError: if a library that is needed is not installed.
    """
    final, settings = Path(folder), settings or TrialSettings()
    names = (*(form.file for form in Form), EVENTS, TRUTH, SIMULATION, OVERVIEW, COMPARISON)
    earlier = [final / name for name in names if (final / name).exists()]
    if earlier and not overwrite:
        message = f"{display_name(final)} holds a simulation already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    trial = simulate_trial(settings, seed, device=device)
    with staged_folder(final) as staging:
        write_depth(staging / form.file, trial.video)
        write_events_csv(staging / EVENTS, [_row(event) for event in trial.events], _FEATURES)
        write_text_atomic(staging / TRUTH, truth_table(trial))
        _save(trial_figure(trial), staging / OVERVIEW)
        if real is not None:
            _save(compare(trial, real, seed), staging / COMPARISON)
        content = {"tool": "foreknow swallow simulate", "version": version("foreknow"), "seed": seed, "settings": asdict(settings)}
        write_json_atomic(staging / SIMULATION, {**content, **_facts(trial)})
        for path in earlier:  # a folder is not replaced by one of its name, and other forms of the frames would be stale
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return trial


def compare(trial: SimulatedTrial, real: DepthVideo, seed: int = 0) -> "Figure":
    """The part of real frames in which most is seen, its scene seen again with noise fitted to it, and the simulated neck.

    Raises:
        DataError: if the noise of the real frames cannot be measured.
    """
    height, width = trial.video.frames.shape[1:]
    part = central_part(real, max(height, _LEAST_SIDE), max(width, _LEAST_SIDE))
    noise = fit_noise(part).settings(flat=True)
    samples = [
        Sample("real", part),
        Sample("its scene, simulated camera", see_again(part, noise, seed)),
        Sample("simulated neck", trial.video),
    ]
    return comparison_figure(samples)


def truth_table(trial: SimulatedTrial) -> str:
    """The truth of every frame as CSV."""
    repeated = set(trial.repeated)
    invalid = 1 - trial.video.valid.flatten(1).to(torch.float64).mean(1)
    columns = (
        trial.video.timestamps,
        trial.lift,
        trial.larynx,
        trial.breathing,
        *trial.position,
        *torch.rad2deg(trial.angles),
        invalid,
    )
    rows = enumerate(zip(*(column.tolist() for column in columns), strict=True))
    shown = ([f"{row[0]:.6f}", *(f"{value:.4f}" for value in row[1:]), int(index in repeated)] for index, row in rows)
    return csv_text(_TRUTH_COLUMNS, shown)


def _row(event: TrueEvent) -> Event:
    features: dict[str, float | int | str | None] = {
        "peak_s": f"{event.peak:.6f}",
        "amplitude": event.amplitude,
        "second_of_double": int(event.second),
    }
    return Event(event.onset, event.duration, event.kind.value, features)


def _facts(trial: SimulatedTrial) -> dict[str, object]:
    quality = inspect_depth(trial.video)
    return {
        "swallows": len(trial.swallows),
        "frames": quality.frames,
        "dropped": trial.dropped,
        "repeated": list(trial.repeated),
        "invalid": round(quality.invalid, 6),
        "prominence_mm": round(trial.prominence_mm, 4),
        "distance_mm": round(trial.distance_mm, 2),
        "pitch_degrees": round(trial.pitch_degrees, 3),
    }


def _save(figure: "Figure", path: Path) -> None:
    figure.savefig(path, dpi=_DOTS, metadata={"Software": None})
