"""From the user's unlabelled runs to a network that is calibrated for their device: read, fit, compare, save, report."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from foreknow.angiography.network.calibrating import Calibration, CalibrationNumbers, calibrate
from foreknow.angiography.network.films import read_films
from foreknow.angiography.network.looking import look_at_run
from foreknow.angiography.network.saved import load_network, save_network
from foreknow.angiography.network.train_on_runs import MODEL, REPORT
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.simulate.detector import Relationship
from foreknow.angiography.simulate.device import DeviceRanges
from foreknow.errors import DataError, ParameterError
from foreknow.files import display_name, write_text_atomic
from foreknow.report import Facts, Figure, Notice, Report, Section, Table
from foreknow.report.blocks import Cell
from foreknow.report.samples import samples_figure

_SHOWN = 3
_FAR = 1.0  # standard deviations between trial runs, beyond which no trial was like the runs
_NOTE = (
    "A means of research, not a diagnosis. The examples show frames of the runs that were given: treat this page as you treat them."
)


@dataclass(frozen=True)
class RunCalibration:
    """What became of a calibration on runs.

    Attributes:
        calibration: itself.
        runs: how many were used.
        frames: of them.
        failures: sentences on those that could not be read.
    """

    calibration: Calibration
    runs: int
    frames: int
    failures: tuple[str, ...]

    @property
    def advice(self) -> str | None:
        """What the user should know of it; None if all is well."""
        if self.calibration.device.misfit > _FAR:
            return (
                f"no simulated device makes runs like these (misfit {self.calibration.device.misfit:.1f}, at most {_FAR:g} is "
                "near); compare both networks on frames that you know before you use this one"
            )
        if not self.calibration.taken:
            return "your runs are like those of usual devices, or its two looks weighed otherwise gain nothing: it is as it was"
        return None


def calibrate_on_runs(
    paths: Sequence[str | Path],
    folder: str | Path,
    numbers: CalibrationNumbers | None = None,
    *,
    model: Path | None = None,
    relationship: Relationship | None = None,
    overwrite: bool = False,
    read: Callable[[int, int], None] | None = None,
    drawn: Callable[[int], None] | None = None,
) -> RunCalibration:
    """Calibrate the network for the device of runs without labels and save it with a report.

    Args:
        paths: files and folders of runs.
        folder: of the saved model: model.json, weights.safetensors, card.md, report.html; ``work`` in it keeps simulated runs and
            may be removed.
        numbers: of the calibration.
        model: folder of the network to begin with; that which comes with foreknow if None.
        relationship: how values follow from exposure, if the files do not say.
        overwrite: whether a model that is there already is replaced.
        read: told how many of how many runs have been read.
        drawn: told how many simulated runs have been drawn.

    Raises:
        InputFileError: if there are no runs, or the model cannot be read.
        ParameterError: if there is a model already and ``overwrite`` is not set.
        DataError: if no run can be learned from.
    """
    place, numbers = Path(folder), numbers or CalibrationNumbers()
    if (place / MODEL).exists() and not overwrite:
        message = f"{display_name(place)} holds a model already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    network, description = load_network(model)
    films, failures = read_films(paths, place, relationship, read)
    if not films:
        message = f"no run can be learned from: {failures[0]}"
        raise DataError(message)
    before = copy.deepcopy(network)
    calibration = calibrate(network, films, place / "work", numbers, drawn=drawn)
    outcome = RunCalibration(calibration, len(films), sum(map(len, films)), tuple(failures))
    save_network(
        place,
        network,
        {name: value for name, value in description.settings.items() if name != "device"},
        formula=calibration.formula,
        training={**asdict(numbers), "began_with": description.data},
        data=calibration.fingerprint,
        metrics=_metrics(calibration),
    )
    write_text_atomic(place / REPORT, _report(outcome, before, network, films[-1]).render())
    shutil.rmtree(place / "work", ignore_errors=True)
    return outcome


def _metrics(calibration: Calibration) -> dict[str, float]:
    return {
        "gap to the optimum before": calibration.gap[0],
        "gap to the optimum after": calibration.gap[1],
        "Dice on simulated runs of the device before": calibration.dice[0],
        "Dice on simulated runs of the device after": calibration.dice[1],
    }


def _report(outcome: RunCalibration, before: VesselNetwork, after: VesselNetwork, film: Tensor) -> Report:
    calibration = outcome.calibration
    report = Report("A vessel network for your device, without labels", generator=f"foreknow {version('foreknow')}", note=_NOTE)
    looks = calibration.looks
    weighed = f"{looks.whole:.2f} at the size, {looks.half:.2f} at half of it, {looks.level:+.2f}"
    facts = Facts(
        {
            "runs": outcome.runs,
            "frames": outcome.frames,
            "noise, attenuation": calibration.noise,
            "misfit of the device": calibration.device.misfit,
            "looks that were found": weighed,
            "taken": "yes" if calibration.taken else "no",
            "unlike runs of usual devices (1: alike)": calibration.strange,
            "declared model": calibration.formula,
            **_metrics(calibration),
        }
    )
    notices = [] if outcome.advice is None else [Notice([outcome.advice])]
    report.add(Section("What was found", facts, *notices, _device(calibration)))
    chosen = torch.linspace(0, len(film) - 1, _SHOWN + 2).round().long()[1:-1].tolist()
    area, side = torch.ones(film.shape[1:], dtype=torch.bool), max(film.shape[1:])
    old, new = (look_at_run(network, film, area, side=side) for network in (before, after))
    rows = {f"frame {n + 1}": [-film[n], old.vessels[n], new.vessels[n], old.gate[n], new.gate[n]] for n in chosen}
    titles = ("frame", "vessels before", "vessels after", "gate before", "gate after")
    figure, _ = samples_figure(rows, titles=titles)
    report.add(Section("Examples", Figure(figure, f"Rows {', '.join(rows)}; columns {', '.join(titles)}")))
    if outcome.failures:
        report.add(Section("Runs left out", Notice(outcome.failures)))
    return report


def _device(calibration: Calibration) -> Table:
    """The numbers of the device, with how much noise and structure of the runs say of each."""
    devices = calibration.device.devices
    columns = {
        "gamma": [one.display.gamma for one in devices],
        "sharpening": [one.display.sharpening for one in devices],
        "quanta a pixel": [one.detector.quanta[0] for one in devices],
        "blur, mm": [one.detector.blur for one in devices],
        "grain, mm": [one.detector.grain for one in devices],
        "texture": [sum(one.anatomy.texture) / 2 for one in devices],
        "lung": [sum(one.anatomy.lung) / 2 for one in devices],
        "bone": [sum(one.anatomy.bone) / 2 for one in devices],
    }
    rows: list[list[Cell]] = []
    for (name, values), told, (low, high) in zip(columns.items(), calibration.device.told, DeviceRanges().limits(), strict=True):
        middle, spread = torch.tensor(values).quantile(0.5), torch.tensor(values).quantile(torch.tensor([0.1, 0.9]))
        rows.append([name, float(middle), float(spread[0]), float(spread[1]), low, high, f"{100 * float(told):.0f} %"])
    caption = "The simulated device: median and 10 to 90 % of what may be; where it was looked for; how much your runs tell of it."
    return Table(["number", "median", "10 %", "90 %", "from", "to", "told"], rows, caption)
