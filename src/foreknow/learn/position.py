"""Where a training run is."""

from dataclasses import asdict, dataclass, field
from typing import Any

from foreknow.learn.history import Epoch, History, Outcome


@dataclass
class Position:
    """Where a training run is; everything that is no tensor.

    Attributes:
        epoch: the present one, counted from 0.
        batch: the next one of the epoch, counted from 0.
        step: steps done since the beginning.
        loss_sum: over the items of the epoch so far.
        items: of the epoch so far.
        seconds: of computing before this process.
        epochs: those that are done.
        best_score: lowest validation score; None if there is none yet.
        best_epoch: when that was, counted from 1.
        outcome: why the run ended; None while it has not.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    items: int = 0
    seconds: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best_score: float | None = None
    best_epoch: int = 0
    outcome: Outcome | None = None

    def as_json(self) -> dict[str, Any]:
        """For a file; numbers come back bit by bit."""
        content = asdict(self)
        content["outcome"] = None if self.outcome is None else self.outcome.name
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Position":
        """What `as_json` gave.

        Raises:
            KeyError, TypeError, ValueError: if it is not.
        """
        outcome = content["outcome"]
        epochs = [Epoch(**row) for row in content["epochs"]]
        return cls(**{**content, "epochs": epochs, "outcome": None if outcome is None else Outcome[outcome]})

    @property
    def validation(self) -> float | None:
        """The last validation score."""
        return self.epochs[-1].validation if self.epochs else None

    def history(self) -> History:
        """The run, which must have ended."""
        assert self.outcome is not None  # noqa: S101
        best = self.best_epoch if self.best_score is not None else len(self.epochs)
        return History(tuple(self.epochs), self.outcome, best)
