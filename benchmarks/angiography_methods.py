"""Vessels of runs by foreknow and by what is commonly done: (frames, height, width) attenuation -> layer, score and mask."""

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
from foreknow.angiography.mask_rule import LayerRule
from foreknow.angiography.modes import Enhancer, Mode
from foreknow.angiography.pan import no_pan
from foreknow.angiography.separate import Separation
from foreknow.priors import NonNegative, Prior
from foreknow.simulate.blur import gaussian_blur
from foreknow.solve import noise_level

_FIRST = 5  # frames that DSA takes for free of contrast agent
_WIDEST = 0.036  # of the side: radius of the top-hat's disc


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method says of a run.

    Attributes:
        layer: vessel attenuation, or a response without a unit.
        score: what its threshold is put to.
        mask: at the automatic threshold.
    """

    layer: Tensor
    score: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Method:
    """A way to get vessels out of a run.

    Attributes:
        name: in tables.
        apply: to attenuation.
        is_layer: whether the layer is attenuation, so that its error means something.
        alone: whether single frames are enough for it.
    """

    name: str
    apply: Callable[[Tensor], Outcome]
    is_layer: bool = True
    alone: bool = False


def methods() -> list[Method]:
    return [
        Method("foreknow, classical", lambda y: _enhanced(y, Mode.CLASSICAL)),
        Method("foreknow, unrolled (8 steps)", lambda y: _enhanced(y, Mode.UNROLLED)),
        Method("foreknow, network", lambda y: _enhanced(y, Mode.NETWORK)),
        Method("foreknow, network, single frames", lambda y: _enhanced(y, Mode.FRAME), alone=True),
        Method("robust PCA, non-negative", _layered(lambda y: _robust_pca(y, _sparse(y) & NonNegative(event_dims=3)))),
        Method("robust PCA, signed", _layered(lambda y: _robust_pca(y, _sparse(y)))),
        Method("robust PCA, then TV", _layered(_then_total_variation)),
        Method("temporal median", _layered(lambda y: (y - y.median(dim=0).values).clamp_min(0))),
        Method("DSA-like (first frames)", _layered(lambda y: (y - y[:_FIRST].mean(dim=0)).clamp_min(0))),
        Method("black top-hat", _layered(top_hat), alone=True),
        Method("Frangi", _frangi, is_layer=False, alone=True),
    ]


def top_hat(attenuation: Tensor) -> Tensor:
    """What a disc does not fit into, of smoothed attenuation (black in exposure, white in attenuation)."""
    side = attenuation.shape[-1]
    smooth = gaussian_blur(attenuation, 0.002 * side)
    element = disk(max(3, round(_WIDEST * side)))
    return torch.stack([torch.as_tensor(white_tophat(frame.numpy(), element)) for frame in smooth])


def _enhanced(y: Tensor, mode: Mode) -> Outcome:
    separation = _ENHANCERS.setdefault(mode, Enhancer(mode)).separate(y)
    mask = vessel_mask(separation)
    return Outcome(separation.vessels, mask.score, mask.binary)


_ENHANCERS: dict[Mode, Enhancer] = {}


def _layered(layer_of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Outcome]:
    """The mask of a layer by foreknow's rule; of single frames, whose noise over time is not known, by Otsu's."""

    def apply(y: Tensor) -> Outcome:
        layer = layer_of(y)
        score = gaussian_blur(layer, 0.0036 * layer.shape[-1])
        if len(y) == 1:
            return Outcome(layer, score, layer > float(threshold_otsu(layer.numpy())))
        return Outcome(layer, score, vessel_mask(_as_separation(y, layer)).binary)

    return apply


def _frangi(attenuation: Tensor) -> Outcome:
    """Frangi's filter at scales of vessels, mask by Otsu's threshold."""
    sigmas = [max(1.0, share * attenuation.shape[-1]) for share in (0.003, 0.006, 0.009, 0.012)]
    frames = [frangi(frame.numpy(), sigmas=sigmas, black_ridges=False).astype(np.float32) for frame in attenuation]
    response = torch.as_tensor(np.stack(frames))
    return Outcome(response, response, response > float(threshold_otsu(response.numpy())))


def _sparse(y: Tensor) -> Prior:
    return L1(1 / math.sqrt(y[0].numel()), event_dims=3)


def _robust_pca(y: Tensor, sparse: Prior) -> Tensor:
    model = Model(background=Component(NuclearNorm(event_dims=3)), vessels=Component(sparse), noise=Exact())
    return model.solve(y, tolerance=1e-3)["vessels"].clamp_min(0)


def _then_total_variation(y: Tensor) -> Tensor:
    """Non-negative robust PCA, its layer denoised frame by frame (Rudin, Osher and Fatemi 1992), weight the noise level."""
    layer = _robust_pca(y, _sparse(y) & NonNegative(event_dims=3))
    sigma = float(noise_level(y, time_axis=-3))
    frames = [denoise_tv_chambolle(frame.numpy(), weight=sigma) for frame in layer]
    return torch.as_tensor(np.stack(frames)).clamp_min(0)


def _as_separation(attenuation: Tensor, layer: Tensor) -> Separation:
    area = torch.ones(attenuation.shape[1:], dtype=torch.bool)
    pan = no_pan(len(attenuation), (attenuation.shape[1], attenuation.shape[2]))
    return Separation(layer, attenuation - layer, area, 0.0, pan, 0.0, 0, True, 0, "", (), LayerRule())
