"""The values that parameters had when training began."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from foreknow.errors import InputFileError


class Anchor:
    """The learnable parameters of a network, each with its value at present, to which it can be compared later."""

    def __init__(self, network: nn.Module) -> None:
        self._parameters = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
        self._initial = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}

    def pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every parameter (without its gradient history, sharing its memory) and its initial value on the same device."""
        for name, parameter in self._parameters.items():
            now = parameter.detach()
            yield now, self._initial_of(name, now)

    def gradients(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Every parameter, its initial value and its gradient."""
        for name, parameter in self._parameters.items():
            now = parameter.detach()
            yield now, self._initial_of(name, now), parameter.grad

    def _initial_of(self, name: str, now: Tensor) -> Tensor:
        """The network may have been moved to another device or precision since."""
        self._initial[name] = self._initial[name].to(now)
        return self._initial[name]

    def state(self) -> dict[str, Tensor]:
        """The initial values by name."""
        return dict(self._initial)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over the initial values that another process noted.

        Raises:
            InputFileError: if they are those of another network.
        """
        if {name: value.shape for name, value in state.items()} != {name: value.shape for name, value in self._initial.items()}:
            message = "the checkpoint was made of another network; give the same network, or another folder"
            raise InputFileError(message)
        self._initial = {name: torch.clone(value) for name, value in state.items()}
