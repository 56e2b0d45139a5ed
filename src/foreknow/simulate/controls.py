"""What may be unknown of a simulation: its first state, the kicks that it gets, its numbers."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.shapes import Shape
from foreknow.simulate.simulator import Simulator


class Drive(NamedTuple):
    r"""What a trajectory follows from.

    Attributes:
        initial: (\*batch, \*shape).
        kicks: added after each step, (\*batch, steps, \*shape); None for none.
        numbers: (\*batch, P); None for the present ones.
    """

    initial: Tensor
    kicks: Tensor | None = None
    numbers: Tensor | None = None


class Control(nn.Module, ABC):
    """A meaning of the unknown tensor x of a simulation."""

    @abstractmethod
    def domain(self, simulator: Simulator, steps: int) -> Shape:
        """The shape of x.

        Raises:
            ShapeError, ParameterError: if the control does not fit the simulator.
        """

    @abstractmethod
    def drive(self, simulator: Simulator, x: Tensor, steps: int) -> Drive:
        r"""What follows from x, (\*batch, \*domain)."""


class InitialState(Control):
    r"""x is the first state, minus a centre that is known, over a scale.

    Args:
        center: of the shape of a state; zero if None.
        scale: the size of one unit of x: of the errors of the centre.

    Raises:
        ParameterError: if the scale is not positive.
    """

    def __init__(self, center: Tensor | None = None, scale: float = 1.0) -> None:
        super().__init__()
        _require_positive(scale)
        self.scale = scale
        self.center: Tensor | None
        self.register_buffer("center", center)

    def domain(self, simulator: Simulator, steps: int) -> Shape:  # noqa: ARG002
        """That of a state."""
        _require_state(simulator, self.center)
        return simulator.shape

    def drive(self, simulator: Simulator, x: Tensor, steps: int) -> Drive:  # noqa: ARG002
        """The first state."""
        moved = self.scale * x
        return Drive(moved if self.center is None else self.center.to(x) + moved)


class Kicks(Control):
    r"""x are the kicks after every ``every`` steps, (steps // every, \*shape), over a scale; the first state is known.

    Args:
        initial: the first state.
        every: steps between two kicks, at least 1.
        scale: the size of one unit of x.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, initial: Tensor, every: int = 1, scale: float = 1.0) -> None:
        super().__init__()
        _require_positive(scale, every)
        self.every = every
        self.scale = scale
        self.initial: Tensor
        self.register_buffer("initial", initial)

    def domain(self, simulator: Simulator, steps: int) -> Shape:
        """One state for each kick."""
        _require_state(simulator, self.initial)
        return (_count(steps, self.every), *simulator.shape)

    def drive(self, simulator: Simulator, x: Tensor, steps: int) -> Drive:
        """The known state and the kicks."""
        batch = x.shape[: x.ndim - simulator.state_dims - 1]
        initial = self.initial.to(x).expand(*batch, *simulator.shape)
        return Drive(initial, _spread(simulator, self.scale * x, steps, self.every))


class InitialStateAndKicks(Control):
    r"""x are the first state as of `InitialState` and then the kicks as of `Kicks`, (1 + steps // every, \*shape).

    Args:
        center: of the first state.
        scale: of the first state.
        every: steps between two kicks, at least 1.
        kick_scale: of the kicks.

    Raises:
        ParameterError: if a number is not positive.
    """

    def __init__(self, center: Tensor, scale: float = 1.0, every: int = 1, kick_scale: float = 1.0) -> None:
        super().__init__()
        _require_positive(scale, every, kick_scale)
        self.scale = scale
        self.every = every
        self.kick_scale = kick_scale
        self.center: Tensor
        self.register_buffer("center", center)

    def domain(self, simulator: Simulator, steps: int) -> Shape:
        """One state for the first, one for each kick."""
        _require_state(simulator, self.center)
        return (1 + _count(steps, self.every), *simulator.shape)

    def drive(self, simulator: Simulator, x: Tensor, steps: int) -> Drive:
        """The first state and the kicks."""
        axis = x.ndim - simulator.state_dims - 1
        initial = self.center.to(x) + self.scale * x.select(axis, 0)
        kicks = self.kick_scale * x.narrow(axis, 1, x.shape[axis] - 1)
        return Drive(initial, _spread(simulator, kicks, steps, self.every))


class Numbers(Control):
    r"""x are the numbers of the simulator, (P,), minus a centre, over a scale; the first state is known.

    Args:
        initial: the first state.
        center: (P,); the present numbers if None.
        scale: of each, (P,) or one for all.
    """

    def __init__(self, initial: Tensor, center: Tensor | None = None, scale: float | Tensor = 1.0) -> None:
        super().__init__()
        self.initial: Tensor
        self.center: Tensor | None
        self.scale: Tensor
        self.register_buffer("initial", initial)
        self.register_buffer("center", center)
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float64))

    def domain(self, simulator: Simulator, steps: int) -> Shape:  # noqa: ARG002
        """As many as the simulator has."""
        _require_state(simulator, self.initial)
        if not simulator.names:
            message = f"{type(simulator).__name__} has no numbers that could be unknown"
            raise ParameterError(message)
        return (len(simulator.names),)

    def drive(self, simulator: Simulator, x: Tensor, steps: int) -> Drive:  # noqa: ARG002
        """The known state and the numbers."""
        center = simulator.values(x) if self.center is None else self.center.to(x)
        return Drive(self.initial.to(x).expand(*x.shape[:-1], *simulator.shape), None, center + self.scale.to(x) * x)


def _spread(simulator: Simulator, kicks: Tensor, steps: int, every: int) -> Tensor:
    """Kicks after every ``every`` steps as kicks after every step."""
    if every == 1:
        return kicks
    axis = kicks.ndim - simulator.state_dims - 1
    silent = torch.zeros_like(kicks).unsqueeze(axis + 1)
    sizes = list(silent.shape)
    sizes[axis + 1] = every - 1
    full = torch.cat((silent.expand(sizes), kicks.unsqueeze(axis + 1)), dim=axis + 1).flatten(axis, axis + 1)
    rest = steps - full.shape[axis]
    if rest:
        sizes = list(full.shape)
        sizes[axis] = rest
        full = torch.cat((full, full.new_zeros(sizes)), dim=axis)
    return full


def _count(steps: int, every: int) -> int:
    if steps < every:
        message = f"in {steps} steps there is no kick, if one comes after every {every}"
        raise ParameterError(message)
    return steps // every


def _require_state(simulator: Simulator, state: Tensor | None) -> None:
    if state is not None and tuple(state.shape) != simulator.shape:
        message = f"the known state has the shape {tuple(state.shape)}, but those of {type(simulator).__name__} {simulator.shape}"
        raise ShapeError(message)


def _require_positive(*numbers: float) -> None:
    if not all(number > 0 for number in numbers):
        message = f"scales and steps between kicks must be positive, not {numbers}"
        raise ParameterError(message)
