"""Cells out of a stained smear.

A simulated smear: squamous cells that lie alone and in clumps, their nuclei, inflammatory cells and debris. Light is
absorbed by the dyes (Beer and Lambert), so optical densities add; the empty glass has low rank over colours and places,
cells are darker than it. Nobody draws anything and no threshold is set. Nothing is said of malignancy.
"""

import sys

import matplotlib.pyplot as plt

from foreknow.cytology import DetectSettings, detect
from foreknow.cytology.simulate import SmearSettings, simulate_smear

smear = simulate_smear(SmearSettings(height=480, width=480, pixel=0.5, cells=14), seed=5)
found = detect(smear.image, DetectSettings())
truth = (smear.cells > 0).any(dim=0).numpy()
both = (found.mask & truth).sum()
print(f"{int(found.cells.max())} cells and {int(found.nuclei.labels.max())} nuclei found")
print(f"{len(smear.measurements)} cells and {int(smear.nuclei.max())} nuclei drawn, some of them over the edge")
print(f"pixels of cells: Dice {2 * both / (found.mask.sum() + truth.sum()):.3f}")

figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained")
axes[0].imshow(smear.image)
axes[0].set_title("image", fontsize=10)
axes[1].imshow(found.without_background)
axes[1].set_title("cells alone", fontsize=10)
axes[2].imshow(smear.image)
for label in range(1, int(found.cells.max()) + 1):
    axes[2].contour(found.cells == label, levels=[0.5], colors="#D55E00", linewidths=1)
axes[2].contour(found.nuclei.labels > 0, levels=[0.5], colors="#0072B2", linewidths=1)
axes[2].set_title("cells and nuclei found", fontsize=10)
axes[3].imshow(smear.image)
for layer in smear.cells:
    for label in layer.unique():
        if label:
            axes[3].contour(layer == label, levels=[0.5], colors="#D55E00", linewidths=1)
axes[3].contour(smear.nuclei > 0, levels=[0.5], colors="#0072B2", linewidths=1)
axes[3].set_title("cells and nuclei drawn", fontsize=10)
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "cells.png", dpi=110)
