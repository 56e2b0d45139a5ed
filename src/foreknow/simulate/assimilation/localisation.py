"""Localisation: observations that are far from a place say nothing of it."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError


class Taper(ABC):
    """From distances to factors in [0, 1]."""

    @abstractmethod
    def __call__(self, distance: Tensor) -> Tensor:
        """The factors, of the shape of the distances, which are non-negative."""


class GaspariCohn(Taper):
    """A polynomial of fifth order that looks like a Gaussian and ends (Gaspari and Cohn 1999, eq. 4.10).

    Args:
        radius: standard deviation of that Gaussian; the taper ends at 2 sqrt(10 / 3) times it (Lorenc 2003, section 2).

    Raises:
        ParameterError: if it is not positive.
    """

    def __init__(self, radius: float) -> None:
        if not radius > 0:
            message = f"the radius of a taper must be positive, not {radius}"
            raise ParameterError(message)
        self.radius = radius

    def __call__(self, distance: Tensor) -> Tensor:
        """The polynomial."""
        r = distance / (self.radius * (10 / 3) ** 0.5)
        near = 1 + r**2 * (-5 / 3 + r * (5 / 8 + r * (1 / 2 - r / 4)))
        safe = r.clamp_min(0.5)
        far = 4 + safe * (-5 + safe * (5 / 3 + safe * (5 / 8 + safe * (-1 / 2 + safe / 12)))) - 2 / (3 * safe)
        zero = torch.zeros_like(r)
        return torch.where(r <= 1, near, torch.where(r < 2, far.clamp_min(0), zero))


class Localisation(nn.Module):
    """Which observations count for which number of the state, and how much.

    Args:
        distances: from each of n numbers of the state to each of m observations, (n, m), in the unit of the taper.
        taper: `GaspariCohn` or another.

    Raises:
        ShapeError: if the distances are not a matrix.
        ParameterError: if no observation counts anywhere.
    """

    def __init__(self, distances: Tensor, taper: Taper) -> None:
        super().__init__()
        if distances.ndim != 2:
            message = f"distances are a matrix of state by observation, not of shape {tuple(distances.shape)}"
            raise ShapeError(message)
        factors = taper(distances.double())
        count = int((factors > 1e-6).sum(dim=1).max())
        if count == 0:
            message = "no observation lies inside the taper of any number of the state; choose a larger radius"
            raise ParameterError(message)
        weights, indices = factors.sort(dim=1, descending=True)
        self.roots: Tensor
        self.indices: Tensor
        self.register_buffer("roots", weights[:, :count].sqrt())
        self.register_buffer("indices", indices[:, :count])


def ring_distances(size: int, observed: Tensor | None = None) -> Tensor:
    """Distances on a ring of ``size`` places, in places.

    Args:
        size: number of places.
        observed: where the observations are, (m,); at all places if None.
    """
    places = torch.arange(size, dtype=torch.float64)
    positions = places if observed is None else observed.to(places)
    distance = (places.unsqueeze(1) - positions).abs()
    return torch.minimum(distance, size - distance)
