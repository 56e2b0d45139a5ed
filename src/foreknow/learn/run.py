"""The loop of a training run: epochs, validation, early stop, checkpoints."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from foreknow.errors import ForeknowError
from foreknow.learn.checkpoint import Checkpoint, load_checkpoint
from foreknow.learn.data import Data, Example
from foreknow.learn.history import Epoch, History, Outcome
from foreknow.learn.learner import Learner, NotFiniteError
from foreknow.learn.logs import Log
from foreknow.learn.order import batches, steps_per_epoch
from foreknow.learn.position import Position
from foreknow.learn.progress import TrainingProgress
from foreknow.learn.schedule import Schedule
from foreknow.learn.validation import Validation


class TrainingDivergedError(ForeknowError, RuntimeError):
    """The loss became NaN or infinite; the network has the last weights that were noted before."""


class Run:
    """A training run that can be interrupted at any time.

    Args:
        learner: makes the steps.
        identity: what the run is, as JSON by name; a checkpoint must agree with it.
        data: to learn from.
        validation: decides what is kept; None to keep the last weights.
        schedule: of the learning rate.
        folder: of the checkpoint; None for none.
        logs: told every epoch.
        progress: told every step.
    """

    def __init__(
        self,
        learner: Learner,
        identity: Mapping[str, Any],
        data: Data,
        validation: Validation | None,
        schedule: Schedule,
        folder: Path | None,
        logs: Sequence[Log],
        progress: TrainingProgress,
    ) -> None:
        self.learner = learner
        self.identity = identity
        self.data = data
        self.validation = validation
        self.schedule = schedule
        self.folder = folder
        self.logs = tuple(logs) if learner.fabric.is_global_zero else ()
        self.progress = progress
        self.settings = learner.settings
        self.position = Position()
        self._ranks = learner.fabric.world_size
        self._total = self.settings.epochs * steps_per_epoch(len(data), self.settings.batch_size, self._ranks)
        self._best: dict[str, Tensor] = {}
        self._good: tuple[int, dict[str, Tensor]] = (0, {})
        self._since = self._noted = 0.0

    def go(self) -> History:
        """Begin, or go on where the checkpoint of the folder is, to the end.

        Raises:
            TrainingDivergedError: if loss or gradient are not finite.
            OtherRunError, InputFileError: if the folder holds another run, or a damaged checkpoint.
        """
        self._resume()
        self._since = self._noted = time.monotonic()
        self._good = (self.position.step, self.learner.weights())
        if not self._ended():
            self.learner.network.train()
            for log in self.logs:
                log.start(self.position.epochs)
            self.progress.start(self.position.step, self._total)
            while not self._ended():
                self._one_epoch()
            self._note()
        if self._best:
            self.learner.network.load_state_dict(self._best)
        return self.position.history()

    # ------------------------------------------------------------------ the loop
    def _ended(self) -> bool:
        return self.position.outcome is not None

    def _one_epoch(self) -> None:
        position = self.position
        order = batches(len(self.data), self.settings.batch_size, self.settings.seed, position.epoch, self._ranks)
        for indices in order[position.batch :]:
            share = indices[self.learner.fabric.global_rank :: self._ranks]
            loss = self._step(self.data.draw(share, position.epoch), share)
            position.step += 1
            position.batch += 1
            position.loss_sum += loss * len(indices)
            position.items += len(indices)
            self.progress.advance(loss, position.validation)
            if time.monotonic() - self._noted >= self.settings.checkpoint_seconds:
                self._note()
        self._end_epoch()

    def _step(self, example: Example, indices: Sequence[int]) -> float:
        try:
            return self.learner.learn(example, self._rate(self.position.step), self.position.step)
        except NotFiniteError as error:
            step, weights = self._good
            self.learner.network.load_state_dict(weights)
            kept = "" if self.folder is None else f", and so has the checkpoint in {self.folder}"
            message = (
                f"{error} in step {self.position.step + 1} (items {_listed(indices)}); the network has the weights after step "
                f"{step}{kept}: lower the learning rate ({self.settings.learning_rate:g}) or clip_norm, or look at these items"
            )
            raise TrainingDivergedError(message) from error

    def _end_epoch(self) -> None:
        position = self.position
        score = None if self.validation is None else self.learner.score(self.validation)
        if score is not None and not math.isfinite(score):
            message = f"the validation score is {score} after epoch {position.epoch + 1}; look at the validation data and objective"
            raise TrainingDivergedError(message)
        mean = position.loss_sum / position.items
        rate = self._rate(position.step - 1)
        row = Epoch(position.epoch + 1, position.step, mean, score, rate, self._seconds())
        position.epochs.append(row)
        if score is not None and (position.best_score is None or score < position.best_score):
            position.best_score, position.best_epoch = score, row.epoch
            self._best = self.learner.weights()
        position.epoch, position.batch, position.loss_sum, position.items = position.epoch + 1, 0, 0.0, 0
        patience = self.settings.patience
        enough = None if self.validation is None else self.validation.enough
        if score is not None and enough is not None and score <= enough:
            position.outcome = Outcome.REACHED
        elif self.validation is not None and patience is not None and row.epoch - position.best_epoch >= patience:
            position.outcome = Outcome.STOPPED_EARLY
        elif position.epoch == self.settings.epochs:
            position.outcome = Outcome.FINISHED
        for log in self.logs:
            log.record(row)

    def _rate(self, step: int) -> float:
        return self.settings.learning_rate * self.schedule.factor(step, self._total)

    def _seconds(self) -> float:
        return self.position.seconds + time.monotonic() - self._since

    # ------------------------------------------------------------------ checkpoints
    def _resume(self) -> None:
        checkpoint = None if self.folder is None else load_checkpoint(self.folder)
        if checkpoint is None or self.folder is None:
            return
        checkpoint.require_run(self.identity, self.folder)
        self.learner.restore(checkpoint)
        self.position = checkpoint.position
        self._best = {name: tensor.to(self.learner.fabric.device) for name, tensor in checkpoint.tensors.get("best", {}).items()}

    def _note(self) -> None:
        self._good = (self.position.step, self.learner.weights())
        self.position.seconds, self._since = self._seconds(), time.monotonic()
        if self.folder is not None and self.learner.fabric.is_global_zero:
            groups, plain = self.learner.state()
            Checkpoint(self.identity, self.position, plain, {**groups, "best": self._best}).save(self.folder)
        self._noted = time.monotonic()


def _listed(indices: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(indices)[:_SHOWN])) + (" ..." if len(indices) > _SHOWN else "")


_SHOWN = 16  # items named in a message
