"""Learnable numbers that stay inside their range by construction, whatever an optimiser does to them."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError


class Parameter(nn.Module, ABC):
    """A number or tensor that a prior, step or simulator reads by calling it: ``parameter() -> Tensor``."""

    @abstractmethod
    def forward(self) -> Tensor:
        """The present value."""


class Fixed(Parameter):
    """A non-negative constant: moves with ``.to(device)``, is saved, is never learned."""

    def __init__(self, value: float | Tensor) -> None:
        super().__init__()
        tensor = torch.as_tensor(value, dtype=torch.float64) if isinstance(value, (int, float)) else value.detach()
        if not bool((tensor >= 0).all()):
            message = f"a fixed weight must be non-negative and not NaN, not {value}"
            raise ParameterError(message)
        self.value: Tensor
        self.register_buffer("value", tensor)

    def forward(self) -> Tensor:
        """The present value."""
        return self.value


class Positive(Parameter):
    """A learnable positive number: the exponential of the unconstrained tensor ``log_value``.

    The gradient with respect to ``log_value`` is relative (a step of 0.1 changes the value by about 10 %), so one learning rate
    serves weights of any magnitude.
    """

    def __init__(self, value: float | Tensor) -> None:
        super().__init__()
        tensor = torch.as_tensor(value, dtype=torch.float64) if isinstance(value, (int, float)) else value.detach()
        if not bool((tensor > 0).all()) or not bool(torch.isfinite(tensor).all()):
            message = f"a learnable positive parameter must start at a positive, finite value, not {value}"
            raise ParameterError(message)
        self.log_value = nn.Parameter(tensor.log())

    def forward(self) -> Tensor:
        """The present value."""
        return self.log_value.exp()


class Bounded(Parameter):
    """A learnable number strictly inside ``(low, high)``: a scaled logistic function of the tensor ``logit``."""

    def __init__(self, value: float | Tensor, low: float, high: float) -> None:
        super().__init__()
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            message = f"bounds must be finite with low < high, not ({low}, {high})"
            raise ParameterError(message)
        tensor = torch.as_tensor(value, dtype=torch.float64) if isinstance(value, (int, float)) else value.detach()
        if not bool(((tensor > low) & (tensor < high)).all()):
            message = f"a bounded parameter must start strictly inside ({low}, {high}), not at {value}"
            raise ParameterError(message)
        self.low = low
        self.high = high
        self.logit = nn.Parameter(torch.logit((tensor - low) / (high - low)))

    def forward(self) -> Tensor:
        """The present value."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.logit)


def present(value: "float | Parameter") -> float | Tensor:
    """A number as it is, or the present value of a parameter."""
    return value() if isinstance(value, Parameter) else value


def number(value: "float | Parameter", like: Tensor) -> Tensor:
    """A number, or the present value of a parameter, in the real type and on the device of ``like``."""
    return torch.as_tensor(present(value)).to(device=like.device, dtype=like.dtype.to_real())


def as_parameter(value: "float | Tensor | Parameter") -> Parameter:
    """Numbers and plain tensors become `Fixed`; a `Parameter` is used (and shared) as it is."""
    return value if isinstance(value, Parameter) else Fixed(value)
