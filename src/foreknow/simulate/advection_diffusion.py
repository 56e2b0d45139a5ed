"""A substance that is carried along, spreads, and grows or decays."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.parameters import Parameter
from foreknow.simulate.finite_differences import Grid
from foreknow.simulate.rates import Dynamics


class AdvectionDiffusion(Dynamics):
    r"""c' = D laplacian(c) - velocity . gradient(c) + k reaction(c) on a grid of 1 to 3 axes.

    Explicit integrators need a step of at most h^2 / (2 dims D), and at most h / speed.

    Args:
        shape: of the grid.
        grid: distances and boundary.
        diffusivity: D, length squared a time; make it `Positive` to learn it.
        velocity: (dims, \*shape) or (dims, 1, ..., 1), length a time; an ``nn.Parameter`` is learned. None for still air.
        reaction: from concentrations to rates, such as ``lambda c: c * (1 - c)``; None for none.
        reaction_rate: k, 1 / time.

    Raises:
        ShapeError: if grid, shape and velocity do not fit.
    """

    def __init__(
        self,
        shape: Sequence[int],
        grid: Grid,
        diffusivity: float | Parameter,
        velocity: Tensor | None = None,
        reaction: Callable[[Tensor], Tensor] | None = None,
        reaction_rate: float | Parameter = 1.0,
    ) -> None:
        super().__init__({"diffusivity": diffusivity, "reaction_rate": reaction_rate})
        self.shape = tuple(shape)
        self.grid = grid
        self.reaction = reaction
        self.state_dims = len(self.shape)
        flow = torch.zeros((grid.dims,) + (1,) * grid.dims) if velocity is None else velocity
        if grid.dims != len(self.shape) or flow.ndim != grid.dims + 1 or flow.shape[0] != grid.dims:
            message = (
                f"a grid of {grid.dims} axes needs a shape of as many sizes and a velocity ({grid.dims}, *shape), "
                f"not {self.shape} and {tuple(flow.shape)}"
            )
            raise ShapeError(message)
        self.still = velocity is None
        self.velocity: Tensor
        if isinstance(flow, torch.nn.Parameter):
            self.register_parameter("velocity", flow)
        else:
            self.register_buffer("velocity", flow.detach())

    def rate(self, state: Tensor, time: float, numbers: Tensor) -> Tensor:  # noqa: ARG002
        """Diffusion, advection and reaction."""
        total = self.column(numbers, 0) * self.grid.laplacian(state)
        if not self.still:
            total = total - self.grid.advection(state, self.velocity.to(state))
        if self.reaction is not None:
            total = total + self.column(numbers, 1) * self.reaction(state)
        return total

    def start(self, generator: torch.Generator, batch: Sequence[int] = ()) -> Tensor:
        """A few smooth puffs of height up to 1."""
        field = torch.rand(*batch, *self.shape, generator=generator, dtype=torch.float64)
        for axis in range(-len(self.shape), 0):
            size = field.shape[axis]
            place = torch.arange(size, dtype=torch.float64)
            distance = torch.minimum(place, size - place)
            kernel = torch.exp(-((distance / (0.1 * size)) ** 2) / 2)
            spectrum = torch.fft.fft(kernel) / kernel.sum()
            moved = torch.fft.ifft(torch.fft.fft(field.movedim(axis, -1)) * spectrum).real
            field = moved.movedim(-1, axis)
        low, high = field.flatten(len(batch)).amin(-1), field.flatten(len(batch)).amax(-1)
        low, high = (edge.reshape(edge.shape + (1,) * len(self.shape)) for edge in (low, high))
        return ((field - low) / (high - low)).square()
