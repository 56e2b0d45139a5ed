"""Vessel layers of runs by foreknow and by what is commonly done: (frames, height, width) attenuation -> layer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from skimage.filters import frangi, threshold_otsu
from skimage.morphology import disk, white_tophat
from skimage.restoration import denoise_tv_chambolle
from torch import Tensor

from foreknow import L1, Component, Exact, Model, NuclearNorm
from foreknow.angiography.mask import vessel_mask
from foreknow.angiography.pan import no_pan
from foreknow.angiography.separate import Separation, separate_run
from foreknow.priors import NonNegative, Prior
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import noise_level

_FIRST = 5  # frames that DSA takes for free of contrast agent
_WIDEST = 0.036  # of the side: radius of the top-hat's disc


@dataclass(frozen=True, slots=True)
class Method:
    """A way to get vessels out of a run.

    Attributes:
        name: in tables.
        layer: attenuation to vessel layer or response, 0 or more.
        is_layer: whether the response is attenuation, so that its error means something.
        needs_run: whether it needs more than one frame.
    """

    name: str
    layer: Callable[[Tensor], Tensor]
    is_layer: bool = True
    needs_run: bool = True

    def mask(self, attenuation: Tensor, layer: Tensor) -> Tensor:
        """The mask at the automatic threshold: foreknow's rule for layers, Otsu's for responses."""
        if not self.is_layer:
            return layer > float(threshold_otsu(layer.numpy()))
        return vessel_mask(_as_separation(attenuation, layer)).binary

    def score(self, layer: Tensor) -> Tensor:
        """What the threshold is put to: layers smoothed alike."""
        return gaussian_blur(layer, 0.0036 * layer.shape[-1]) if self.is_layer else layer


def methods() -> list[Method]:
    return [
        Method("foreknow (robust PCA, coherent weights)", lambda y: separate_run(y).vessels),
        Method("robust PCA, non-negative", lambda y: _robust_pca(y, L1(_weight(y), event_dims=3) & NonNegative(event_dims=3))),
        Method("robust PCA, signed", lambda y: _robust_pca(y, L1(_weight(y), event_dims=3))),
        Method("robust PCA, then TV", _then_total_variation),
        Method("temporal median", lambda y: (y - y.median(dim=0).values).clamp_min(0)),
        Method("DSA-like (first frames)", lambda y: (y - y[:_FIRST].mean(dim=0)).clamp_min(0)),
        Method("black top-hat", top_hat, needs_run=False),
        Method("Frangi", frangi_response, is_layer=False, needs_run=False),
    ]


def top_hat(attenuation: Tensor) -> Tensor:
    """What a disc does not fit into, of smoothed attenuation (black in exposure, white in attenuation)."""
    side = attenuation.shape[-1]
    smooth = gaussian_blur(attenuation, 0.002 * side)
    element = disk(max(3, round(_WIDEST * side)))
    return torch.stack([torch.as_tensor(white_tophat(frame.numpy(), element)) for frame in smooth])


def frangi_response(attenuation: Tensor) -> Tensor:
    """Frangi's filter at scales of vessels."""
    sigmas = [max(1.0, share * attenuation.shape[-1]) for share in (0.003, 0.006, 0.009, 0.012)]
    return torch.stack(
        [torch.as_tensor(frangi(frame.numpy(), sigmas=sigmas, black_ridges=False).astype(np.float32)) for frame in attenuation]
    )


def _weight(y: Tensor) -> float:
    return 1 / math.sqrt(y[0].numel())


def _robust_pca(y: Tensor, sparse: Prior) -> Tensor:
    model = Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(sparse), noise=Exact())
    return model.solve(y, tolerance=1e-3)["vessels"].clamp_min(0)


def _then_total_variation(y: Tensor) -> Tensor:
    """Non-negative robust PCA, its layer denoised frame by frame (Rudin, Osher and Fatemi 1992), weight the noise level."""
    layer = _robust_pca(y, L1(_weight(y), event_dims=3) & NonNegative(event_dims=3))
    sigma = float(noise_level(y, time_axis=-3))
    frames = [denoise_tv_chambolle(frame.numpy(), weight=sigma) for frame in layer]
    return torch.as_tensor(np.stack(frames)).clamp_min(0)


def _as_separation(attenuation: Tensor, layer: Tensor) -> Separation:
    area = torch.ones(attenuation.shape[1:], dtype=torch.bool)
    pan = no_pan(len(attenuation), (attenuation.shape[1], attenuation.shape[2]))
    return Separation(layer, attenuation - layer, area, 0.0, pan, 0.0, 0, True, 0, "", ())
