"""The minimax concave penalty."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.elementwise import Elementwise


class MCP(Elementwise):
    r"""w sum_i r(\|x_i\|) with r(s) = s - s^2 / (2 knee) up to the knee and knee / 2 beyond: sparsity without bias (Zhang 2010).

    Like `L1` near 0, constant beyond the knee, so large elements are not shrunk. In the notation of the paper, lambda = w and
    gamma = knee / lambda. Not convex. The proximal map is firm thresholding where step w < knee (Gao and Bruce 1997) and else hard
    thresholding at sqrt(step w knee).

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        knee: the modulus beyond which the penalty is constant, in the units of x.
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if the knee is not positive.
    """

    convex = False

    def __init__(self, weight: float | Tensor | Parameter = 1.0, knee: float = 2.0, event_dims: int = 1) -> None:
        super().__init__(weight, event_dims)
        if not knee > 0:
            message = f"the knee of MCP must be positive, not {knee}"
            raise ParameterError(message)
        self.knee = knee

    def _penalty(self, modulus: Tensor) -> Tensor:
        inside = modulus.clamp(max=self.knee)
        return inside - inside.square() / (2 * self.knee)

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        firm = threshold < self.knee
        slope = torch.where(firm, 1 - threshold / self.knee, 1.0)
        shrunk = torch.where(modulus > self.knee, modulus, torch.relu(modulus - threshold) / slope)
        kept = torch.where(modulus.square() <= threshold * self.knee, 0.0, modulus)
        return torch.where(firm, shrunk, kept)

    def _symbol(self) -> str:
        return "MCP({x})"
