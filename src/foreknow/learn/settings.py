"""The numbers of a training run."""

from dataclasses import asdict, dataclass
from typing import Any

from foreknow.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers of a training run.

    Attributes:
        epochs: passes through the data.
        batch_size: items a step, over all devices.
        learning_rate: of the optimiser, at its highest.
        clip_norm: largest Euclidean norm of the gradient, to which a larger one is shortened; None for no limit.
        seed: of the order of the items and of all randomness in network and objective.
        patience: epochs without a better validation score after which the run ends; None to go through all epochs.
        checkpoint_seconds: time between two checkpoints; 0 for one after every step.

    Raises:
        ParameterError: if a number is outside its range.
    """

    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 1e-3
    clip_norm: float | None = 1.0
    seed: int = 0
    patience: int | None = None
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, fine in (
                ("epochs", self.epochs >= 1),
                ("batch_size", self.batch_size >= 1),
                ("learning_rate", 0 < self.learning_rate < float("inf")),
                ("clip_norm", self.clip_norm is None or self.clip_norm > 0),
                ("patience", self.patience is None or self.patience >= 1),
                ("checkpoint_seconds", self.checkpoint_seconds >= 0),
            )
            if not fine
        ]
        if wrong:
            message = f"the training setting {wrong[0]} must be positive, not {getattr(self, wrong[0])}"
            raise ParameterError(message)

    def decisive(self) -> dict[str, Any]:
        """All that the result depends on, as JSON."""
        numbers = asdict(self)
        del numbers["checkpoint_seconds"]
        return numbers
