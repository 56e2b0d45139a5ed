"""What every method of learning hyper-parameters returns."""

import enum
import math
from dataclasses import dataclass

from torch import Tensor

from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.model import Model


class Status(enum.Enum):
    """Why learning ended."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "stopped at the limit of iterations; allow more, or raise the tolerance"
    STALLED = "stalled: the objective no longer falls along its gradient, as happens where its value is not exact enough"
    COLLAPSED = "collapsed: a number ran to a limit, so that the data do not determine it in this way; see `MarginalLikelihood`"


@dataclass(frozen=True)
class LearnedNumber:
    """One learned quantity.

    Attributes:
        owner: the component, or "noise".
        name: such as "weight" or "sigma".
        was: before learning.
        now: after it, of the same shape.
        relative_error: standard error of ``now`` relative to it, of the same shape; None where the method has none.
    """

    owner: str
    name: str
    was: Tensor
    now: Tensor
    relative_error: Tensor | None = None

    @property
    def key(self) -> str:
        """Owner and name, such as "signal.weight"."""
        return f"{self.owner}.{self.name}"

    def interval(self, deviations: float = 1.96) -> tuple[Tensor, Tensor] | None:
        """The confidence interval, symmetric on the logarithmic scale; None where there is no standard error."""
        if self.relative_error is None:
            return None
        spread = (deviations * self.relative_error).exp()
        return self.now / spread, self.now * spread


@dataclass(frozen=True)
class Outcome:
    """Learned hyper-parameters.

    Attributes:
        model: the model with the learned numbers put in.
        numbers: each with its value before and after, and its uncertainty where the method has one.
        status: why learning ended.
        history: the logarithms of all numbers after each iteration, (iterations, p).
        objective: what was minimised, after each iteration; empty where the method has no such value.
        seconds: wall-clock time.
        method: its name.
    """

    model: Model
    numbers: tuple[LearnedNumber, ...]
    status: Status
    history: Tensor
    objective: tuple[float, ...]
    seconds: float
    method: str

    @property
    def converged(self) -> bool:
        """Whether the method says that it is done."""
        return self.status is Status.CONVERGED

    def __getitem__(self, key: str) -> Tensor:
        """The learned value of a number by owner and name, such as ``outcome["signal.weight"]``."""
        values = {number.key: number.now for number in self.numbers}
        if key not in values:
            message = f"{key!r} was not learned; there are {', '.join(values)}"
            raise KeyError(message)
        return values[key]

    def __str__(self) -> str:
        lines = [f"{self.method}: {self.status.value} ({self.seconds:.3g} s)"]
        for number in self.numbers:
            line = f"  {number.key}: {_text(number.was)} -> {_text(number.now)}"
            if number.relative_error is not None:
                worst = float(number.relative_error.max())
                line += f" +- {worst:.1%}" if math.isfinite(worst) else " (no standard error)"
            lines.append(line)
        return "\n".join(lines)


def learned_numbers(knobs: Knobs, relative_error: Tensor | None = None) -> tuple[LearnedNumber, ...]:
    """The rows of an `Outcome`.

    Args:
        knobs: at their final values.
        relative_error: (p,).
    """
    errors = [None] * len(knobs.rows) if relative_error is None else knobs.split(relative_error)
    before, after = knobs.split(knobs.start), knobs.split(knobs.logarithms())
    rows = zip(knobs.rows, before, after, errors, strict=True)
    return tuple(LearnedNumber(knob.owner, knob.name, was.exp(), now.exp(), error) for knob, was, now, error in rows)


def _text(value: Tensor) -> str:
    if value.numel() == 1:
        return f"{float(value):.4g}"
    return f"{tuple(value.shape)} in [{float(value.min()):.3g}, {float(value.max()):.3g}]"
