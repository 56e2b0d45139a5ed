"""The cost of variational assimilation over a window, in whitened controls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.simulate.assimilation.covariance import Covariance
from foreknow.simulate.assimilation.system import ObservedSystem

GuessFirst: TypeAlias = Callable[[Tensor], Tensor]
r"""From observations (\*batch, K, m) to a guess of the state before them, (\*batch, n)."""


@dataclass(frozen=True)
class Background:
    r"""What is known before the observations of a window: the initial state, the model errors, the numbers of the model.

    Each is a mean plus the square root of a covariance times white noise, which is the control: the Hessian of the cost is then the
    identity plus what the observations add (control variable transform; Bannister 2008, section 2).

    Attributes:
        mean: of the state at the beginning of the window, (\*batch, n).
        covariance: of that state; None if the state is known exactly.
        model_error: of the kicks at the end of each cycle, for a weak constraint (Tremolet 2006); None for a perfect model.
        numbers: mean of the numbers of the simulator, (P,) or (\*batch, P); None to leave them as they are.
        numbers_covariance: of these; needed with them.
    """

    mean: Tensor
    covariance: Covariance | None
    model_error: Covariance | None = None
    numbers: Tensor | None = None
    numbers_covariance: Covariance | None = None

    def size(self, cycles: int) -> int:
        """Number of controls for a window of so many cycles."""
        count = 0 if self.covariance is None else self.mean.shape[-1]
        count += 0 if self.model_error is None else cycles * self.mean.shape[-1]
        return count + (0 if self.numbers is None else self.numbers.shape[-1])

    def unpack(self, v: Tensor, cycles: int) -> "Drive":
        r"""What drives the model, of controls v (\*batch, size)."""
        states, place = self.mean.shape[-1], 0
        initial, kicks, numbers = self.mean, None, None
        if self.covariance is not None:
            initial = initial + self.covariance.root(v[..., :states])
            place = states
        if self.model_error is not None:
            part = v[..., place : place + cycles * states].unflatten(-1, (cycles, states))
            kicks = self.model_error.root(part)
            place += cycles * states
        if self.numbers is not None and self.numbers_covariance is not None:
            numbers = self.numbers + self.numbers_covariance.root(v[..., place:])
        return Drive(initial.expand(*v.shape[:-1], states), kicks, numbers)


@dataclass(frozen=True)
class Drive:
    r"""Initial state (\*batch, n), kicks (\*batch, cycles, n) or None, numbers (\*batch, P) or None."""

    initial: Tensor
    kicks: Tensor | None
    numbers: Tensor | None


@dataclass(frozen=True)
class Window:
    r"""The cost |v|^2 / 2 + sum_k |R^-1/2 (H(x_k) - y_k)|^2 / 2 of a window of K cycles.

    Attributes:
        system: model and observation.
        background: what the controls v mean.
        observations: (\*batch, K, m).
        cycle: of the beginning.
        latest: whether only the last observation counts, the others having been used before.
    """

    system: ObservedSystem
    background: Background
    observations: Tensor
    cycle: int = 0
    latest: bool = False

    def __post_init__(self) -> None:
        if self.observations.ndim < 2 or self.observations.shape[-2] < 1:
            message = f"a window needs observations (*batch, cycles, m), not of shape {tuple(self.observations.shape)}"
            raise ShapeError(message)

    @property
    def cycles(self) -> int:
        """K."""
        return self.observations.shape[-2]

    def zeros(self) -> Tensor:
        r"""The controls of the background, (\*batch, p)."""
        batch = torch.broadcast_shapes(self.observations.shape[:-2], self.background.mean.shape[:-1])
        size = self.background.size(self.cycles)
        return torch.zeros(*batch, size, dtype=self.observations.dtype, device=self.observations.device)

    def trajectory(self, v: Tensor) -> Tensor:
        r"""The states at the beginning and after each cycle, (\*batch, K + 1, n)."""
        drive = self.background.unpack(v, self.cycles)
        states = [drive.initial]
        for index in range(self.cycles):
            state = self.system.forecast(states[-1], self.cycle + index, drive.numbers)
            states.append(state if drive.kicks is None else state + drive.kicks[..., index, :])
        return torch.stack(states, dim=-2)

    def residuals(self, v: Tensor) -> Tensor:
        r"""The whitened misfits, (\*batch, K m) or (\*batch, m)."""
        states = self.trajectory(v)[..., 1:, :]
        if self.latest:
            return self.system.error.whiten(self.system.observe(states[..., -1, :]) - self.observations[..., -1, :])
        return self.system.error.whiten(self.system.observe(states) - self.observations).flatten(-2)

    def cost(self, v: Tensor) -> Tensor:
        r"""(\*batch,)."""
        return (v.square().sum(dim=-1) + self.residuals(v).square().sum(dim=-1)) / 2
