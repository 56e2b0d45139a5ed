"""An ensemble Kalman filter follows a chaotic state.

Lorenz's model of 1963 is observed every 0.25 time units with noise. An ensemble transform Kalman filter (Bishop et al.
2001; Hunt et al. 2007) of ten members moves its ensemble by the equation and corrects it at each observation. Beside it
runs the same equation from the same first guess without observations: after a while it is elsewhere.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.simulate import Integrated, Lorenz63
from foreknow.simulate.assimilation import ETKF, Diagonal, ObservedSystem, TwinExperiment

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(1)
weather = Integrated(Lorenz63(), interval=0.25, substeps=25)
system = ObservedSystem(weather, Diagonal(2.0))
experiment = TwinExperiment(system, cycles=80, burn_in=20)
truth = experiment.simulate(generator)
print(experiment.run(ETKF(10, 1.02), truth, generator))

# The same, step by step, as one would with real observations.
method, prior = ETKF(10, 1.02), experiment.prior(truth, generator)
state = method.init(system, prior, generator)
means, spreads = [], []
for y in truth.observations:
    state = method.step(system, state, y, generator)
    analysis = method.analysis(system, state)
    means.append(analysis.mean)
    spreads.append(analysis.spread)
mean, spread = torch.stack(means), torch.stack(spreads)
free = weather.trajectory(prior.mean, steps=len(means))[1:]
print(f"error of the filter {(mean - truth.states[1:])[20:].square().mean().sqrt():.2f}, of an observation {2**0.5:.2f}, ", end="")
print(f"without observations {(free - truth.states[1:])[20:].square().mean().sqrt():.2f}")

times = 0.25 * torch.arange(1, len(means) + 1)
figure, (top, bottom) = plt.subplots(2, 1, figsize=(10, 5), sharex=True, layout="constrained", height_ratios=(2, 1))
top.plot(times, free[:, 0], color="#9aa5b1", lw=0.9, label="the equation alone")
top.plot(times, truth.states[1:, 0], "k", lw=1.2, label="truth")
top.fill_between(times, *(mean[:, 0] + side * 2 * spread[:, 0] for side in (-1, 1)), color="#D55E00", alpha=0.25, lw=0)
top.plot(times, mean[:, 0], color="#D55E00", lw=1, label="filter, with two standard deviations")
top.plot(times, truth.observations[:, 0], "+", color="#0072B2", ms=5, label="observations")
top.set(ylabel="x")
top.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.18))
bottom.plot(times, (mean - truth.states[1:]).square().mean(-1).sqrt(), color="#D55E00", label="error of the filter")
bottom.plot(times, spread.square().mean(-1).sqrt(), "--", color="#D55E00", label="what the filter believes it to be")
bottom.axhline(2**0.5, color="#0072B2", lw=0.8, label="error of an observation")
bottom.set(xlabel="time", ylabel="root mean square")
bottom.legend(fontsize=8, ncols=3)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "etkf_lorenz63.png", dpi=110)
