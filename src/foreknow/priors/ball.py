"""What the norm balls and the simplex share: a radius, learnable if wanted."""

from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.parameters import Parameter, as_parameter
from foreknow.priors.indicator import Indicator


class Ball(Indicator):
    r"""An indicator with a size: ``radius`` is a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`."""

    def __init__(self, radius: float | Tensor | Parameter = 1.0, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.radius_parameter = as_parameter(radius)

    @property
    def radius(self) -> Tensor:
        """The radius, non-negative."""
        return self.radius_parameter()

    def _radius_per_item(self, x: Tensor) -> Tensor:
        """The radius as one number a batch item, in the real dtype of x."""
        radius = self.radius.to(device=x.device, dtype=x.real.dtype)
        try:
            return self._per_item(radius)
        except ShapeError as error:
            message = str(error).replace("the weight of", "the radius of")
            raise ShapeError(message) from error

    def _radius_text(self) -> str:
        radius = self.radius.detach()
        return f"{float(radius):.4g}" if radius.ndim == 0 else "radius"
