"""Counters of swallows that others use or that come first to mind, as scores in standard deviations over time.

Each gets the threshold that is best for it on the judged trials themselves, which favours it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt
from scipy.stats import skew

from benchmarks.swallow_cases import SwallowCase
from foreknow.swallow.movement import RATE, FeatureTable, TrialFeatures

Score = NDArray[np.float64]
APART = 0.45  # seconds between two swallows
_BAND = (0.25, 3.0)  # hertz
_COMPONENTS = 6
_REACH = 24  # frames on either side of a template's peak


def principal_component(case: SwallowCase) -> Score:
    """Principal components of the registered surface's deformation (Miura and Sakai 2015): that of the rarest peaks."""
    change = band_passed((case.trial.table.change * case.trial.table.weight).numpy().T).T
    left, values, _ = np.linalg.svd(change, full_matrices=False)
    courses = left[:, :_COMPONENTS] * values[:_COMPONENTS]
    courses = courses * np.sign(skew(courses, axis=0))
    return standardised(smoothed(courses[:, int(skew(courses, axis=0).argmax())]))


def region_mean(case: SwallowCase) -> Score:
    """Mean depth of a square about the larynx, band-passed; nearer is up."""
    return standardised(band_passed(-case.mean_depth.numpy()))


def silhouette(case: SwallowCase) -> Score:
    """Pixels of the neck's silhouette (Miyagi et al. 2019), band-passed."""
    return standardised(band_passed(case.silhouette.numpy()))


def matched_template(template: NDArray[np.float64]) -> Callable[[SwallowCase], Score]:
    """Correlation of the registered deformation with the mean swallow of simulated persons, in space and time."""

    def score(case: SwallowCase) -> Score:
        change = band_passed((case.trial.table.change * case.trial.table.weight).numpy().T).T
        padded = np.pad(change, ((_REACH, _REACH), (0, 0)))
        found = np.zeros(len(change))
        for place in range(len(template)):
            found += padded[place : place + len(change)] @ template[place]
        return standardised(found)

    return score


def mean_swallow(trials: list[TrialFeatures]) -> NDArray[np.float64]:
    """The mean deformation about the peaks of swallows, (2 _REACH + 1, cells)."""
    total, count = np.zeros((2 * _REACH + 1, trials[0].table.change.shape[1])), 0
    for trial in trials:
        table = trial.table
        change = band_passed((table.change * table.weight).numpy().T).T
        noise = change.std() + 0.1
        for event in trial.events:
            place = round((event.peak - float(table.seconds[0])) * RATE)
            if event.kind.value == "swallow" and _REACH <= place < len(change) - _REACH:
                total += change[place - _REACH : place + _REACH + 1] / noise
                count += 1
    return total / max(1, count)


def band_passed(values: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
    """Courses (..., time) without their slow part and their quickest."""
    sections = butter(2, _BAND, "bandpass", fs=RATE, output="sos")
    return sosfiltfilt(sections, np.asarray(values, np.float64), axis=-1)


def smoothed(course: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.convolve(course, np.ones(7) / 7, mode="same")


def standardised(course: NDArray[np.float64]) -> Score:
    centre = np.median(course)
    return (course - centre) / max(1e-9, 1.4826 * float(np.median(np.abs(course - centre))))


def peaks_above(score: Score, table: FeatureTable, threshold: float) -> list[float]:
    """Times of peaks above a threshold."""
    places, _ = find_peaks(score, height=threshold, distance=max(1, round(APART * RATE)))
    return table.seconds[torch.from_numpy(places)].tolist()


METHODS: dict[str, Callable[[SwallowCase], Score]] = {
    "principal component": principal_component,
    "region mean, band-pass": region_mean,
    "silhouette": silhouette,
}
