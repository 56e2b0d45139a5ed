"""The log-sum penalty."""

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.priors.elementwise import Elementwise


class LogSum(Elementwise):
    r"""w sum_i log(1 + \|x_i\| / scale): strong sparsity, the penalty behind reweighted L1 (Candes, Wakin and Boyd 2008).

    Not convex. The proximal map is exact: the greater root of the stationarity quadratic, compared with 0 where the problem is not
    convex, that is where step w > scale^2 (Gong et al. 2013; Prater-Bennette, Shen and Tripp 2022).

    Args:
        weight: a number, a tensor that broadcasts against x (one weight an element, or (\*batch, 1, ..., 1)), or a `Parameter`.
        scale: the modulus that counts as large, in the units of x.
        event_dims: number of trailing axes that one value is computed over.

    Raises:
        ParameterError: if the scale is not positive.
    """

    convex = False

    def __init__(self, weight: float | Tensor | Parameter = 1.0, scale: float = 1.0, event_dims: int = 1) -> None:
        super().__init__(weight, event_dims)
        if not scale > 0:
            message = f"the scale of the log-sum penalty must be positive, not {scale}"
            raise ParameterError(message)
        self.scale = scale

    def _penalty(self, modulus: Tensor) -> Tensor:
        return torch.log1p(modulus / self.scale)

    def _shrink(self, modulus: Tensor, threshold: Tensor) -> Tensor:
        modulus, threshold = torch.broadcast_tensors(modulus, threshold)
        discriminant = (modulus + self.scale).square() - 4 * threshold
        real = discriminant > 0
        root = torch.where(real, discriminant, 1.0).sqrt()
        difference = modulus - self.scale
        # The greater root, written without cancellation on either side of modulus = scale.
        above = difference >= 0
        numerator = 2 * (modulus * self.scale - threshold)
        conjugate_form = numerator / torch.where(above, 1.0, root - difference)
        stationary = torch.where(above, (difference + root) / 2, conjugate_form)
        candidate = torch.where(discriminant <= 0, 0.0, torch.relu(stationary))
        gain = candidate * (candidate / 2 - modulus) + threshold * self._penalty(candidate)  # energy less that of 0
        convex = threshold <= self.scale**2
        return torch.where(~convex & (gain >= 0), 0.0, candidate)

    def _symbol(self) -> str:
        return f"sum log(1 + |{{x}}| / {self.scale:.4g})"
