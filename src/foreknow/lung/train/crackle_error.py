"""What crackle networks are trained for where the crackles are known."""

import torch
from torch import Tensor

from foreknow.learn import Example, Objective
from foreknow.learn.emission import Emit


class CrackleError(Objective):
    r"""10 log10((\|estimate - truth\|^2 + t) / (\|truth\|^2 + t)) of the crackle part in dB.

    Loud and faint crackles count alike, and so does what is found where there is nothing; t, in units of the whitened breath sound,
    is the energy below which neither matters.

    Args:
        indifferent: t; a crackle of 5 ms at 4 kHz whose peak is twice the breath sound has about 20.
    """

    def __init__(self, indifferent: float = 20.0) -> None:
        super().__init__()
        self.indifferent = indifferent

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The error of each item."""
        truth = example.truth["crackles"]
        error = (emit(example.y).components["crackles"] - truth).square().sum(dim=-1)
        return 10 * torch.log10((error + self.indifferent) / (truth.square().sum(dim=-1) + self.indifferent))
