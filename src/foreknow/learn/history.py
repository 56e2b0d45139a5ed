"""What happened in a training run."""

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Outcome(Enum):
    """Why a run ended."""

    FINISHED = "all epochs done"
    REACHED = "the validation score is as low as was asked for"
    STOPPED_EARLY = "the validation score did not get better any more"


@dataclass(frozen=True)
class Epoch:
    """One pass through the data.

    Attributes:
        epoch: counted from 1.
        step: steps done since the beginning.
        loss: mean over the items of the epoch, as they were when they were learned from.
        validation: mean loss over the validation data after the epoch; None without such data.
        learning_rate: of the last step.
        seconds: of computing since the beginning, over all interruptions; not compared, as it differs between equal runs.
    """

    epoch: int
    step: int
    loss: float
    validation: float | None
    learning_rate: float
    seconds: float = field(compare=False)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


@dataclass(frozen=True)
class History:
    """A run that has ended; `print` shows it as a table.

    Attributes:
        epochs: one entry each.
        outcome: why it ended.
        best_epoch: whose weights the network has: that of the best validation score; the last one without validation.
    """

    epochs: tuple[Epoch, ...]
    outcome: Outcome
    best_epoch: int

    @property
    def steps(self) -> int:
        """Steps done."""
        return self.epochs[-1].step

    def __str__(self) -> str:
        lines = [f"{'epoch':>5}  {'step':>7}  {'loss':>12}  {'validation':>12}  {'rate':>8}  {'seconds':>8}"]
        for row in self.epochs:
            score = "" if row.validation is None else f"{row.validation:.6g}"
            mark = "  <- kept" if row.epoch == self.best_epoch else ""
            numbers = f"{row.epoch:>5}  {row.step:>7}  {row.loss:>12.6g}  {score:>12}  {row.learning_rate:>8.2g}"
            lines.append(f"{numbers}  {row.seconds:>8.1f}{mark}")
        return "\n".join([*lines, self.outcome.value])
