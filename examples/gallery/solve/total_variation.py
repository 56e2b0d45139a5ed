r"""Total variation against total generalised variation: stairs or slopes.

Total variation knows that an image is piecewise constant, and makes stairs of a slope. Total generalised variation of
second order (Bredies, Kunisch and Pock 2010) knows that it is piecewise linear. The noise level is known; each weight
is the best of a few by the true error, which only a simulation has. To take noise of standard deviation $\sigma$ out of
an image is one proximal map, of step $\sigma^2$; it is computed to a duality gap.
"""

import sys

import matplotlib.pyplot as plt
import torch

from foreknow.priors import Accuracy, TotalGeneralizedVariation, TotalVariation

side, sigma = 48, 0.08
generator = torch.Generator().manual_seed(0)
down, right = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
truth = 0.1 + 0.5 * right
truth = torch.where((down - 0.5) ** 2 + (right - 0.45) ** 2 < 0.09, 0.95 - 0.6 * down, truth)
truth = torch.where((down > 0.12) & (down < 0.3) & (right > 0.65) & (right < 0.92), torch.tensor(0.15), truth)
y = truth + sigma * torch.randn(truth.shape, generator=generator)


def error(image):
    """Root mean square."""
    return float((image - truth).square().mean().sqrt())


best = {}
for name, kind in (("TV", TotalVariation), ("TGV", TotalGeneralizedVariation)):
    tried = []
    for weight in (9.0, 13.0, 18.0):
        image = kind(weight, accuracy=Accuracy(tolerance=1e-4)).prox(y, sigma**2)
        tried.append((error(image), weight, image))
    best[name] = min(tried, key=lambda each: each[0])
    print(f"{name}: error {best[name][0]:.4f} at weight {best[name][1]}; the noise itself {error(y):.4f}")

figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained", width_ratios=(1, 1, 1, 1.25))
pictures = {f"noisy, error {error(y):.3f}": y}
pictures |= {f"{name}, error {value:.3f}": image for name, (value, _, image) in best.items()}
for axis, (title, picture) in zip(axes, pictures.items(), strict=False):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.axvline(side // 2, color="#D55E00", lw=0.8)
    axis.set(xticks=[], yticks=[], title=title)
axes[3].plot(truth[:, side // 2], "k", lw=1, label="truth")
for (name, (_, _, image)), colour in zip(best.items(), ("#0072B2", "#D55E00"), strict=True):
    axes[3].plot(image[:, side // 2], color=colour, lw=1.3, label=name)
axes[3].set(title="along the line", xlabel="row")
axes[3].legend(fontsize=8)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "total_variation.png", dpi=110)
