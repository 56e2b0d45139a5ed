"""What an unrolled network has learned, as a table and a picture.

Eight steps of a proximal algorithm for blurred spikes are trained on simulated pairs. All that training may change has
a meaning: the weight of the prior, and the kernel of the blur, of which the model was told a wrong one (grey, dashed).
So what was learned can be read, and put back into the classical solver. The true kernel (black,
dotted) was in the data only; it is drawn with the norm of the learned one, since taller spikes through a flatter kernel are
the same data. What is learned has gone most of the way to it.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Gaussian, Model
from foreknow.learn import Examples, Settings, Silent, Supervised, fit
from foreknow.operators import FFTConvolution
from foreknow.report import knowledge_figure
from foreknow.solve import FISTA
from foreknow.unroll import Operators, Weights

generator = torch.Generator().manual_seed(0)
times = torch.arange(-6, 7)
true_kernel = torch.exp(-(times**2) / 8.0)
told_kernel = torch.exp(-(times**2) / 3.0)
spikes = 2 * torch.randn(1500, 128, generator=generator) * (torch.rand(1500, 128, generator=generator) < 0.04)
blur = FFTConvolution(true_kernel / true_kernel.norm(), "same").on(128)
y = blur(spikes) + 0.1 * torch.randn(spikes.shape, generator=generator)

model = Model(spikes=Component(L1(0.1), FFTConvolution(told_kernel / told_kernel.norm(), "same")), noise=Gaussian(1.0))
network = model.unroll(8, algorithm=FISTA(), learn=(Weights(), Operators()), shared=True)
with torch.no_grad():
    before = (network(y[1200:])["spikes"] - blur(spikes[1200:])).square().mean().sqrt()
pairs = Examples(y[:1200], {"spikes": blur(spikes[:1200])})
fit(network, Supervised(), pairs, Settings(epochs=12, batch_size=32, learning_rate=0.05), progress=Silent())
with torch.no_grad():
    after = (network(y[1200:])["spikes"] - blur(spikes[1200:])).square().mean().sqrt()
print(network.knowledge())
print(f"error on pairs not learned from: {before:.4f} before, {after:.4f} after")

figure = knowledge_figure(network.knowledge())
kernel = next(axis for axis in figure.axes if "kernel" in axis.get_title())
learned = next(row.now for row in network.knowledge().rows if row.name == "kernel")
kernel.plot(true_kernel * learned.norm() / true_kernel.norm(), "k:", lw=1.5, label="true, of the same norm")
kernel.legend(fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "knowledge.png", dpi=110)
plt.close("all")
