"""Swallows counted in depth video of a neck.

The larynx rises by one to three centimetres in a swallow, under skin that a depth camera sees to about a millimetre,
while the person breathes, moves and speaks. A simulated test: the network, trained on other simulated necks, estimates
how far the larynx is up; each swallow has a course that speech and aborted swallows do not have.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.swallow import CountSettings, count_video
from foreknow.swallow.simulate import Kind, TrialSettings, simulate_trial

trial = simulate_trial(TrialSettings(seconds=25.0, rate=15.0), seed=3)
drawn = [event for event in trial.events if event.kind is Kind.SWALLOW]
others = [event for event in trial.events if event.kind is not Kind.SWALLOW]
result = count_video(trial.video, settings=CountSettings(start=0.0, seconds=25.0)).count
print(f"{len(result.swallows)} swallows counted, {len(drawn)} drawn, at {', '.join(f'{event.peak:.1f}' for event in drawn)} s")
print(f"drawn too: {', '.join(sorted(event.kind.value.replace('_', ' ') for event in others))}")

times = trial.video.timestamps - trial.video.timestamps[0]
at = int((times - drawn[0].peak).abs().argmin())
rest = int((times - max(0.0, drawn[0].onset - 0.3)).abs().argmin())
delivered, clean = 1000 * trial.video.frames, 1000 * trial.clean
figure, axes = plt.subplot_mosaic(
    [["camera", "clean", "change"], ["lift", "lift", "lift"]], figsize=(10, 6), layout="constrained", height_ratios=(1.5, 1)
)
low, high = (float(value) for value in clean[at].quantile(torch.tensor([0.02, 0.9])))
for name, picture, title in (
    ("camera", delivered[at], "depth as delivered, mm"),
    ("clean", clean[at], "without noise, steps and holes, mm"),
):
    figure.colorbar(axes[name].imshow(picture, cmap="viridis_r", vmin=low, vmax=high), ax=axes[name], shrink=0.8)
    axes[name].set_title(title, fontsize=10)
change = axes["change"].imshow(clean[rest] - clean[at], cmap="RdBu_r", vmin=-4, vmax=4)
figure.colorbar(change, ax=axes["change"], shrink=0.8)
axes["change"].set_title("nearer in a swallow than before, mm", fontsize=10)
for name in ("camera", "clean", "change"):
    axes[name].set(xticks=[], yticks=[])
lift = axes["lift"]
lift.plot(times, trial.larynx, color="#7d8793", lw=1, label="larynx, truth")
lift.plot(result.seconds, result.lift, color="#D55E00", lw=1.5, label="larynx, from the video")
for row, event in enumerate(others):
    lift.axvspan(event.onset, event.end, color="#0072B2", alpha=0.12, lw=0)
    name = event.kind.value.replace("_", " ")
    lift.text((event.onset + event.end) / 2, 23 - 3 * (row % 2), name, fontsize=8, color="#0072B2", ha="center", va="top")
for number, swallow in enumerate(result.swallows, start=1):
    lift.axvline(swallow.peak, color="k", ls=":", lw=0.8)
    lift.text(swallow.peak, 25, str(number), ha="center", va="bottom")
lift.set(xlabel="seconds", ylabel="mm", xlim=(0, float(times[-1])), ylim=(-6, 25))
lift.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.1))
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "swallows.png", dpi=110)
