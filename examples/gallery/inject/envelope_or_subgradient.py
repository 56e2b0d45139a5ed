"""The forward-backward envelope against the plain subgradient, at three learning rates.

The same model, the same optimiser, the same start; only the treatment of the kink differs. Trained on the norm itself,
the loss stalls above the optimum, at a height that the learning rate sets. The envelope (Patrinos and Bemporad 2013) is
smooth and has the same minimisers; what is left is the unrest of Adam, whose rate stays the same here. Both are judged
by the declared objective of what is emitted, over its certified optimum.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Gaussian, Model
from foreknow.inject import ForwardBackwardEnvelope, Subgradient
from foreknow.operators import FFTConvolution

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(0)
blur = FFTConvolution(torch.tensor([0.3, 0.7, 1.0, 0.7, 0.3]), "same").on(256)
truth = 2 * torch.randn(4, 256, generator=generator) * (torch.rand(4, 256, generator=generator) < 0.05)
y = blur(truth) + 0.1 * torch.randn(truth.shape, generator=generator)
model = Model(signal=Component(L1(0.3), blur), noise=Gaussian(1.0))
optimum = model.solve(y, tolerance=1e-9, max_iterations=20_000).objective.sum()

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
treatments = {"subgradient": Subgradient(), "forward-backward envelope": ForwardBackwardEnvelope()}
for axis, (name, treatment) in zip(axes, treatments.items(), strict=True):
    loss = model.loss(treatment=treatment)
    for rate, colour in ((0.3, "#D55E00"), (0.1, "#0072B2"), (0.03, "#009E73")):
        free = torch.zeros_like(y, requires_grad=True)
        optimiser = torch.optim.Adam([free], lr=rate)
        excess = []
        for _ in range(600):
            optimiser.zero_grad()
            loss({"signal": free}, y).sum().backward()
            optimiser.step()
            emitted = free if name == "subgradient" else loss.emit({"signal": free}, y).coefficients["signal"]
            excess.append(float(model.objective({"signal": emitted.detach()}, y).sum() / optimum) - 1)
        axis.semilogy([max(value, 1e-12) for value in excess], color=colour, label=f"learning rate {rate}")
        zeros = float((emitted == 0).double().mean())
        print(f"{name}, learning rate {rate}: {excess[-1]:.1e} above the optimum, {zeros:.0%} exact zeros")
    axis.set(title=name, xlabel="steps of Adam", ylim=(1e-8, 10))
    axis.legend(fontsize=8)
axes[0].set_ylabel("objective above its optimum, relative")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "envelope_or_subgradient.png", dpi=110)
