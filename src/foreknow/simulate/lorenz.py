"""Lorenz's models of chaotic flow."""

from collections.abc import Sequence

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.parameters import Parameter
from foreknow.simulate.rates import Dynamics


class Lorenz63(Dynamics):
    """x' = s (y - x), y' = r x - y - x z, z' = x y - b z (Lorenz 1963): convection as three numbers.

    Args:
        sigma: s.
        rho: r.
        beta: b.
    """

    def __init__(self, sigma: float | Parameter = 10.0, rho: float | Parameter = 28.0, beta: float | Parameter = 8 / 3) -> None:
        super().__init__({"sigma": sigma, "rho": rho, "beta": beta})

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:  # noqa: ARG002
        """The three rates."""
        x, y, z = state.unbind(dim=-1)
        sigma, rho, beta = numbers.unbind(dim=-1)
        return torch.stack((sigma * (y - x), x * (rho - z) - y, x * y - beta * z), dim=-1)

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """Near (1.509, -1.531, 25.46), on the attractor, with variance 2 (Sakov, Oliver and Bertino 2012, section 5.1)."""
        center = torch.tensor([1.509, -1.531, 25.46], dtype=torch.float64)
        return center + 2**0.5 * torch.randn(*batch, 3, generator=generator, dtype=torch.float64)


class Lorenz96(Dynamics):
    """x_i' = (x_(i+1) - x_(i-2)) x_(i-1) - x_i + F on a ring (Lorenz 1996): weather along a circle of latitude.

    Args:
        size: number of places, at least 4.
        forcing: F; 8 is chaotic.

    Raises:
        ParameterError: if the ring is too small.
    """

    def __init__(self, size: int = 40, forcing: float | Parameter = 8.0) -> None:
        if size < 4:
            message = f"the Lorenz 1996 model needs at least 4 places, not {size}"
            raise ParameterError(message)
        super().__init__({"forcing": forcing})
        self.size = size

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:  # noqa: ARG002
        """Advection, damping and forcing."""
        padded = torch.cat((state[..., -2:], state, state[..., :1]), dim=-1)
        return (padded[..., 3:] - padded[..., :-3]) * padded[..., 1:-2] - state + self.column(numbers, 0)

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """A random state of the size of the attractor (mean 2.3, standard deviation 3.6)."""
        return 2.3 + 3.6 * torch.randn(*batch, self.size, generator=generator, dtype=torch.float64)


class TwoScaleLorenz96(Dynamics):
    """Slow places, each with J fast ones (Lorenz 1996; Wilks 2005, eq. 1):

    X_k' = -X_(k-1) (X_(k-2) - X_(k+1)) - X_k + F - (h c / b) sum_j Y_(j,k) and
    Y_j' = -c b Y_(j+1) (Y_(j+2) - Y_(j-1)) - c Y_j + (h c / b) X_k, the fast ones on one ring of all.

    A state is (X, Y) in one vector of K (1 + J) numbers. `slow` cuts out X.

    Args:
        size: K.
        fast: J.
        forcing: F.
        coupling: h.
        time_ratio: c, how much faster.
        amplitude_ratio: b, how much smaller.
    """  # noqa: D415

    def __init__(
        self,
        size: int = 36,
        fast: int = 10,
        forcing: float | Parameter = 10.0,
        coupling: float | Parameter = 1.0,
        time_ratio: float | Parameter = 10.0,
        amplitude_ratio: float | Parameter = 10.0,
    ) -> None:
        if size < 4 or fast < 1:
            message = f"the two-scale model needs at least 4 slow places and 1 fast one each, not {size} and {fast}"
            raise ParameterError(message)
        super().__init__({"forcing": forcing, "coupling": coupling, "time_ratio": time_ratio, "amplitude_ratio": amplitude_ratio})
        self.size = size
        self.fast = fast

    def slow(self, state: Tensor) -> Tensor:
        """X of a state, (*batch, K)."""
        return state[..., : self.size]

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:  # noqa: ARG002
        """Those of the slow places, then those of the fast ones."""
        forcing, coupling, ratio, amplitude = (self.column(numbers, index) for index in range(4))
        slow, fast = state[..., : self.size], state[..., self.size :]
        exchange = coupling * ratio / amplitude
        push = exchange * fast.unflatten(-1, (self.size, self.fast)).sum(dim=-1)
        wide = torch.cat((slow[..., -2:], slow, slow[..., :1]), dim=-1)
        slow_rate = (wide[..., 3:] - wide[..., :-3]) * wide[..., 1:-2] - slow + forcing - push
        wide = torch.cat((fast[..., -1:], fast, fast[..., :2]), dim=-1)
        pull = (exchange * slow).repeat_interleave(self.fast, dim=-1)
        fast_rate = ratio * amplitude * wide[..., 2:-1] * (wide[..., :-3] - wide[..., 3:]) - ratio * fast + pull
        return torch.cat((slow_rate, fast_rate), dim=-1)

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """A random state, the fast places near rest."""
        slow = 2.5 + 3.0 * torch.randn(*batch, self.size, generator=generator, dtype=torch.float64)
        quick = 0.1 * torch.randn(*batch, self.size * self.fast, generator=generator, dtype=torch.float64)
        return torch.cat((slow, quick), dim=-1)
