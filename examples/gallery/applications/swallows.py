"""A simulated swallowing test, as a depth camera sees it.

The larynx rises by one to three centimetres in a swallow, under skin that a depth camera sees to about a millimetre,
while the person breathes, moves and speaks. The drawing knows all of it: what the camera delivers (noise, steps of its
resolution, holes), the depth without them, and every event.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.swallow.simulate import Kind, TrialSettings, simulate_trial

trial = simulate_trial(TrialSettings(seconds=20.0, rate=15.0), seed=3)
swallows = [event for event in trial.events if event.kind is Kind.SWALLOW]
others = [event for event in trial.events if event.kind is not Kind.SWALLOW]
print(f"{len(swallows)} swallows, {len(others)} other events: {', '.join(sorted({event.kind.value for event in others}))}")
print(f"laryngeal prominence {trial.prominence_mm:.1f} mm, camera at {trial.distance_mm:.0f} mm")

times = trial.video.timestamps - trial.video.timestamps[0]
at = int((times - swallows[0].peak).abs().argmin())
rest = int((times - max(0.0, swallows[0].onset - 0.3)).abs().argmin())
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
axes["lift"].plot(times, trial.larynx, color="#7d8793", lw=1, label="larynx, by whatever moves it")
axes["lift"].plot(times, trial.lift, color="#D55E00", lw=1.5, label="larynx, by swallows")
for event in others:
    axes["lift"].axvspan(event.onset, event.end, color="#0072B2", alpha=0.12, lw=0)
    name = event.kind.value.replace("_", " ")
    axes["lift"].text((event.onset + event.end) / 2, 19, name, fontsize=8, color="#0072B2", rotation=90, ha="center", va="top")
for event in swallows:
    axes["lift"].axvline(event.peak, color="k", ls=":", lw=0.8)
axes["lift"].set(xlabel="seconds", ylabel="mm", xlim=(0, float(times[-1])))
axes["lift"].legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "swallows.png", dpi=110)
