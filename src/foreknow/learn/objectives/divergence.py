"""The two terms of Stein's unbiased risk estimate."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError
from foreknow.learn.emission import Emission, Emit
from foreknow.shapes import expand_event, inner, squared_norm


class Risk(NamedTuple):
    """Per item and value of the data, (batch,).

    Attributes:
        residual: |f(y) - y|^2 / n.
        divergence: an unbiased estimate of div f(y) / n.
    """

    residual: Tensor
    divergence: Tensor


class RiskTerms:
    """Residual and divergence of a denoiser f, the latter by one random probe b: <b, f(y + e b) - f(y)> / e (Ramani et al. 2008).

    Args:
        components: whose signals add up to f(y); all if None.
        probe: e as a fraction of the root mean square of an item: small enough for the difference to be a derivative, large enough
            for single precision.

    Raises:
        ParameterError: if the probe is not positive.
    """

    def __init__(self, components: Sequence[str] | None = None, probe: float = 1e-3) -> None:
        if not probe > 0:
            message = f"the probe of the divergence must be positive, not {probe}"
            raise ParameterError(message)
        self.components = None if components is None else tuple(components)
        self.probe = probe

    def __call__(self, emit: Emit, y: Tensor, generator: torch.Generator) -> Risk:
        """Both terms; the network sees the batch and the probed batch at once.

        Args:
            emit: the network.
            y: real, (batch, *shape).
            generator: of the probe, on the CPU.

        Raises:
            DataError: if y is complex, or what the network gives does not have its shape.
        """
        if y.is_complex():
            message = "Stein's estimate is made for real data; give real and imaginary part as two channels"
            raise DataError(message)
        dims = y.ndim - 1
        count = max(1, y[0].numel())
        probe = torch.randn(y.shape, generator=generator, dtype=torch.float32).to(y)
        size = self.probe * (squared_norm(y, dims) / count).sqrt().clamp_min(torch.finfo(y.dtype).tiny)
        both = self._signal(emit(torch.cat([y, y + expand_event(size, dims) * probe])))
        if both.shape[1:] != y.shape[1:] or len(both) != 2 * len(y):
            message = f"the network gives signals of shape {tuple(both.shape[1:])} for data of shape {tuple(y.shape[1:])}"
            raise DataError(message)
        plain, probed = both[: len(y)], both[len(y) :]
        return Risk(squared_norm(plain - y, dims) / count, inner(probe, probed - plain, dims) / size / count)

    def _signal(self, emission: Emission) -> Tensor:
        names = tuple(emission.components) if self.components is None else self.components
        missing = set(names) - set(emission.components)
        if missing:
            message = f"the network gives no components {sorted(missing)}; it gives {sorted(emission.components)}"
            raise DataError(message)
        return torch.stack([emission.components[name] for name in names]).sum(dim=0)
