"""X-ray angiography: what training on a user's own unlabelled runs gains, on simulated runs of another device."""

import copy
import tempfile

import numpy as np
import torch
from torch import Tensor

from benchmarks.bench_angiography import area_under_curve, best_dice, dice
from benchmarks.table import Estimate, Table
from foreknow.angiography.network.injection import InjectionNumbers, inject
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
from foreknow.learn import Silent

TITLE = "X-ray angiography: training on own runs"
SIZE, FRAMES, RATE = 512, 12, 5.0
LEARNED, APART = range(2000, 2006), range(2100, 2104)
DISPLAY = DisplaySettings(Relationship.DISPLAY, bits=8, gamma=0.45, sharpening=1.4)
DETECTOR = DetectorSettings(blur=0.65, quanta=(30.0, 80.0), grain=0.4)
ANATOMY = AnatomySettings(lung=(0.12, 0.18), texture=(0.11, 0.17), bone=(0.3, 0.5))
_NOTES = [
    f"""Another device than any that the shipped network was trained on: {DISPLAY}; {DETECTOR}; {ANATOMY}. Runs of {FRAMES} frames
    of {SIZE} x {SIZE}, {RATE:g} a second. The network was trained on {len(LEARNED)} of them without labels, as by `foreknow
    angiography train`, and is judged on {len(APART)} others; mean with 95 % bootstrap intervals.""",
    """AUC and best Dice: of the gate, at the best threshold of each run. Dice: at 0.5. Own device: runs as the shipped network
    knows them, to see what was forgotten.""",
]


def run(quick: bool) -> Table:
    size = 256 if quick else SIZE
    before, _ = load_network()
    after, numbers = copy.deepcopy(before), InjectionNumbers(epochs=1, simulated=2) if quick else InjectionNumbers()
    with tempfile.TemporaryDirectory() as folder:
        films = [_other(seed, size)[0] for seed in list(LEARNED)[: 2 if quick else None]]
        outcome = inject(after, films, folder, numbers, progress=Silent())
    after.eval()
    table = Table(["runs", "network", "AUC", "best Dice", "Dice"], notes=[" ".join(note.split()) for note in _NOTES])
    table.notes.append(f"Gap to the certified optimum on a run apart: {outcome.gap[0]:.4f} before, {outcome.gap[1]:.4f} after.")
    for name, draw in (("other device", _other), ("own device", _own)):
        cases = [draw(seed, size) for seed in list(APART)[: 1 if quick else None]]
        for who, network in (("as shipped", before), ("trained on", after)):
            scores = np.asarray([_judge(network, *case) for case in cases])
            table.add(name, who, *(_mean(column) for column in scores.T))
    return table


def _other(seed: int, size: int) -> tuple[Tensor, Tensor]:
    settings = RunSettings(
        frames=FRAMES, size=size, rate=RATE, artery=_artery(seed), display=DISPLAY, detector=DETECTOR, anatomy=ANATOMY
    )
    return _drawn(settings, seed)


def _own(seed: int, size: int) -> tuple[Tensor, Tensor]:
    display = DisplaySettings(Relationship.DISPLAY, bits=8)
    return _drawn(RunSettings(frames=FRAMES, size=size, rate=RATE, artery=_artery(seed), display=display), seed)


def _artery(seed: int) -> str:
    return ("left", "right")[seed % 2]


def _drawn(settings: RunSettings, seed: int) -> tuple[Tensor, Tensor]:
    run = simulate_run(settings, seed)
    return settings.display.read(run.frames), run.mask


def _judge(network: VesselNetwork, attenuation: Tensor, mask: Tensor) -> tuple[float, float, float]:
    area = torch.ones(attenuation.shape[1:], dtype=torch.bool)
    gate, truth = look_at_run(network, attenuation, area).gate.numpy(), mask.numpy()
    return area_under_curve(gate, truth), best_dice(gate, truth), dice(gate > 0.5, truth)


def _mean(values: np.ndarray) -> Estimate:
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = (float(end) for end in np.quantile(draws, (0.025, 0.975)))
    return Estimate(float(np.mean(values)), low, high, digits=3)
