"""Which operators the Fourier transform makes diagonal between channels, and their spectra."""

from functools import singledispatch

import torch
from torch import Tensor

from foreknow.operators.base import Composition, LinearOperator, Scaled, Sum
from foreknow.operators.convolution import Convolution, Dictionary
from foreknow.operators.fft_convolution import FFTConvolution
from foreknow.operators.identity import Identity
from foreknow.operators.spectrum import Spectrum
from foreknow.shapes import Shape


@singledispatch
def periodic_spectrum(operator: LinearOperator, sizes: Shape, like: Tensor) -> Spectrum | None:  # noqa: ARG001
    r"""The transfer matrices of a convolution that is periodic on the last axes of both its domain and its range.

    Known are `FFTConvolution`, `Convolution` and `Dictionary` in the mode "circular", the `Identity`, and what sums, products and
    multiples of those give. Register further operators with ``periodic_spectrum.register(Kind)``.

    Args:
        operator: bound.
        sizes: lengths of the periodic axes; an axis before them is one of channels, and there is at most one.
        like: a tensor of the type and on the device of the signals; the type decides whether all frequencies are needed.

    Returns:
        The spectrum (O, I, \*frequencies), O and I being 1 where there is no axis of channels; None if the operator is none.
    """
    return None


@periodic_spectrum.register
def _(operator: FFTConvolution, sizes: Shape, like: Tensor) -> Spectrum | None:
    return operator.spectrum(sizes, like.dtype) if operator.mode == "circular" and operator.domain == sizes else None


@periodic_spectrum.register(Convolution)
@periodic_spectrum.register(Dictionary)
def _(operator: Convolution | Dictionary, sizes: Shape, like: Tensor) -> Spectrum | None:
    circular = operator.mode == "circular" and operator.domain[1:] == sizes
    return operator.spectrum(operator.domain, like.dtype) if circular else None


@periodic_spectrum.register
def _(operator: Identity, sizes: Shape, like: Tensor) -> Spectrum | None:
    channels = operator.domain[: operator.domain_dims - len(sizes)]
    if operator.domain[len(channels) :] != sizes or len(channels) > 1:
        return None
    count = channels[0] if channels else 1
    matrix = torch.eye(count, dtype=like.dtype.to_complex(), device=like.device)
    return Spectrum(matrix.reshape(count, count, *(1,) * len(sizes)), sizes, like.is_complex())


@periodic_spectrum.register
def _(operator: Scaled, sizes: Shape, like: Tensor) -> Spectrum | None:
    inner = periodic_spectrum(operator.operator, sizes, like)
    return None if inner is None else Spectrum(operator.scalar * inner.transfer, sizes, inner.full)


@periodic_spectrum.register
def _(operator: Sum, sizes: Shape, like: Tensor) -> Spectrum | None:
    first, second = (periodic_spectrum(term, sizes, like) for term in (operator.first, operator.second))
    if first is None or second is None or first.full != second.full:
        return None
    return Spectrum(first.transfer + second.transfer, sizes, first.full)


@periodic_spectrum.register
def _(operator: Composition, sizes: Shape, like: Tensor) -> Spectrum | None:
    left, right = (periodic_spectrum(factor, sizes, like) for factor in (operator.left, operator.right))
    if left is None or right is None or left.full != right.full:
        return None
    return Spectrum(torch.einsum("oj...,ji...->oi...", left.transfer, right.transfer), sizes, left.full)
