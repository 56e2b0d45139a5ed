"""The objective of a declared model as a function of what a network emits: a smooth term, and priors with proximal maps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.noise import Exact, Gaussian
from foreknow.operators.base import LinearOperator
from foreknow.priors import Prior
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event, sum_event


@dataclass(frozen=True)
class Term:
    """A prior at a point.

    Attributes:
        prior: R, with a proximal map.
        point: x, (*batch, *event), a function of what the network emits.
        event_dims: number of event axes of the point; R may have fewer and is then summed over the others.
    """

    prior: Prior
    point: Tensor
    event_dims: int

    def value(self) -> Tensor:
        """R(x), (*batch,)."""
        return sum_event(self.prior.value(self.point), self.event_dims - self.prior.event_dims)


class Composite:
    r"""F(x_E) = min over the eliminated component of D(sum_i A_i x_i; y) + sum_i R_i(x_i), x_E being what the network emits.

    With Gaussian noise and A_s^* A_s = c I the minimum over x_s is attained at a proximal map, and F without the priors of x_E is
    smooth, with a gradient that obeys the same Lipschitz constant as that of D: it is the Moreau envelope of R_s at what is left
    (the Huber function where R_s is the L1 norm). With exact data x_s is what is left, and R_s stays as it is.

    Args:
        problem: bound to the shape of y.
        y: the data, (\*batch, \*shape).
        eliminated: index of the component that the network does not emit, or None.
    """

    def __init__(self, problem: Problem, y: Tensor, eliminated: int | None) -> None:
        self.problem = problem
        self.y = y
        self.eliminated = eliminated
        self.emitted = tuple(index for index in range(len(problem.names)) if index != eliminated)
        self.smooth = problem.noise.smooth

    # ------------------------------------------------------------------ the smooth term
    def left(self, x: Coefficients) -> Tensor:
        """Sum of A_i x_i over what is emitted."""
        operators = self.problem.linear_operators()
        parts = [operators[index](part) for index, part in zip(self.emitted, x, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def eliminate(self, x: Coefficients) -> Tensor:
        """The coefficients of the eliminated component that are best for those which are emitted, differentiable."""
        index = self._eliminated()
        operator, prior = self.problem.linear_operators()[index], self.problem.declared_priors()[index]
        scale = operator.gram_scale
        assert scale is not None  # noqa: S101  (`require_elimination`)
        back = operator.adjoint(self.y - self.left(x)) / scale
        if not self.smooth:
            return back
        step = 1 / (scale * self.problem.noise.lipschitz(self.problem.event_dims))
        return prior.prox(back, expand_event(step, operator.domain_dims) if step.ndim else step)

    def smooth_value(self, x: Coefficients) -> Tensor:
        """The smooth term, (*batch,); its automatic gradient is exact, the eliminated component being optimal (Danskin 1967)."""
        signal = self.left(x)
        if self.eliminated is None:
            return self.problem.noise.value(signal, self.y, self.problem.event_dims)
        index = self._eliminated()
        best = self.eliminate(x).detach()
        prior = self.problem.declared_priors()[index]
        value = sum_event(prior.value(best), self.problem.component_dims(index) - prior.event_dims)
        signal = signal + self.problem.linear_operators()[index](best)
        return self.problem.noise.value(signal, self.y, self.problem.event_dims) + value

    def slope(self, x: Coefficients) -> Coefficients:
        """The gradient of the smooth term with respect to what is emitted, itself differentiable."""
        signal = self.left(x)
        if self.eliminated is not None:
            signal = signal + self.problem.linear_operators()[self.eliminated](self.eliminate(x))
        slope = self.problem.noise.gradient(signal, self.y)
        operators = self.problem.linear_operators()
        return tuple(operators[index].adjoint(slope) for index in self.emitted)

    def step(self, fraction: float) -> Tensor:
        """A fraction of 1 / Lipschitz constant of the slope, (*batch,) or ()."""
        operators = self.problem.linear_operators()
        bound = torch.stack([operators[index].norm().square() for index in self.emitted]).sum().to(self.y.device)
        curvature = self.problem.noise.lipschitz(self.problem.event_dims).to(self.y.device) * bound
        return (fraction / curvature).to(self.y.dtype.to_real())

    def block_steps(self) -> tuple[Tensor, ...]:
        """1 / Lipschitz constant of the slope along each emitted component alone, (*batch,) or () each; 1 with exact data."""
        dtype, device = self.y.dtype.to_real(), self.y.device
        if not self.smooth:
            return tuple(torch.ones((), dtype=dtype, device=device) for _ in self.emitted)
        curvature = self.problem.noise.lipschitz(self.problem.event_dims).to(device)
        bounds = [self.problem.linear_operators()[index].norm().square().to(device) for index in self.emitted]
        return tuple((1 / (curvature * bound)).to(dtype) for bound in bounds)

    # ------------------------------------------------------------------ the rest
    def terms(self, x: Coefficients) -> tuple[Term, ...]:
        """The priors of what is emitted; with exact data also that of what is left."""
        priors = self.problem.declared_priors()
        found = [Term(priors[i], part, self.problem.component_dims(i)) for i, part in zip(self.emitted, x, strict=True)]
        if not self.smooth:
            index = self._eliminated()
            found.append(Term(priors[index], self.eliminate(x), self.problem.component_dims(index)))
        return tuple(found)

    def proximal(self, x: Coefficients, step: Tensor) -> Coefficients:
        """The proximal maps of the priors of what is emitted."""
        priors = self.problem.declared_priors()
        return tuple(priors[i].prox(part, self.problem.expand(step, i)) for i, part in zip(self.emitted, x, strict=True))

    def forward_step(self, x: Coefficients, slope: Coefficients, step: Tensor) -> Coefficients:
        """X - step * slope."""
        return tuple(
            part - self.problem.expand(step, index) * direction
            for index, part, direction in zip(self.emitted, x, slope, strict=True)
        )

    def proximal_step(self, x: Coefficients, step: Tensor) -> Coefficients:
        """One proximal gradient step from x; only where the data term is smooth."""
        return self.proximal(self.forward_step(x, self.slope(x), step), step)

    def completed(self, x: Coefficients) -> Coefficients:
        """The coefficients of all components."""
        if self.eliminated is None:
            return x
        return (*x[: self.eliminated], self.eliminate(x), *x[self.eliminated :])

    def _eliminated(self) -> int:
        assert self.eliminated is not None  # noqa: S101  (asked for only where there is one)
        return self.eliminated


def require_elimination(problem: Problem, eliminated: int | None) -> None:
    """Check that losses can be made of a model.

    Raises:
        UnsupportedError: naming what stands in the way.
        ParameterError: if nothing would be left to emit.
    """
    for name, prior in zip(problem.names, problem.declared_priors(), strict=True):
        if not prior.has_value or not prior.has_prox:
            message = f"the prior of component {name!r} needs a value and a proximal map to be a loss"
            raise UnsupportedError(message)
    exact = isinstance(problem.noise, Exact)
    if not exact and not problem.noise.smooth:
        message = f"losses treat smooth noise models and Exact(), not {type(problem.noise).__name__}"
        raise UnsupportedError(message)
    if eliminated is None:
        if exact:
            message = "with Exact() noise one component must be eliminated: it is what the others leave of the data"
            raise UnsupportedError(message)
        return
    if len(problem.names) < 2:
        message = "the only component of a model cannot be eliminated: the network must emit something"
        raise ParameterError(message)
    operator: LinearOperator = problem.linear_operators()[eliminated]
    if operator.gram_scale is None or not (exact or isinstance(problem.noise, Gaussian)):
        message = (
            f"component {problem.names[eliminated]!r} can be eliminated only where its operator is an isometry up to scale "
            "(A^* A = c I) and the noise is Gaussian or Exact(); let the network emit it"
        )
        raise UnsupportedError(message)
