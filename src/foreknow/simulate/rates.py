"""The contract of a differential equation dx/dt = f(x, t; numbers)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.parameters import Parameter

Rate: TypeAlias = Callable[[Tensor, float], Tensor]
"""From a state, (*batch, *state), and a time to dx/dt, shaped like the state."""


class Constant(Parameter):
    """A number of either sign that is never learned; it moves with ``.to(device)`` and is saved."""

    def __init__(self, value: float | Tensor) -> None:
        super().__init__()
        self.value: Tensor
        self.register_buffer("value", torch.as_tensor(value, dtype=torch.float64).detach())
        if not bool(torch.isfinite(self.value).all()):
            message = f"a number of a differential equation must be finite, not {value}"
            raise ParameterError(message)

    def forward(self) -> Tensor:
        """The present value."""
        return self.value


class Dynamics(nn.Module, ABC):
    r"""A differential equation with P named numbers (rates, forcings), each fixed or learnable inside its bounds.

    A subclass writes ``rate``; it takes any leading batch axes, dtype and device. The numbers come as a tensor of their own,
    (\*batch, P) or (P,), so that every member of an ensemble, and every control of a variational method, can have its own.

    Args:
        numbers: by name; a plain number is fixed, a `foreknow.parameters.Positive` or `Bounded` is learned.

    Attributes:
        state_dims: number of trailing axes of a state.
    """

    state_dims: int = 1

    def __init__(self, numbers: Mapping[str, float | Parameter]) -> None:
        super().__init__()
        self.names: tuple[str, ...] = tuple(numbers)
        self.numbers = nn.ModuleList(
            [value if isinstance(value, Parameter) else Constant(float(value)) for value in numbers.values()]
        )

    @abstractmethod
    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:
        """dx/dt, shaped like the state.

        Args:
            state: (*batch, *state).
            time: in the unit of the equation.
            numbers: (*batch, P) or (P,), of the dtype of the state; `column` shapes one of them for a product with the state.
        """

    @abstractmethod
    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """A plausible state, (*batch, *state), float64 on the CPU; not yet on the attractor."""

    def values(self, like: Tensor) -> Tensor:
        """The present numbers, (P,), in the type and on the device of ``like``."""
        if not self.names:
            return torch.zeros(0, dtype=like.dtype, device=like.device)
        return torch.stack([cast("Parameter", number)().to(like) for number in self.numbers])

    def column(self, numbers: Tensor, index: int) -> Tensor:
        """Number ``index`` with axes of size 1 for those of a state."""
        if numbers.ndim < 1 or numbers.shape[-1] != len(self.names):
            message = (
                f"{type(self).__name__} has the numbers {self.names}; a tensor of shape {tuple(numbers.shape)} "
                f"must have a last axis of {len(self.names)}"
            )
            raise ShapeError(message)
        value = numbers[..., index]
        return value.reshape(value.shape + (1,) * self.state_dims) if numbers.ndim > 1 else value

    def forward(self, state: Tensor, time: float = 0.0, numbers: Tensor | None = None) -> Tensor:
        """The same as `rate`, with the present numbers if none are given."""
        return self.rate(state, time, self.values(state) if numbers is None else numbers)


class Residual(Dynamics):
    """Known dynamics plus what a network has learned: dx/dt = f(x, t) + scale * network(x) (Rackauckas et al. 2020, eq. 1).

    Args:
        known: f; its numbers are those of the sum.
        network: from states, (*batch, *state), to rates of that shape; convolutions on a ring are `foreknow.simulate.RingNetwork`.
        scale: of the network's output, so that a network of order 1 gives corrections of the right size.
    """

    def __init__(self, known: Dynamics, network: nn.Module, scale: float = 1.0) -> None:
        super().__init__({})
        self.known = known
        self.network = network
        self.scale = scale
        self.names = known.names
        self.numbers = known.numbers
        self.state_dims = known.state_dims

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:
        """The sum."""
        return self.known.rate(state, time, numbers) + self.scale * self.network(state)

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """That of the known part."""
        return self.known.start(generator, batch)
