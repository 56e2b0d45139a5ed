"""One training step, on whatever hardware."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foreknow.errors import ForeknowError, ParameterError
from foreknow.learn.checkpoint import Checkpoint
from foreknow.learn.data import Example
from foreknow.learn.emission import Emitter
from foreknow.learn.guards import Guard
from foreknow.learn.objectives import Objective
from foreknow.learn.optimizer_state import pack_optimizer, unpack_optimizer
from foreknow.learn.seeds import generator_of, seed_of
from foreknow.learn.settings import Settings
from foreknow.learn.validation import Validation, mean_loss

if TYPE_CHECKING:
    from lightning_fabric import Fabric

OptimizerFactory = Callable[..., torch.optim.Optimizer]
"""Called as ``optimizer(parameters, lr=learning_rate)``, such as `torch.optim.Adam` or a `functools.partial` of it."""


class NotFiniteError(ForeknowError, ArithmeticError):
    """The loss or its gradient is NaN or infinite; nothing has been changed in this step."""


class Learner:
    """A network with its objective, guards and optimiser.

    Args:
        network: that learns.
        objective: what for.
        guards: that have noted the network already.
        settings: of the run.
        optimizer: makes the optimiser.
        fabric: launched.

    Raises:
        ParameterError: if the network has nothing to learn.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        guards: Sequence[Guard],
        settings: Settings,
        optimizer: OptimizerFactory,
        fabric: "Fabric",
    ) -> None:
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if not learned:
            message = "the network has no parameter to learn; unroll it with learn=[Weights()] or the like"
            raise ParameterError(message)
        self.network = network
        self.objective = objective.to(fabric.device)
        self.guards = tuple(guards)
        self.settings = settings
        self.fabric = fabric
        self._optimizer = optimizer(learned, lr=settings.learning_rate)
        self._emit, self._stepper = fabric.setup(Emitter(network), self._optimizer)

    def learn(self, example: Example, rate: float, step: int) -> float:
        """Make one step.

        Args:
            example: the share of the batch that this device has.
            rate: learning rate.
            step: number of the step in the run, on which all randomness depends.

        Returns:
            The mean loss of the whole batch, without the penalties of guards.

        Raises:
            NotFiniteError: if loss or gradient are not finite; nothing is changed then.
        """
        key = (self.settings.seed, step, self.fabric.global_rank)
        torch.manual_seed(seed_of("network", *key))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self.objective.losses(self._emit, example.to(self.fabric.device), generator_of("objective", *key)).mean()
        total = loss
        for guard in self.guards:
            penalty = guard.penalty(self._emit, key)
            total = total if penalty is None else total + penalty
        value, whole = self._mean(torch.stack([loss.detach(), total.detach()])).tolist()
        if not math.isfinite(whole):
            message = f"the loss is {whole}"
            raise NotFiniteError(message)
        self.fabric.backward(total)
        limit = self.settings.clip_norm
        norm = self.fabric.clip_gradients(
            self._emit, self._stepper, max_norm=math.inf if limit is None else limit, error_if_nonfinite=False
        )
        if norm is not None and not bool(torch.isfinite(norm)):
            self._stepper.zero_grad(set_to_none=True)
            message = "the gradient is not finite"
            raise NotFiniteError(message)
        for guard in self.guards:
            guard.before_step()
        self._stepper.step()
        for guard in self.guards:
            guard.after_step(rate)
        self.objective.advance(self._mean, rate)
        self._stepper.zero_grad(set_to_none=True)
        return float(value)

    def score(self, validation: Validation) -> float:
        """The mean loss over validation data, the same on all devices."""
        objective = self.objective if validation.objective is None else validation.objective.to(self.fabric.device)
        self.network.eval()
        try:
            return mean_loss(self._emit, objective, validation.data, self.settings.batch_size, self.fabric.device)
        finally:
            self.network.train()

    def weights(self) -> dict[str, Tensor]:
        """A copy of all tensors of the network."""
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """The tensors that change in a run, by group, and what the optimiser keeps besides."""
        optimizer, plain = pack_optimizer(self._optimizer)
        groups = {
            "network": dict(self.network.state_dict()),
            "optimizer": optimizer,
            "objective": dict(self.objective.state_dict()),
        }
        for index, guard in enumerate(self.guards):
            groups[f"guard {index}"] = guard.state()
        return groups, plain

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a checkpoint of the same run."""
        self.network.load_state_dict(checkpoint.tensors["network"])
        self.objective.load_state_dict(checkpoint.tensors["objective"])
        unpack_optimizer(self._optimizer, checkpoint.tensors["optimizer"], checkpoint.optimizer)
        for index, guard in enumerate(self.guards):
            guard.load_state(checkpoint.tensors[f"guard {index}"])

    def _mean(self, value: Tensor) -> Tensor:
        """Over all devices."""
        reduced: Any = self.fabric.all_reduce(value, reduce_op="mean")
        return torch.as_tensor(reduced)
