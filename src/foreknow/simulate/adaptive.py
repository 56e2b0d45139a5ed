"""Integrators with error control, from torchdiffeq (the extra ``ode``)."""

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.simulate.integrators import Integrator
from foreknow.simulate.rates import Rate


class Adaptive(Integrator):
    """Any method of torchdiffeq, by default Dormand and Prince's of order 5, which chooses its steps by an error estimate.

    The whole batch shares the steps, so that the result of an item depends (below the tolerance) on the others. Gradients are those
    of the steps that were taken.

    Args:
        method: a name that ``torchdiffeq.odeint`` knows, such as "dopri5", "dopri8" or "bosh3".
        relative: tolerance relative to the state.
        absolute: tolerance added to it.

    Raises:
        UnsupportedError: at the first step, if torchdiffeq is not installed.
    """

    def __init__(self, method: str = "dopri5", relative: float = 1e-7, absolute: float = 1e-9) -> None:
        self.method = method
        self.relative = relative
        self.absolute = absolute

    def step(self, rate: Rate, state: Tensor, time: float, interval: float) -> Tensor:
        """As many evaluations as the tolerance asks for."""
        try:
            from torchdiffeq import odeint  # type: ignore[import-untyped]  # noqa: PLC0415  (an extra)
        except ImportError as error:
            message = "adaptive steps need torchdiffeq; install it with: pip install 'foreknow[ode]', or use RungeKutta4()"
            raise UnsupportedError(message) from error
        times = torch.tensor([time, time + interval], dtype=torch.float64, device=state.device)
        path: Tensor = odeint(
            lambda t, x: rate(x, t), state, times.to(state), rtol=self.relative, atol=self.absolute, method=self.method
        )
        return path[-1]
