r"""Robust PCA of a film: what stays has low rank, what moves is sparse.

Each frame is a row of a matrix. The background hardly changes, so the matrix of backgrounds has low rank; people cover
few pixels, so what they change is sparse: minimise $\|L\|_* + \lambda|S|_1$ under $L + S = Y$. Nothing is learned and
nothing is tuned: the weight follows from the size of the film.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.simulate.hall import Hall
from foreknow.solve import classical_sparse_weight

film = Hall(96, 128, seed=3, noise=0.005).film(40, seed=1)
frames = film.y.flatten(1)  # frames x pixels
model = Model(background=Component(NuclearNorm()), moving=Component(L1(classical_sparse_weight(frames))), noise=Exact())
solution = model.solve(frames, tolerance=1e-3)
print(solution)
background, moving = (solution[name].reshape(film.y.shape) for name in ("background", "moving"))
people = moving.abs() > 0.05
both = (people & film.people).sum()
print(f"pixels of people: precision {both / people.sum():.2f}, recall {both / film.people.sum():.2f}")

figure, axes = plt.subplots(3, 4, figsize=(10, 6), layout="constrained")
for row, at in zip(axes, (24, 30, 36), strict=True):
    compared = torch.stack((people[at], people[at] & film.people[at], film.people[at]), dim=-1).float()
    row[0].imshow(film.y[at], cmap="gray", vmin=0, vmax=1)
    row[1].imshow(background[at], cmap="gray", vmin=0, vmax=1)
    row[2].imshow(moving[at], cmap="RdBu", vmin=-0.4, vmax=0.4)
    row[3].imshow(compared)
    for axis in row:
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"frame {at}")
for axis, title in zip(
    axes[0], ("film", "background", "moving", "people: found (white),\nmissed (blue), wrong (red)"), strict=True
):
    axis.set_title(title, fontsize=10)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "robust_pca_film.png", dpi=110)
