r"""A certified solve: the duality gap falls, and bounds what is left.

Spikes are blurred and noisy. Their model is a lasso: minimise $|k * x - y|^2 / 2\sigma^2 + w|x|_1$. Every solver of
foreknow stops at a **duality gap**: the objective of what it has, less a lower bound of the optimum. Nobody knows the
optimum while solving; here it is computed to five more digits beforehand, to show that the gap (lines) is never below
what was really left (dots).
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow import L1, Component, Gaussian, Model
from foreknow.operators import FFTConvolution
from foreknow.solve import FISTA, PDHG, ForwardBackward

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(0)
times = torch.arange(-8, 9)
kernel = torch.exp(-(times**2) / 6)
model = Model(spikes=Component(L1(12.0), FFTConvolution(kernel, "same")), noise=Gaussian(0.25))
truth = 3 * torch.randn(400, generator=generator) * (torch.rand(400, generator=generator) < 0.04)
y, _ = model.simulate({"spikes": truth}, generator)
print(model)

optimum = float(model.solve(y, tolerance=1e-10, max_iterations=50_000).objective)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=(3, 2))
left.plot(y, color="#9aa5b1", lw=0.8, label="blurred, noisy data")
for algorithm, colour in ((ForwardBackward(), "#7d8793"), (PDHG(), "#0072B2"), (FISTA(), "#D55E00")):
    looked, bounds, left_over = [], [], []

    def remember(progress, looked=looked, bounds=bounds, left_over=left_over):
        looked.append(progress.iteration)
        bounds.append(float(progress.certificate.absolute) / optimum)
        left_over.append(float(progress.certificate.objective) / optimum - 1)

    solution = model.solve(y, algorithm=algorithm, tolerance=1e-5, max_iterations=20_000, callback=remember)
    print(solution)
    right.loglog(looked, bounds, color=colour, label=solution.algorithm)
    right.loglog(looked, [max(value, 1e-12) for value in left_over], ".", color=colour, ms=4)
left.plot(solution.coefficients["spikes"], color="#D55E00", lw=1, label="spikes found")
left.plot(truth.nonzero()[:, 0], truth[truth != 0], "k.", ms=5, label="true spikes")
left.set(xlabel="sample", title="what is found")
left.legend(fontsize=8)
right.set(xlabel="iterations", ylabel="relative to the optimum", title="gap (line) and what was left (dots)", ylim=(1e-9, None))
right.legend(fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "certified_solve.png", dpi=110)
