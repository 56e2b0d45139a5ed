"""Shifts in time: by whole samples, or by any (learnable) fraction."""

import math
from typing import Literal

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.operators.axes import pad_axis
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.shapes import Shape


class TimeShift(LinearOperator):
    r"""A delay by whole samples along the last axis: y[n] = x[n - samples].

    Args:
        samples: the delay; negative shifts forward.
        boundary: "periodic" (what leaves one end enters the other) or "zero" (zeros enter).
        domain: length of the signal, or None for any.

    Raises:
        ParameterError: if ``boundary`` is unknown.
    """

    def __init__(self, samples: int, boundary: Literal["periodic", "zero"] = "periodic", domain: int | Shape | None = None) -> None:
        super().__init__(domain, 1)
        if boundary not in {"periodic", "zero"}:
            message = f"the boundary of a shift is 'periodic' or 'zero', not {boundary!r}"
            raise ParameterError(message)
        self.samples = int(samples)
        self.boundary = boundary
        if boundary == "periodic":
            self.gram_scale = self.cogram_scale = 1.0

    def _forward(self, x: Tensor) -> Tensor:
        return self._shift(x, self.samples)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._shift(y, -self.samples)

    def _shift(self, x: Tensor, samples: int) -> Tensor:
        if self.boundary == "periodic":
            return x.roll(samples, -1)
        size = x.shape[-1]
        samples = max(-size, min(size, samples))
        return pad_axis(x, -1, samples, -samples)

    def _norm(self) -> Tensor:
        kept = self.boundary == "periodic" or not self.bound or abs(self.samples) < self.domain[0]
        return torch.tensor(float(kept), dtype=torch.float64)

    def _range_shape(self, domain: Shape) -> Shape:
        return domain

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, samples={self.samples}, boundary={self.boundary!r}"


class FractionalShift(LinearOperator):
    r"""A delay by any number of samples along the last axis, periodic, through the phase of the spectrum.

    Differentiable in the delay. Whole numbers shift exactly as `TimeShift` does. Of signals of even length the Nyquist component
    has no phase to turn and is multiplied by cos(pi samples), so that real signals stay real; all else keeps its energy.

    Args:
        samples: the delay, a number; learnable if a 0-dimensional ``nn.Parameter``.
        domain: length of the signal, or None for any.

    Raises:
        ParameterError: if ``samples`` is not one number.
    """

    samples: Tensor

    def __init__(self, samples: float | Tensor, domain: int | Shape | None = None) -> None:
        super().__init__(domain, 1)
        delay = samples if isinstance(samples, Tensor) else torch.tensor(float(samples), dtype=torch.float64)
        if delay.ndim:
            message = f"a shift is one number (a 0-dimensional tensor), not a tensor of shape {tuple(delay.shape)}"
            raise ParameterError(message)
        self._keep("samples", delay)

    def _forward(self, x: Tensor) -> Tensor:
        return self._shift(x, self.samples)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._shift(y, -self.samples)

    def _shift(self, x: Tensor, samples: Tensor) -> Tensor:
        size = x.shape[-1]
        frequency = torch.fft.fftfreq(size, dtype=torch.float64, device=x.device)
        angle = -2 * math.pi * frequency * samples.to(torch.float64)
        # The Nyquist bin of even lengths is alone with its sign: its phase is averaged over both signs.
        nyquist = 2 * frequency.abs() == 1
        phase = torch.complex(angle.cos(), torch.where(nyquist, torch.zeros_like(angle), angle.sin()))
        output = torch.fft.ifft(torch.fft.fft(x) * cast_like(phase, x))
        return output if x.is_complex() else output.real

    def _norm(self) -> Tensor:
        # The constant component is kept, and no component grows.
        return torch.ones((), dtype=torch.float64)

    def _range_shape(self, domain: Shape) -> Shape:
        return domain
