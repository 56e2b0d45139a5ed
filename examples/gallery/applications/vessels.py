"""Vessels out of a simulated coronary run.

The heart beats, the lung breathes, contrast agent passes through the coronary arteries: a simulated run, whose layers
are known. The background of all frames has low rank, vessels are sparse and add attenuation; solved to a certified
duality gap. A means of research, not a diagnosis.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.separate import separate_run
from foreknow.angiography.simulate import RunSettings, simulate_run

run = simulate_run(RunSettings(frames=48, size=160, rate=10.0), seed=2)
parts = separate_run(run.attenuation)
print(parts.formula)
print(f"noise {parts.noise:.4f}, rank of the background {parts.directions}, relative duality gap {parts.certificate:.1e}")
found = vessel_mask(parts).binary
both = (found & run.mask).sum()
print(f"pixels of vessels: precision {both / found.sum():.2f}, recall {both / run.mask.sum():.2f}")

at = int(run.vessels.sum(dim=(1, 2)).argmax())
figure, axes = plt.subplots(1, 5, figsize=(14, 3.3), layout="constrained")
top = float(run.vessels[at].quantile(0.995))
overlay = torch.stack((found[at], run.mask[at] & found[at], run.mask[at]), dim=-1).float()
pictures = (
    ("frame", run.attenuation[at], "gray_r", None),
    ("background found", parts.background[at], "gray_r", None),
    ("vessels found", parts.vessels[at], "gray_r", top),
    ("true vessels", run.vessels[at], "gray_r", top),
    ("found (white), missed (blue), wrong (red)", overlay, None, None),
)
for axis, (title, picture, colours, most) in zip(axes, pictures, strict=True):
    axis.imshow(picture, cmap=colours, vmin=0 if most else None, vmax=most)
    axis.set_title(title, fontsize=9)
    axis.set(xticks=[], yticks=[])
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "vessels.png", dpi=110)
