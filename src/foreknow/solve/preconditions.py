"""What must hold of a problem before any algorithm is started: numbers where numbers are needed."""

import torch
from torch import nn

from foreknow.errors import DataError
from foreknow.problem import Problem


def require_finite(problem: Problem) -> None:
    """Check the parameters and buffers of operators (finite), priors and noise (not NaN: a weight or a bound may be infinite).

    A NaN there would first be seen in the coefficients of every component at once, too late to say where it came from.

    Args:
        problem: bound or not.

    Raises:
        DataError: naming the component, the class and the tensor.
    """
    for name, operator, prior in zip(problem.names, problem.declared_operators(), problem.declared_priors(), strict=True):
        _require(operator, f"the operator of component {name!r}", infinity=False)
        _require(prior, f"the prior of component {name!r}", infinity=True)
    _require(problem.noise, "the noise", infinity=True)


def _require(module: nn.Module, owner: str, *, infinity: bool) -> None:
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        wrong = torch.isnan(value) if infinity else ~torch.isfinite(value)
        if bool(wrong.any()):
            count, kind = int(wrong.sum()), "NaN" if infinity else "NaN or infinite"
            message = f"{owner}, {type(module).__name__}, has {count} values that are {kind} in its tensor {name!r}"
            raise DataError(message)
