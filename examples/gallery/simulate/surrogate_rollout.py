"""A network in the place of an equation's steps, and how far it can be trusted.

A small convolution on a ring learns the steps of Lorenz's model of 1996 from simulated runs. On runs that it has not
seen it is let run freely: each step begins where its last one ended. A chaotic state can be forecast for a while only;
`surrogate_error` says for how many steps the network is good enough, and `require` refuses it beyond.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.learn import Settings, Silent
from foreknow.learn.simulators import SurrogateRejectedError, surrogate_error, train_surrogate
from foreknow.simulate import Integrated, Lorenz96, RingNetwork, Surrogate

torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
ring = Integrated(Lorenz96(size=12), interval=0.05)
runs = ring.trajectory(ring.advance(ring.initial(generator, (40,)), 100), steps=60).float()
surrogate = Surrogate(ring, RingNetwork(width=32), scale=1.0)
print(train_surrogate(surrogate, runs[:32], Settings(epochs=14, batch_size=64, learning_rate=0.01), steps=2, progress=Silent()))
for steps in (2, 10, 40):
    print(surrogate_error(surrogate, runs[32:], steps=steps))
try:
    surrogate_error(surrogate, runs[32:], steps=40).require(0.1)
except SurrogateRejectedError as refusal:
    print("refused:", refusal)

with torch.no_grad():
    forecast = surrogate.trajectory(runs[32:, 0], steps=60)
error = (forecast - runs[32:]).square().mean(-1).sqrt()
figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), layout="constrained", width_ratios=(1, 1, 1, 1.5))
pictures = {"equation": runs[32], "network, run freely": forecast[0], "difference": forecast[0] - runs[32]}
for axis, (title, picture) in zip(axes, pictures.items(), strict=False):
    axis.imshow(picture, cmap="RdBu", vmin=-10, vmax=10, aspect="auto")
    axis.set(title=title, xlabel="place", xticks=(0, 4, 8))
axes[0].set_ylabel("step of 0.05")
axes[3].plot(error.T, color="#9aa5b1", lw=0.7)
axes[3].plot(error.median(0).values, color="#D55E00", lw=2, label="median of 8 runs")
axes[3].axhline(float(runs.std()) * 2**0.5, color="k", ls=":", lw=1, label="two states that have nothing in common")
axes[3].set(xlabel="step", title="error of the forecast", yscale="log")
axes[3].legend(fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "surrogate_rollout.png", dpi=110)
