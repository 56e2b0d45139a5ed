"""Unrolled assimilation: a gradient solver of 4D-Var whose steps are learned."""

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.parameters import Positive
from foreknow.simulate.assimilation.system import ObservedSystem
from foreknow.simulate.assimilation.variational import Background, GuessFirst, Window

TRAJECTORY = "trajectory"
"""The name of the component that `UnrolledFourDVar` gives."""


class UnrolledFourDVar(nn.Module):
    r"""A few learned gradient steps on the 4D-Var cost of each window (after 4DVarNet, Fablet et al. 2021).

    v <- v - step_k * gradient + momentum_k * (last change) + network_k(gradient, v): with the network at zero, where it starts,
    that is gradient descent with momentum on the declared cost. Learned is how to minimise it fast and, by training on true
    trajectories, what it misses. The gradient is scaled by the root mean square of the first one, which makes steps
    comparable between windows. Each step costs one run of the model forward and back.

    Args:
        system: with a ring as its state, (n,), where the network is given.
        guess: makes the background's mean from the observations.
        background: whose mean is replaced by the guess; a strong constraint, with a covariance.
        steps: their number, at least 1.
        network: makes the correction of one step from (\*batch, 2, n); one for all steps, told apart by their own scale. None for
            learned steps and momenta alone.

    Raises:
        ParameterError: if there is no step, or the background has model errors or numbers.
    """

    def __init__(
        self, system: ObservedSystem, guess: GuessFirst, background: Background, steps: int = 8, network: nn.Module | None = None
    ) -> None:
        super().__init__()
        if steps < 1 or background.model_error is not None or background.numbers is not None or background.covariance is None:
            message = "unrolled 4D-Var has at least one step, and controls that are the initial state alone"
            raise ParameterError(message)
        self.system = system
        self.guess = guess
        self.background = background
        self.steps = steps
        self.sizes = nn.ModuleList(Positive(0.1) for _ in range(steps))
        self.momenta = nn.Parameter(torch.full((steps,), 0.5, dtype=torch.float64))
        self.scales = nn.Parameter(torch.full((steps,), 0.1, dtype=torch.float64))
        self.network = network
        for parameter in system.parameters():
            parameter.requires_grad_(False)

    def forward(self, y: Tensor) -> dict[str, Tensor]:
        r"""The states at the beginning of the window and after each cycle, (\*batch, K + 1, n).

        Args:
            y: observations, (\*batch, K, m).
        """
        trained = torch.is_grad_enabled()
        known = Background(self.guess(y), self.background.covariance)
        window = Window(self.system, known, y)
        v = window.zeros()
        change = torch.zeros_like(v)
        size: Tensor | None = None
        for index in range(self.steps):
            with torch.enable_grad():
                point = v if v.requires_grad else v.requires_grad_()
                (gradient,) = torch.autograd.grad(window.cost(point).sum(), point, create_graph=trained)
            if not trained:
                v = v.detach()
            if size is None:
                size = gradient.detach().square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-6)
            slope = gradient / size
            step = -self.sizes[index]().to(v) * slope + self.momenta[index].to(v) * change
            if self.network is not None:
                step = step + self.scales[index].to(v) * self.network(torch.stack((slope, v), dim=-2))
            v, change = v + step, step
        return {TRAJECTORY: window.trajectory(v)}


class RingCorrection(nn.Module):
    r"""Circular convolutions from (\*batch, 2, n) to (\*batch, n); the last starts at zero.

    Args:
        width: channels inside.
        reach: places to each side that a layer sees.
    """

    def __init__(self, width: int = 24, reach: int = 2) -> None:
        super().__init__()
        size = 2 * reach + 1
        self.first = nn.Conv1d(2, width, size, padding=reach, padding_mode="circular")
        self.second = nn.Conv1d(width, width, size, padding=reach, padding_mode="circular")
        self.last = nn.Conv1d(width, 1, 1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The correction, in the dtype of x."""
        flat = x.reshape(-1, *x.shape[-2:]).to(self.first.weight.dtype)
        out = self.last(torch.tanh(self.second(torch.tanh(self.first(flat)))))
        return out.reshape(*x.shape[:-2], x.shape[-1]).to(x.dtype)
