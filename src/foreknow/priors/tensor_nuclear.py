"""The tensor nuclear norm of the t-SVD: low tubal rank."""

import torch
from torch import Tensor

from foreknow.parameters import Parameter
from foreknow.priors.base import Prior
from foreknow.priors.elementwise import ratio_scale, within, zero_or_infinite
from foreknow.priors.gram import spectral_norm
from foreknow.priors.nuclear import nuclear_norm
from foreknow.priors.singular_value import singular_value_threshold


class TensorNuclearNorm(Prior):
    r"""w / n_3 sum_k \|X^_k\|_*, where X^_k are the frontal slices of the discrete Fourier transform along the last axis.

    The tensor nuclear norm of Lu et al. (2020, definition 7), on events (n_1, n_2, n_3). With the factor 1 / n_3 its dual is the
    tensor spectral norm max_k \|X^_k\|_2 and its proximal map thresholds the singular values of each slice by step w (theorem 4.2
    there). Of real x only the slices up to n_3 / 2 are computed. x may be complex.

    Args:
        weight: a number, a tensor (\*batch, 1, 1, 1), or a `Parameter`.
    """

    homogeneity = 1.0

    def __init__(self, weight: float | Tensor | Parameter = 1.0) -> None:
        super().__init__(weight, 3)

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:
        slices = _to_slices(x)
        eps = torch.finfo(x.dtype).eps  # rounding in one slice is relative to the whole tensor
        dead = 4 * eps * x.shape[-1] ** 0.5 * torch.linalg.vector_norm(x.detach().to(slices.dtype), dim=(-3, -2, -1))
        norms = nuclear_norm(slices, dead.unsqueeze(-1).expand(slices.shape[:-2]))
        return self._per_item(weight) * (norms * _multiplicity(x)).sum(-1) / x.shape[-1]

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        level = self._per_item(threshold)
        return _from_slices(singular_value_threshold(_to_slices(x), level.unsqueeze(-1) if level.ndim else level), x)

    def _conjugate(self, z: Tensor, weight: Tensor) -> Tensor:
        return zero_or_infinite(within(_largest(z), self._per_item(weight)), z)

    def _dual_scale(self, z: Tensor, weight: Tensor) -> Tensor:
        return ratio_scale(self._per_item(weight), _largest(z), 0)

    def _symbol(self) -> str:
        return "|{x}|_TNN"


def _to_slices(x: Tensor) -> Tensor:
    """(*batch, n_1, n_2, n_3) -> (*batch, slices, n_1, n_2), complex."""
    spectrum = torch.fft.fft(x) if x.is_complex() else torch.fft.rfft(x)
    return spectrum.movedim(-1, -3)


def _from_slices(slices: Tensor, like: Tensor) -> Tensor:
    spectrum = slices.movedim(-3, -1)
    return torch.fft.ifft(spectrum) if like.is_complex() else torch.fft.irfft(spectrum, n=like.shape[-1])


def _multiplicity(x: Tensor) -> Tensor:
    """How many slices of the full transform each computed one stands for."""
    size = x.shape[-1]
    if x.is_complex():
        return torch.ones(size, dtype=x.real.dtype, device=x.device)
    count = torch.full((size // 2 + 1,), 2.0, dtype=x.dtype, device=x.device)
    count[0] = 1.0
    if size % 2 == 0:
        count[-1] = 1.0
    return count


def _largest(z: Tensor) -> Tensor:
    return spectral_norm(_to_slices(z)).amax(-1).to(z.real.dtype)
