"""A wavelet learned through an unrolled solver: from Haar's to the one that the data have.

Signals that are sparse in the wavelet of Daubechies with four vanishing moments, in noise. The network is five steps of
FISTA on the declared model; it may change thresholds and its wavelet. The wavelet's filters are lattice angles, so it
is orthonormal whatever is learned. It begins near Haar's wavelet; the benchmark `learned_wavelet` repeats this from
several starts and on real breath sound.
"""

import math
import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Gaussian, Model, Wavelet
from foreknow.learn import Examples, Settings, Silent, Supervised, fit
from foreknow.operators import FilterBank
from foreknow.solve import FISTA
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Operators, Weights

length, levels, sigma = 128, 3, 0.05
planted = Wavelet("db4", levels, length)
generator = torch.Generator().manual_seed(0)


def draw(count):
    """Pairs of noisy and clean signals."""
    sparse = torch.randn(count, length, generator=generator) * (torch.rand(count, length, generator=generator) < 0.05)
    clean = planted.T(sparse)
    return clean + sigma * torch.randn(count, length, generator=generator), clean


y, clean = draw(2000)
held_apart, truth = draw(300)
angles = torch.tensor([math.pi / 4, 0.0, 0.0, 0.0], dtype=torch.float64)
angles += 0.1 * torch.randn(4, generator=generator, dtype=torch.float64)
filters = {"Haar's, nearly": FilterBank(angles), "learned": FilterBank(angles), "Daubechies' (the truth)": FilterBank.named("db4")}
errors = {}
for name, bank in filters.items():
    model = Model(signal=Component(L1(0.15), Wavelet(bank, levels).T), noise=Gaussian(1.0))
    learn = (Weights(), Operators()) if name == "learned" else (Weights(),)
    network = model.unroll(5, algorithm=FISTA(step=NormStep()), learn=learn, shared=True)
    settings = Settings(epochs=5, batch_size=32, learning_rate=0.02, seed=0)
    fit(network, Supervised(), Examples(y, {"signal": clean}), settings, progress=Silent())
    with torch.no_grad():
        errors[name] = float((network(held_apart)["signal"] - truth).square().mean().sqrt())
    filters[name] = next(part for part in network.learned_problem(0).modules() if isinstance(part, FilterBank))
    print(f"{name}: error {errors[name]:.4f}")


def picture(bank):
    """The wavelet itself: five levels of synthesis of one coefficient."""
    transform = Wavelet(bank, 5, 512)
    unit = torch.zeros(512)
    unit[8 + 16] = 1.0  # the detail of the coarsest level
    with torch.no_grad():
        shape = transform.T(unit)
    return shape * shape[shape.abs().argmax()].sign()


figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for axis, (name, bank), colour in zip(axes, filters.items(), ("#7d8793", "#D55E00", "#0072B2"), strict=False):
    axis.plot(picture(bank), color=colour)
    axis.set(title=name, xticks=[], yticks=[])
bars = axes[3].bar(["Haar", "learned", "db4"], errors.values(), color=("#7d8793", "#D55E00", "#0072B2"))
axes[3].bar_label(bars, fmt="%.4f", fontsize=8)
axes[3].set(title="error of the network, unseen data", ylabel="root mean square")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "learned_wavelet.png", dpi=110)
