"""A simulated smear, and every truth about it.

Papanicolaou-stained squamous cells that lie alone and in clumps, with their nuclei, inflammatory cells and debris, in
the light of a microscope: light is absorbed by the dyes (Beer and Lambert), so optical densities add. The drawing knows
each cell, also where two overlap, and what the image would be of any dye alone.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.cytology.simulate import DYES, SmearSettings, simulate_smear

smear = simulate_smear(SmearSettings(height=320, width=320, pixel=0.5, cells=12), seed=5)
print(f"{len(smear.measurements)} squamous cells, {int(smear.nuclei.unique().numel()) - 1} nuclei, dyes {', '.join(DYES)}")
densities = -torch.log10((smear.image.float() + 1) / 256)
predicted = smear.density.permute(1, 2, 0) + smear.background.permute(1, 2, 0)
seen = (smear.image < 250).all(-1)
print(f"density of the image against the drawn one: difference {float((densities - predicted)[seen].std()):.3f} (noise, rounding)")

figure, axes = plt.subplots(1, 5, figsize=(14, 3.2), layout="constrained")
axes[0].imshow(smear.image)
axes[0].set_title("image", fontsize=10)
cells = (smear.cells > 0).sum(dim=0).float()
axes[1].imshow(smear.image)
for layer in smear.cells:
    for label in layer.unique():
        if label:
            axes[1].contour(layer == label, levels=[0.5], colors="#D55E00", linewidths=0.8)
axes[1].contour(smear.nuclei > 0, levels=[0.5], colors="#0072B2", linewidths=0.8)
axes[1].set_title("true cells and nuclei", fontsize=10)
axes[2].imshow(cells, cmap="viridis")
axes[2].set_title("cells on top of each other", fontsize=10)
for axis, index in zip(axes[3:], (0, 1), strict=True):
    axis.imshow(smear.amounts[index], cmap="magma")
    axis.set_title(f"amount of {DYES[index]}", fontsize=10)
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "smear.png", dpi=110)
