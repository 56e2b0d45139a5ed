"""X-ray angiography: vessels out of simulated runs whose truth is known, and out of single real frames, beside common methods."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from benchmarks.angiography_cases import RATE, TEST_SEEDS, RunCase, run_case, xcad_frames
from benchmarks.angiography_methods import Method, methods
from benchmarks.table import Estimate, Table
from foreknow.angiography.contrast import contrast_to_noise

TITLE = "X-ray angiography: vessels out of moving backgrounds"
SIZE, FRAMES = 192, 20
NOTES = [
    f"""Simulated runs of {FRAMES} frames of {SIZE} x {SIZE}, {RATE:g} a second, seeds from {TEST_SEEDS.start} on, left and right
    arteries, linear and processed frames in turn; settings were chosen on seeds 0 to 7, networks trained on others (100 000 and
    beyond). Mean over runs with 95 % bootstrap intervals. Every pixel of all frames counts, the catheter as background.""",
    """AUC: area under the ROC curve of the smoothed layer, of the networks' gate. Best Dice: at the best threshold of each
    run. Dice: at the automatic one, foreknow's rule for layers, 0.5 for gates, Otsu's for Frangi and for single frames of
    the top-hat. CNR: of the score on the true mask, median over frames; it rises with every pixel set to 0, so it says
    nothing without AUC. Error: mean |layer - truth| on the true mask over the mean truth there. PSNR: of attenuation minus
    the layer against the true background, range 1 to 99 % of it; both without their mean, noise included.""",
    """XCAD: 5 single frames against experts' masks, catheters not in them; best Dice of each frame, and Dice at the automatic
    threshold. Nothing was trained or chosen on them.""",
    """Seconds: wall-clock a frame on one thread, of a machine that others used too; `angiography_speed` has other sizes.""",
]


@dataclass(frozen=True, slots=True)
class Score:
    """One method on one run; see the notes of the table."""

    auc: float
    best: float
    dice: float
    cnr: float
    error: float
    psnr: float
    seconds: float


def run(quick: bool) -> Table:
    size, frames = sizes(quick=quick)
    table = empty_table(NOTES)
    cases = [run_case(seed, size=size, frames=frames) for seed in list(TEST_SEEDS)[: 2 if quick else None]]
    for method in methods():
        add_scores(table, "whole runs", method, [judge(method, case) for case in cases])
    _add_xcad(table)
    return table


def sizes(*, quick: bool) -> tuple[int, int]:
    """Pixels of a side and frames of a run."""
    return (96, 20) if quick else (SIZE, FRAMES)


def empty_table(notes: Sequence[str]) -> Table:
    columns = ["data", "method", "AUC", "best Dice", "Dice", "CNR", "error", "PSNR dB", "seconds a frame"]
    return Table(columns, notes=[" ".join(note.split()) for note in notes])


def judge(method: Method, case: RunCase) -> Score:
    start = time.perf_counter()
    found = method.apply(case.attenuation)
    seconds = (time.perf_counter() - start) / len(found.layer)
    error, psnr = math.nan, math.nan
    if method.is_layer:
        error = float((found.layer - case.vessels)[case.mask].abs().mean() / case.vessels[case.mask].mean())
        psnr = background_psnr(case.attenuation - found.layer, case.background)
    ratio = contrast_to_noise(found.score, case.mask)
    return Score(
        auc=area_under_curve(found.score.numpy(), case.mask.numpy()),
        best=best_dice(found.score.numpy(), case.mask.numpy()),
        dice=dice(found.mask.numpy(), case.mask.numpy()),
        cnr=float(ratio[ratio.isfinite()].median()),
        error=error,
        psnr=psnr,
        seconds=seconds,
    )


def area_under_curve(score: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Of the receiver operating characteristic, ties counted half."""
    inside = mask.ravel()
    count = int(inside.sum())
    ranks = rankdata(score.ravel())[inside].sum()
    return float((ranks - count * (count + 1) / 2) / (count * (inside.size - count)))


def best_dice(score: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The largest Dice coefficient that a threshold reaches."""
    order = np.argsort(-score.ravel(), kind="stable")
    hits = np.cumsum(mask.ravel()[order], dtype=np.int64)
    return float((2 * hits / (np.arange(1, hits.size + 1) + hits[-1])).max())


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def background_psnr(found: Tensor, truth: Tensor) -> float:
    error = (found - found.mean()) - (truth - truth.mean())
    low, high = np.quantile(truth.flatten()[::7].numpy(), (0.01, 0.99))
    return float(20 * math.log10(high - low) - 10 * error.square().mean().log10())


def add_scores(table: Table, data: str, method: Method, scores: list[Score]) -> None:
    cells = [_mean([getattr(score, one.name) for score in scores]) for one in fields(Score)[:-1]]
    table.add(data, method.name, *cells, float(np.median([score.seconds for score in scores])))


def _mean(values: list[float]) -> Estimate | None:
    if not np.isfinite(values).all():
        return None
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    return Estimate(float(np.mean(values)), *(float(end) for end in np.quantile(draws, (0.025, 0.975))), digits=3)


def _add_xcad(table: Table) -> None:
    frames = list(xcad_frames())
    if not frames:
        table.notes.append("XCAD frames are absent here.")
        return
    for method in methods():
        if not method.alone:
            continue
        start = time.perf_counter()
        found = [method.apply(attenuation[None]) for attenuation, _ in frames]
        seconds = (time.perf_counter() - start) / len(frames)
        pairs = [(one.score[0].numpy(), one.mask[0].numpy(), mask) for one, (_, mask) in zip(found, frames, strict=True)]
        table.add(
            "XCAD frames",
            method.name,
            _mean([area_under_curve(score, mask) for score, _, mask in pairs]),
            _mean([best_dice(score, mask) for score, _, mask in pairs]),
            _mean([dice(binary, mask) for _, binary, mask in pairs]),
            _mean([float(contrast_to_noise(torch.as_tensor(score), torch.as_tensor(mask))) for score, _, mask in pairs]),
            None,
            None,
            seconds,
        )
