"""A multiple of a learnable weight."""

from torch import Tensor

from foreknow.parameters import Fixed, Parameter


class Multiple(Parameter):
    """A parameter times a constant: what ``2.0 * prior`` makes of a learnable weight (the parameter stays shared)."""

    def __init__(self, parameter: Parameter, factor: float) -> None:
        super().__init__()
        self.parameter = parameter
        self.factor = factor

    @staticmethod
    def of(parameter: Parameter, factor: float) -> Parameter:
        """``factor * parameter``, which is again `Fixed` if the parameter is."""
        return Fixed(factor * parameter.value) if isinstance(parameter, Fixed) else Multiple(parameter, factor)

    def forward(self) -> Tensor:
        """The present value."""
        return self.factor * self.parameter()
