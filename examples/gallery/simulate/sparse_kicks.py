"""Few kicks, found by an L1 norm on what drives a simulation.

A ring of weather (Lorenz 1996) is kicked three times, at unknown places and times; it is observed with noise. The model
says two things: the equation, and that kicks are few. Solved as one problem (a Gauss-Newton method with a proximal
inner solver), it finds where and when. With a Gaussian prior on the kicks, which is weak-constraint 4D-Var, noise
becomes a little kick at every place and time.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Gaussian, Model, Quadratic
from foreknow.simulate import Integrated, Kicks, Lorenz96, SimulatedOperator

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(3)
ring = Integrated(Lorenz96(size=10), interval=0.05)
first = ring.advance(ring.initial(generator), 100)
operator = SimulatedOperator(ring, steps=14, control=Kicks(first))
kicks = torch.zeros(14, 10)
kicks[3, 2], kicks[7, 6], kicks[9, 1] = 2.0, -1.5, 1.8

few = Model(noise=Gaussian(0.1), kicks=Component(L1(8.0, event_dims=2), operator))
normal = Model(noise=Gaussian(0.1), kicks=Component(Quadratic(2.0, event_dims=2), operator))
y, _ = few.simulate({"kicks": kicks}, generator)
print(few)
found = {}
for name, model in (("few kicks: L1", few), ("Gaussian kicks: weak 4D-Var", normal)):
    solution = model.solve(y, tolerance=1e-3)
    found[name] = solution.coefficients["kicks"]
    print(f"{name}: {solution}")
    print(f"    error of the kicks {(found[name] - kicks).square().mean().sqrt():.3f}")

figure, axes = plt.subplots(1, 4, figsize=(12, 3.8), layout="constrained", sharey=True)
axes[0].imshow(y, cmap="viridis")
axes[0].set(title="observations", ylabel="step", xlabel="place")
for axis, (title, picture) in zip(axes[1:], {"true kicks": kicks, **found}.items(), strict=True):
    image = axis.imshow(picture, cmap="RdBu", vmin=-2, vmax=2)
    axis.set(title=title, xlabel="place")
figure.colorbar(image, ax=axes[3], shrink=0.9)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "sparse_kicks.png", dpi=110)
