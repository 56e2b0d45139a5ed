"""One result of each application, as a picture: docs/assets/results.png, the one in the README.

    .venv/bin/python examples/results.py docs/assets/results.png

All data are simulated, so the truth is known; it is drawn beside what was found. Nothing is set for any of them.
"""

import sys

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes

from foreknow.angiography import Enhancer
from foreknow.angiography.simulate import RunSettings, simulate_run
from foreknow.cytology import detect
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.lung import separate
from foreknow.lung.simulate import SimulationSettings, simulate_recording
from foreknow.swallow import CountSettings, count_video
from foreknow.swallow.simulate import Kind, TrialSettings, simulate_trial

DATA, FOUND, OTHER = "#8a94a0", "#D55E00", "#0072B2"


def lung(axis: Axes) -> None:
    """Crackles out of breath sound."""
    truth = simulate_recording(SimulationSettings(seconds=6.0), torch.Generator().manual_seed(4))
    parts = separate(truth.recording, truth.rate)
    times = torch.arange(len(truth.recording)) / truth.rate
    top = float(truth.recording.abs().max())
    axis.plot(times, truth.recording, color=DATA, lw=0.5, label="recording")
    axis.plot(times, parts.crackles - 2 * top, color=FOUND, lw=0.7, label="crackles found")
    axis.plot(times, parts.breath - 3.7 * top, color=OTHER, lw=0.5, label="breath sound left")
    onsets = [event.onset for event in truth.events]
    axis.plot(onsets, [-1.15 * top] * len(onsets), "kv", ms=3, label="crackles drawn")
    axis.set(title="Lung sounds: crackles out of breath", xlabel="seconds", yticks=[], xlim=(0, float(times[-1])))
    axis.set_ylim(-4.7 * top, 1.9 * top)
    axis.legend(fontsize=7, ncols=4, loc="upper center", frameon=False, columnspacing=1.0, handlelength=1.2)


def angiography(axes: list[Axes]) -> None:
    """Vessels out of a frame of a coronary run."""
    run = simulate_run(RunSettings(frames=40, size=256, rate=15.0), seed=12)
    parts = Enhancer().separate(run.attenuation)
    at = int(run.vessels.sum(dim=(1, 2)).argmax())
    most = float(run.vessels[at].quantile(0.997))
    axes[0].imshow(run.attenuation[at], cmap="gray_r")
    axes[0].set_title("X-ray angiography: a frame")
    axes[1].imshow(parts.vessels[at], cmap="gray_r", vmin=0, vmax=most)
    axes[1].set_title("vessels found")
    axes[2].imshow(run.vessels[at], cmap="gray_r", vmin=0, vmax=most)
    axes[2].set_title("vessels drawn")


def cytology(axes: list[Axes]) -> None:
    """Cells and nuclei in a smear."""
    smear = simulate_smear(SmearSettings(height=400, width=400, pixel=0.5, cells=11), seed=8)
    found = detect(smear.image)
    axes[0].imshow(smear.image)
    axes[0].set_title("Cytology: a smear")
    axes[1].imshow(found.without_background)
    for label in range(1, int(found.cells.max()) + 1):
        axes[1].contour(found.cells == label, levels=[0.5], colors=FOUND, linewidths=1)
    axes[1].contour(found.nuclei.labels > 0, levels=[0.5], colors=OTHER, linewidths=1)
    axes[1].set_title("cells and nuclei found")
    axes[2].imshow(smear.image)
    for layer in smear.cells:
        for label in layer.unique():
            if label:
                axes[2].contour(layer == label, levels=[0.5], colors=FOUND, linewidths=1)
    axes[2].contour(smear.nuclei > 0, levels=[0.5], colors=OTHER, linewidths=1)
    axes[2].set_title("cells and nuclei drawn")


def swallow(axis: Axes) -> None:
    """Swallows in depth video of a neck."""
    trial = simulate_trial(TrialSettings(seconds=25.0, rate=15.0), seed=3)
    result = count_video(trial.video, settings=CountSettings(seconds=25.0)).count
    axis.plot(trial.video.timestamps - trial.video.timestamps[0], trial.larynx, color=DATA, lw=1, label="larynx, drawn")
    axis.plot(result.seconds, result.lift, color=FOUND, lw=1.3, label="larynx, from the video")
    for row, event in enumerate(one for one in trial.events if one.kind is not Kind.SWALLOW):
        axis.axvspan(event.onset, event.end, color=OTHER, alpha=0.12, lw=0)
        middle = (event.onset + event.end) / 2
        axis.text(middle, 26 - 4 * (row % 2), event.kind.value.replace("_", " "), fontsize=8, color=OTHER, ha="center")
    for number, event in enumerate(result.swallows, start=1):
        axis.text(event.peak, 26, str(number), ha="center", weight="bold")
    axis.set(title="Swallowing: the larynx in depth video, swallows counted", xlabel="seconds", ylabel="mm", ylim=(-4, 36))
    axis.set_xlim(0, float(result.seconds[-1]))
    axis.legend(fontsize=7, ncols=2, loc="upper center", frameon=False)


def main(path: str) -> None:
    """Draw all four."""
    plt.rcParams.update({"axes.titlesize": 9, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7})
    figure = plt.figure(figsize=(12, 5.1), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    left, right = above.subplots(1, 2)
    lung(left)
    swallow(right)
    pictures = list(below.subplots(1, 6))
    angiography(pictures[:3])
    cytology(pictures[3:])
    for axis in pictures:
        axis.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "results.png")
