"""Operators for a loop in which their parameters do not change: cast once, what follows from them computed once."""

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from foreknow.operators.base import LinearOperator
from foreknow.operators.convolution import Convolution, Dictionary
from foreknow.operators.diagonal import Diagonal
from foreknow.operators.fft_convolution import FFTConvolution
from foreknow.operators.matrix import Matrix
from foreknow.operators.nonlinear import NonlinearOperator
from foreknow.operators.spectrum import SpectrumMemo

OperatorT = TypeVar("OperatorT", LinearOperator, NonlinearOperator, LinearOperator | NonlinearOperator)

_CAST_ON_USE = (Matrix, Diagonal, Convolution, Dictionary, FFTConvolution)  # what they do with a parameter begins with its cast


def frozen(operator: OperatorT, dtype: torch.dtype) -> OperatorT:
    """A copy of an operator for many applications to tensors of one precision while its parameters stay as they are.

    Operators cast their parameters to the precision of the input at every use, and compute from them what they need (the spectrum
    of a kernel), because the parameters may have been learned in between. A solver's loop need not pay for that again and again.
    Parameters are cast up to ``dtype``, and down where the operator would do that first thing anyway.

    Args:
        operator: bound or not; it is left alone, and its tensors are shared where they need no cast.
        dtype: of the tensors that it will be applied to.

    Returns:
        An operator with the same values (to the rounding of ``dtype``), without learnable parameters.
    """
    return cast("OperatorT", _frozen(operator, dtype.to_real(), {}))


def _frozen(module: nn.Module, real: torch.dtype, known: dict[int, nn.Module]) -> nn.Module:
    if id(module) in known:
        return known[id(module)]
    clone = known[id(module)] = copy.copy(module)
    down = isinstance(module, _CAST_ON_USE)
    parameters = {name: None if p is None else _cast(p.detach(), real, down=down) for name, p in module._parameters.items()}  # noqa: SLF001
    buffers = {name: None if b is None else _cast(b, real, down=down) for name, b in module._buffers.items()}  # noqa: SLF001
    clone.__dict__["_parameters"] = {}
    clone.__dict__["_buffers"] = {**buffers, **parameters}
    clone.__dict__["_modules"] = {
        name: None if child is None else _frozen(child, real, known)
        for name, child in module._modules.items()  # noqa: SLF001
    }
    if isinstance(clone, (Convolution, Dictionary, FFTConvolution)):
        clone.memo = SpectrumMemo()
    return clone


def _cast(value: Tensor, real: torch.dtype, *, down: bool) -> Tensor:
    if not (value.is_floating_point() or value.is_complex()):
        return value
    if not down and torch.finfo(value.dtype.to_real()).eps <= torch.finfo(real).eps:
        return value
    return value.to(real.to_complex() if value.is_complex() else real)
