"""Few labels and many priors: two objectives of two data sets at once."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.learn.data import Data, Example
from foreknow.learn.emission import Emit
from foreknow.learn.objectives.base import Objective


class WithLabels(Objective):
    """The objective of the data without labels, and in every step also a batch of the few that have them.

    Args:
        unlabelled: for the data that are trained on, such as `Injected`.
        labelled: for those with truth, such as `Supervised`.
        data: with truth.
        weight: of the mean loss of the labelled items.
        batch_size: labelled items a step, for each device; all of them if there are fewer.

    Raises:
        ParameterError: if weight or batch size is not positive.
    """

    def __init__(self, unlabelled: Objective, labelled: Objective, data: Data, weight: float = 1.0, batch_size: int = 4) -> None:
        super().__init__()
        if not (weight > 0 and batch_size >= 1):
            message = f"labelled data need a positive weight and batch size, not {weight} and {batch_size}"
            raise ParameterError(message)
        self.unlabelled = unlabelled
        self.labelled = labelled
        self.data = data
        self.weight = weight
        self.batch_size = batch_size

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:
        """The loss of each unlabelled item plus the weighted mean loss of a labelled batch.

        Raises:
            DataError: as the objectives do.
        """
        unlabelled = self.unlabelled.losses(emit, example, generator)
        order = torch.randperm(len(self.data), generator=generator)[: self.batch_size].tolist()
        epoch = int(torch.randint(2**31, (), generator=generator))  # data that are drawn at random are new in every step
        batch = self.data.draw(order, epoch).to(example.y.device)
        return unlabelled + self.weight * self.labelled.losses(emit, batch, generator).mean()
