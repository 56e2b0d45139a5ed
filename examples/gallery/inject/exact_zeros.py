r"""A prior as a loss, and why one component is not emitted: exact zeros.

A tensor stands for what a network would emit, trained by Adam on a declared model of a low-rank part and a sparse part.
Trained on the exact model's norms by subgradients, no element of the sparse part is ever zero. If the network emits the
low-rank part only, the best sparse part is known, $S = \mathrm{soft}(Y - L, w)$: the loss is smooth in it, and what is
emitted has exact zeros.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Exact, Gaussian, Model, NuclearNorm
from foreknow.inject import Subgradient
from foreknow.learn import Cosine

generator = torch.Generator().manual_seed(0)
low = torch.randn(2000, 5, generator=generator) @ torch.randn(5, 30, generator=generator)
where = torch.rand(2000, 30, generator=generator) < 0.03
sparse = torch.where(where, 10 * torch.randn(2000, 30, generator=generator), 0.0)
y = low + sparse
weight, steps = 0.05, 250

priors = {"low": Component(NuclearNorm()), "sparse": Component(L1(weight, event_dims=2))}
losses = {
    "S emitted, subgradient": Model(**priors, noise=Exact()).loss(eliminate="low", treatment=Subgradient()),
    "S eliminated, envelope": Model(**priors, noise=Gaussian(0.14)).loss(eliminate="sparse"),
}
found = {}
for name, loss in losses.items():
    free = {part: torch.zeros_like(y, requires_grad=True) for part in loss.emitted}
    optimiser = torch.optim.Adam(free.values(), lr=0.4)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.4 * Cosine(floor=0.0).factor(step, steps)
        optimiser.zero_grad()
        loss(free, y).sum().backward()
        optimiser.step()
    with torch.no_grad():
        found[name] = loss.emit(free, y)["sparse"].detach()
    share = float((found[name] == 0).float().mean())
    error = float((found[name] - sparse).norm() / sparse.norm())
    print(f"{name}: {share:.1%} exact zeros ({float((~where).float().mean()):.1%} in truth), error {error:.3%}")

figure, axes = plt.subplots(1, 4, figsize=(12, 3.8), layout="constrained", width_ratios=(1, 1, 1, 2))
for axis, (name, part) in zip(axes, {"true S": sparse, **found}.items(), strict=False):
    shown = part[:60].abs().clamp_min(1e-6).log10()
    image = axis.imshow(shown, cmap="magma", vmin=-6, vmax=1.5, aspect="auto")
    axis.set_title(name, fontsize=10)
    axis.set(xticks=[], yticks=[])
figure.colorbar(image, ax=axes[2], label="log10 |S| (black: 0)")
for (name, part), colour in zip({"truth": sparse, **found}.items(), ("k", "#7d8793", "#D55E00"), strict=True):
    values = part.abs().flatten().sort(descending=True).values
    style = ":" if name == "truth" else "-"
    axes[3].plot((values[values > 0]).numpy(), style, color=colour, lw=2 if name == "truth" else 1.3, label=name)
axes[3].set(yscale="log", xlabel="elements, largest first", ylabel="|S|", title="what is not exactly zero")
axes[3].legend(fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "exact_zeros.png", dpi=110)
