"""Crackles out of breath sound.

A simulated recording of breath with fine and coarse crackles, whose truth is known. Crackles are sparse in a wavelet
frame, breath sound is noise whose spectrum changes slowly; `foreknow.lung.separate` solves that, and gives two parts
that sum to the recording. Nothing is set for the recording. A screening aid, not a diagnosis.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.lung import separate
from foreknow.lung.simulate import SimulationSettings, simulate_recording

truth = simulate_recording(SimulationSettings(seconds=12.0), torch.Generator().manual_seed(4))
parts = separate(truth.recording, truth.rate)
true_times = torch.tensor([event.onset for event in truth.events])
found = torch.tensor([event.onset for event in parts.events])
near = (found[:, None] - true_times[None]).abs() < 0.01
print(f"{len(found)} crackles found, {int(near.any(1).sum())} of them true; {int(near.any(0).sum())} of {len(true_times)} found")
left = (parts.crackles.double() - truth.crackles).square().sum() / truth.crackles.square().sum()
print(f"error of the crackle part {10 * torch.log10(left):.1f} dB")

times = torch.arange(len(truth.recording)) / truth.rate
middle = max(truth.events, key=lambda event: event.amplitude).peak
figure, axes = plt.subplots(3, 2, figsize=(11, 5.5), layout="constrained", sharex="col", width_ratios=(2.4, 1))
signals = {"recording": truth.recording, "crackles": parts.crackles, "breath": parts.breath}
for row, (name, signal), colour in zip(axes, signals.items(), ("#7d8793", "#D55E00", "#0072B2"), strict=True):
    for axis in row:
        axis.plot(times, signal, color=colour, lw=0.6)
    row[0].set_ylabel(name)
    row[0].sharey(axes[0, 0])
    near_by = signal[(times > middle - 0.06) & (times < middle + 0.14)].abs().max()
    row[1].set(xlim=(middle - 0.06, middle + 0.14), ylim=(-1.1 * near_by, 1.1 * near_by))
axes[1, 0].plot(
    true_times, torch.full_like(true_times, 0.9 * float(truth.recording.abs().max())), "kv", ms=3, label="true crackles"
)
axes[1, 0].legend(fontsize=8, loc="lower right")
axes[1, 1].plot(times, truth.crackles, "k:", lw=0.9, label="truth")
axes[1, 1].legend(fontsize=8)
axes[0, 0].set_title("twelve seconds of breath")
axes[0, 1].set_title("a fifth of a second")
for axis in axes[2]:
    axis.set_xlabel("seconds")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "crackles.png", dpi=110)
