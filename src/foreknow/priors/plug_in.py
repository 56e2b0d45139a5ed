"""Any denoiser as a prior."""

import inspect
from collections.abc import Callable

from torch import Tensor, nn

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.parameters import Parameter
from foreknow.priors.base import Prior


class PlugIn(Prior):
    r"""A denoiser in place of a proximal map (Venkatakrishnan, Bouman and Wohlberg 2013): prox(x, step) = denoiser(x, sigma).

    A Gaussian denoiser of noise level sigma is the proximal map of (an unknown) R with sigma^2 = step * weight, so that is what it
    is given. R has no value, so that no objective or certificate can be reported, and convergence is the denoiser's affair.

    Args:
        denoiser: ``f(x)`` or ``f(x, sigma)``, a function or a module (whose parameters then belong to the prior), keeping x's
            shape; ``sigma`` is a tensor of shape () or (\*batch,), as the denoisers of deepinv take it.
        weight: a number, a tensor of shape (\*batch, 1, ..., 1), or a `Parameter`; without effect on ``f(x)``.
        event_dims: number of trailing axes of one event (3 for images with channels).
        takes_sigma: whether the denoiser is called with sigma; None: look at its signature.

    Raises:
        ParameterError: if the signature cannot be read and ``takes_sigma`` is None.
    """

    convex = False
    has_value = False

    def __init__(
        self,
        denoiser: Callable[..., Tensor],
        weight: float | Tensor | Parameter = 1.0,
        event_dims: int = 1,
        takes_sigma: bool | None = None,
    ) -> None:
        super().__init__(weight, event_dims)
        self.denoiser = denoiser
        self.takes_sigma = _takes_sigma(denoiser) if takes_sigma is None else takes_sigma

    def _value(self, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        message = "a plug-in denoiser has a proximal map but no value; judge convergence by the fixed-point residual"
        raise UnsupportedError(message)

    def _prox(self, x: Tensor, threshold: Tensor) -> Tensor:
        if not self.takes_sigma:
            return self.denoiser(x)
        return self.denoiser(x, self._per_item(threshold).sqrt())

    def _symbol(self) -> str:
        name = type(self.denoiser).__name__ if isinstance(self.denoiser, nn.Module) else getattr(self.denoiser, "__name__", "f")
        return f"PlugIn[{name}]({{x}})"


def _takes_sigma(denoiser: Callable[..., Tensor]) -> bool:
    """Whether the denoiser needs, or has a place for, the noise level: a parameter called sigma or a second required one."""
    function = denoiser.forward if isinstance(denoiser, nn.Module) else denoiser
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        message = "the signature of the denoiser cannot be read; say takes_sigma=True for f(x, sigma) or False for f(x)"
        raise ParameterError(message) from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return any(p.name == "sigma" for p in positional[1:]) or (
        len(positional) > 1 and positional[1].default is inspect.Parameter.empty
    )
