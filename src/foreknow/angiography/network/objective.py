"""What the vessel network is trained for where the truth is known: the layer, and where it is."""

import torch
from torch import Tensor
from torch.nn import functional

from foreknow.angiography.network.training_runs import GATE, VESSELS
from foreknow.errors import DataError
from foreknow.learn import Example, Objective
from foreknow.learn.emission import Emit

_EMPTY = 50.0  # pixels: keeps the Dice coefficient of items without vessels defined


class LayerAndGate(Objective):
    """Cross entropy and Dice of the gate, and the absolute error of the layer; whole runs and their frames alone in turn.

    Args:
        layer: how much the mean absolute error of the layer counts, in units of attenuation.
        alone: share of steps in which every frame is an item of its own, so that the network does without the others.

    Raises:
        DataError: when called, if there is no truth.
    """

    def __init__(self, layer: float = 20.0, alone: float = 0.5) -> None:
        super().__init__()
        self.layer = layer
        self.alone = alone

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:
        """The loss of each item, (batch,)."""
        if VESSELS not in example.truth or GATE not in example.truth:
            message = f"the truth of vessels and gate must be known, not only that of {sorted(example.truth)}"
            raise DataError(message)
        y, vessels, gate = example.y, example.truth[VESSELS], example.truth[GATE]
        if float(torch.rand((), generator=generator)) < self.alone:
            found = emit(y.reshape(-1, 1, *y.shape[-2:])).components
            found = {name: part.reshape(y.shape) for name, part in found.items()}
        else:
            found = emit(y).components
        entropy = functional.binary_cross_entropy_with_logits(found[GATE], gate, reduction="none").flatten(1).mean(1)
        soft = torch.sigmoid(found[GATE])
        both, sizes = (soft * gate).flatten(1).sum(1), (soft + gate).flatten(1).sum(1)
        overlap = 1 - (2 * both + _EMPTY) / (sizes + _EMPTY)
        error = (found[VESSELS] - vessels).abs().flatten(1).mean(1)
        return entropy + overlap + self.layer * error
