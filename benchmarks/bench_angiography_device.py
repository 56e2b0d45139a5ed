"""X-ray angiography: what fitting the network to a user's own unlabelled runs gains, on simulated runs of several devices."""

import copy
import tempfile
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.bench_angiography import area_under_curve, best_dice, dice
from benchmarks.table import Estimate, Table
from foreknow.angiography.network.calibrating import CalibrationNumbers, calibrate
from foreknow.angiography.network.looking import look_at_run
from foreknow.angiography.network.saved import load_network
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.simulate import (
    AnatomySettings,
    DetectorSettings,
    DisplaySettings,
    Relationship,
    RunSettings,
    simulate_run,
)

TITLE = "X-ray angiography: the network fitted to a device"
SIZE, FRAMES, RATE = 512, 12, 5.0
LEARNED, APART = range(5000, 5006), range(5100, 5104)


@dataclass(frozen=True, slots=True)
class Kind:
    """Runs of one device."""

    name: str
    display: DisplaySettings
    detector: DetectorSettings
    anatomy: AnatomySettings


OWN = Kind("own device", DisplaySettings(Relationship.DISPLAY, bits=8), DetectorSettings(), AnatomySettings())
NOISY = Kind(
    "noisy device",
    DisplaySettings(Relationship.DISPLAY, bits=8, gamma=0.45, sharpening=1.4),
    DetectorSettings(blur=0.65, quanta=(30.0, 80.0), grain=0.4),
    AnatomySettings(lung=(0.12, 0.18), texture=(0.11, 0.17), bone=(0.3, 0.5)),
)
SHARP = Kind(
    "sharp device",
    DisplaySettings(Relationship.DISPLAY, bits=8, gamma=0.7, sharpening=1.6),
    DetectorSettings(blur=0.4, quanta=(60.0, 150.0), grain=0.25),
    AnatomySettings(lung=(0.1, 0.16), texture=(0.04, 0.08)),
)
_NOTES = [
    f"""Runs of {FRAMES} frames of {SIZE} x {SIZE}, {RATE:g} a second. The network was fitted to {len(LEARNED)} runs of a device
    without labels (seeds from {LEARNED.start} on), as by `foreknow angiography train`, and
    judged on {len(APART)} others (seeds from {APART.start} on), of that device and of the own one, which the shipped network knows;
    mean with 95 % bootstrap intervals. Nothing was chosen on these seeds;
    that both looks count only where the first is not confirmed was chosen on others, of all three devices.""",
    f"""Own device: {OWN.display}. Noisy device, on other seeds of which the way by the device was developed: {NOISY.display};
    {NOISY.detector}; {NOISY.anatomy}. Sharp device, new: {SHARP.display}; {SHARP.detector}; {SHARP.anatomy}.""",
    """AUC and best Dice: of the gate, at the best threshold of each run. Dice: at 0.5.""",
]


def run(quick: bool) -> Table:
    size = 128 if quick else SIZE
    table = Table(["fitted to", "judged on", "AUC", "best Dice", "Dice"], notes=[" ".join(note.split()) for note in _NOTES])
    shipped, _ = load_network()
    learned, apart = list(LEARNED)[: 2 if quick else None], list(APART)[: 1 if quick else None]
    kinds = (NOISY, SHARP, OWN)
    cases = {kind.name: [_drawn(kind, seed, size) for seed in apart] for kind in kinds}
    for kind in kinds:
        _judge_all(table, "nothing: as shipped", kind.name, shipped, cases[kind.name])
    for kind in kinds:
        films = [_drawn(kind, seed, size)[0] for seed in learned]
        network, remark = _calibrated(shipped, films, quick=quick)
        table.notes.append(f"{kind.name}: {remark}")
        for judged in dict.fromkeys((kind.name, OWN.name)):
            _judge_all(table, kind.name, judged, network, cases[judged])
    return table


def _calibrated(shipped: VesselNetwork, films: list[Tensor], *, quick: bool) -> tuple[VesselNetwork, str]:
    network = copy.deepcopy(shipped)
    numbers = CalibrationNumbers(trials=12, runs=2, apart=2, known=2) if quick else CalibrationNumbers()
    with tempfile.TemporaryDirectory() as folder:
        found = calibrate(network, films, folder, numbers)
    looks = found.looks
    taken = "taken" if found.taken else "not taken"
    weighed = (
        f"looks weighed {looks.whole:.2f} and {looks.half:.2f}, level {looks.level:+.2f}, {taken} (strangeness {found.strange:.1f})"
    )
    dices, gaps = (f"{before:.3f} before, {after:.3f} after" for before, after in (found.dice, found.gap))
    return network, f"{weighed}; Dice on its simulated runs {dices}; gap to the certified optimum on a run {gaps}."


def _drawn(kind: Kind, seed: int, size: int) -> tuple[Tensor, Tensor]:
    artery = ("left", "right")[seed % 2]
    settings = RunSettings(
        frames=FRAMES,
        size=size,
        rate=RATE,
        artery=artery,
        display=kind.display,
        detector=kind.detector,
        anatomy=kind.anatomy,
    )
    run = simulate_run(settings, seed)
    return kind.display.read(run.frames), run.mask


def _judge_all(table: Table, fitted: str, judged: str, network: VesselNetwork, cases: list[tuple[Tensor, Tensor]]) -> None:
    scores = np.asarray([_judge(network, *case) for case in cases])
    table.add(fitted, judged, *(_mean(column) for column in scores.T))


def _judge(network: VesselNetwork, attenuation: Tensor, mask: Tensor) -> tuple[float, float, float]:
    area = torch.ones(attenuation.shape[1:], dtype=torch.bool)
    gate, truth = look_at_run(network, attenuation, area).gate.numpy(), mask.numpy()
    return area_under_curve(gate, truth), best_dice(gate, truth), dice(gate > 0.5, truth)


def _mean(values: np.ndarray) -> Estimate:
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    return Estimate(float(np.mean(values)), low, high, digits=3)
