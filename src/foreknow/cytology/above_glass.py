"""The data term of empty glass under cells: white noise, on which cells add density and glints take some away."""

import torch
from torch import Tensor

from foreknow.noise import Noise
from foreknow.priors.group_l2 import norm_along
from foreknow.shapes import inner, squared_norm, sum_event


class CellsAboveGlass(Noise):
    r"""D(z; y) = min over s >= 0 >= g of |y - z - s - g|^2 / (2 sigma^2) + sum_i v_i |s_i|_2 + u sum_i |g_i|_2.

    z is the glass, s the cells and g glints, both grouped over the channels of a pixel and eliminated exactly: what is left is a
    Huber function, smooth, of the part of each pixel's residual that is above the glass and of the part below.

    Args:
        cells: v, (*batch, 1, pixels) or what broadcasts to it; positive.
        glints: u, likewise.
        sigma: standard deviation of the noise, () or (*batch, 1, 1).
    """

    smooth = True
    cells: Tensor
    glints: Tensor
    sigma: Tensor

    def __init__(self, cells: Tensor, glints: Tensor, sigma: Tensor) -> None:
        super().__init__()
        self.register_buffer("cells", cells)
        self.register_buffer("glints", glints)
        self.register_buffer("sigma", sigma)

    def parts(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """The cells and glints that are best for y - z, (*batch, channels, pixels)."""
        cells, glints, sigma = self._of(residual)
        above, below = residual.clamp_min(0), residual.clamp_max(0)
        return above * _beyond(above, cells * sigma.square()), below * _beyond(below, glints * sigma.square())

    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """The sum of the Huber functions."""
        residual = y - z
        cells, glints, sigma = self._of(residual)
        total = torch.zeros((), dtype=residual.dtype, device=residual.device)
        for part, weight in ((residual.clamp_min(0), cells), (residual.clamp_max(0), glints)):
            size, limit = norm_along(part, (-2,)), weight * sigma.square()
            inside = torch.minimum(size, limit)
            total = total + sum_event(inside * (size - inside / 2) / sigma.square(), event_dims)
        return total

    def gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """-(y - z - s - g) / sigma^2."""
        residual = y - z
        above, below = self.parts(residual)
        return (above + below - residual) / self._of(residual)[2].square()

    def lipschitz(self, event_dims: int) -> Tensor:
        """1 / sigma^2."""
        sigma = self.sigma.reshape(self.sigma.shape[: max(0, self.sigma.ndim - event_dims)]) if self.sigma.ndim else self.sigma
        return 1 / sigma.square()

    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:
        """Closed form: each part of the residual is shrunk by a factor inside, by a constant outside."""
        residual = y - z
        cells, glints, sigma = self._of(residual)
        ratio = step / sigma.square()
        total = y
        for part, weight in ((residual.clamp_min(0), cells), (residual.clamp_max(0), glints)):
            size = norm_along(part, (-2,)) / (weight * sigma.square())
            total = total - (1 - ratio / torch.maximum(1 + ratio, size)) * part
        return total

    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """<u, y> + sigma^2 |u|^2 / 2 where -u is in reach of cells and glints, else infinite."""
        sigma = self._of(u)[2]
        slack = 1 + 4 * torch.finfo(u.dtype).eps
        finite = inner(u, y, event_dims) + squared_norm(sigma * u, event_dims) / 2
        return torch.where(self.dual_scale(u, event_dims) * slack >= 1, finite, torch.inf)

    def dual_scale(self, u: Tensor, event_dims: int) -> Tensor:
        """The smallest ratio of a weight to the part of -u that it must hold, at most 1."""
        cells, glints, _ = self._of(u)
        largest = torch.maximum(
            (norm_along(u.clamp_max(0), (-2,)) / cells).flatten(u.ndim - event_dims).amax(dim=-1),
            (norm_along(u.clamp_min(0), (-2,)) / glints).flatten(u.ndim - event_dims).amax(dim=-1),
        )
        return (1 / largest).clamp_max(1)

    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Z plus white noise; of cells `foreknow.cytology.simulate` knows more than this data term."""
        return z + self._of(z)[2] * torch.randn(z.shape, dtype=z.dtype, device=z.device, generator=generator)

    @property
    def formula(self) -> str:
        """The minimum over cells and glints."""
        return "min over cells >= 0 >= glints of |{y} - {z} - cells - glints|^2 / (2 sigma^2) + v |cells|_2,1 + u |glints|_2,1"

    def _of(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.cells.to(like), self.glints.to(like), self.sigma.to(like)


def _beyond(part: Tensor, limit: Tensor) -> Tensor:
    """1 - limit / |part| over the channels, 0 where that is negative."""
    size = norm_along(part, (-2,))
    keeps = size > limit
    return torch.where(keeps, 1 - limit / torch.where(keeps, size, 1.0), 0.0)
