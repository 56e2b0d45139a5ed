"""X-ray angiography: time a frame of each mode, and frames one after the other as they are acquired."""

import time

import numpy as np
import torch

from benchmarks.angiography_cases import TEST_SEEDS, run_case
from benchmarks.bench_angiography import area_under_curve, best_dice
from benchmarks.table import Table
from foreknow.angiography.modes import Enhancer, Mode
from foreknow.angiography.network.saved import load_network
from foreknow.angiography.streaming import FrameStream, NetworkStream, OnlineStream

TITLE = "X-ray angiography: time a frame"
FRAMES, STREAMED, FIRST = 12, 40, 15
_NOTES = [
    f"""Simulated runs, seed {TEST_SEEDS.start}; one thread. Modes: wall-clock of the
    separation of {FRAMES} frames over their number; both the solver and the network work at 512 pixels a side at most, the
    network at twice the size of small frames at most.""",
    f"""Streams: {STREAMED} frames of 512 x 512 one after the other, median and largest time after the first {FIRST}; AUC and
    best Dice of gate or layer over those. The network looks at so many pixels a side, online robust PCA at 256. 15 frames a
    second leave 0.067 s a frame.""",
]


def run(quick: bool) -> Table:
    table = Table(
        ["size", "method", "seconds a frame", "slowest", "AUC", "best Dice"], notes=[" ".join(note.split()) for note in _NOTES]
    )
    for side in (96,) if quick else (256, 512, 1024):
        _modes(table, side)
    _streams(table, 96 if quick else 512)
    return table


def _modes(table: Table, side: int) -> None:
    case = run_case(TEST_SEEDS.start, size=side, frames=FRAMES)
    for mode in (Mode.CLASSICAL, Mode.UNROLLED, Mode.NETWORK, Mode.FRAME):
        enhancer = Enhancer(mode)
        enhancer.require_model()
        start = time.perf_counter()
        enhancer.separate(case.attenuation)
        table.add(f"{side} x {side}", f"mode {mode}", (time.perf_counter() - start) / FRAMES, None, None, None)


def _streams(table: Table, side: int) -> None:
    case = run_case(TEST_SEEDS.start, size=side, frames=STREAMED)
    network, _ = load_network()
    streams: dict[str, FrameStream] = {
        f"stream of the network at {edge}{', bfloat16' if half else ''}": NetworkStream(network, edge, half=half)
        for edge in (256, 384)
        for half in (False, True)
    }
    streams["stream of online robust PCA"] = OnlineStream(FIRST)
    for name, stream in streams.items():
        took, scores = [], []
        for frame in case.attenuation:
            start = time.perf_counter()
            one = stream.push(frame)
            took.append(time.perf_counter() - start)
            scores.append(one.vessels if one.gate is None else one.gate)
        score, mask = torch.stack(scores[FIRST:]).numpy(), case.mask[FIRST:].numpy()
        late = np.asarray(took[FIRST:])
        table.add(
            f"{side} x {side}",
            name,
            float(np.median(late)),
            float(late.max()),
            area_under_curve(score, mask),
            best_dice(score, mask),
        )
