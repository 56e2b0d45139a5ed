"""Operators stay as they are; only thresholds, steps and noise levels adapt."""

from collections.abc import Iterator

from torch import nn

from foreknow.errors import ParameterError
from foreknow.learn.guards.base import Guard
from foreknow.operators.base import LinearOperator
from foreknow.parameters import Parameter


class FrozenOperators(Guard):
    """Only the numbers of priors, noise and algorithm adapt to a new domain: the `foreknow.parameters.Parameter` outside operators.

    What a network knows of the signals (wavelets, dictionaries, plugged-in networks, and every parameter of other modules) stays
    to the last bit, and with it what it does where thresholds are set back.
    """

    def __init__(self) -> None:
        self._frozen: list[nn.Parameter] = []

    def protect(self, network: nn.Module) -> None:
        """Freeze.

        Raises:
            ParameterError: if nothing would be left to adapt.
        """
        free = {id(parameter) for parameter in _numbers(network)}
        learnable = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if not any(id(parameter) in free for parameter in learnable):
            message = "the network has no learnable weight, step or noise level; unroll it with Weights() or StepSizes() as well"
            raise ParameterError(message)
        self._frozen = [parameter for parameter in learnable if id(parameter) not in free]
        for parameter in self._frozen:
            parameter.requires_grad_(False)

    def release(self) -> None:
        """Let them be learned again."""
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._frozen = []


def _numbers(module: nn.Module) -> Iterator[nn.Parameter]:
    if isinstance(module, LinearOperator):
        return
    if isinstance(module, Parameter):
        yield from module.parameters()
        return
    for child in module.children():
        yield from _numbers(child)
