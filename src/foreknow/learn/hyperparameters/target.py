"""What is sampled: the posterior of a problem, or its prior alone, as potential and drift."""

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.problem import Coefficients, Problem
from foreknow.solve.blocks import add, scale_items
from foreknow.solve.precision import at_precision
from foreknow.solve.step_rule import norm_curvature


class Target:
    r"""The density exp(-D(A x; y) - sum_i w_i R_i(x_i)), at the present weights and noise of a problem.

    Args:
        problem: bound to the shape of y, with a smooth data term and priors that have proximal maps or can be split.
        y: the data, (\*batch, \*shape).
        data: whether there is the data term; without it, the target is the prior.

    Raises:
        UnsupportedError: if the data term is not smooth, or a prior cannot be split.
    """

    def __init__(self, problem: Problem, y: Tensor, *, data: bool = True) -> None:
        if data and not problem.noise.smooth:
            message = f"posterior draws need a smooth data term, which {type(problem.noise).__name__} is not; use Gaussian()"
            raise UnsupportedError(message)
        self.problem = at_precision(problem, y.dtype)
        self.y = y
        self.data = data
        behind = [float(operator.norm()) ** 2 for _, _, operator in problem.composed_priors()]
        self.overlap = float(any(part is not None for part in problem.proximal_priors())) + sum(behind) or 1.0

    def unit(self) -> Tensor:
        r"""The squared length scale that the data impose, 1 / (norm of A / sigma)^2, (\*batch,); 1 without data."""
        ones = torch.ones(self.problem.batch_shape(self.y), dtype=self.y.dtype.to_real(), device=self.y.device)
        return ones / norm_curvature(self.problem, self.y) if self.data else ones

    def potential(self, x: Coefficients) -> Tensor:
        """D + sum_i w_i R_i, (*batch,), float64."""
        value = self.problem.objective(x, self.y) if self.data else self.problem.prior_value(x)
        return value.double()

    def drift(self, x: Coefficients, smoothing: Tensor) -> Coefficients:
        r"""The gradient of D plus those of the Moreau envelopes of all priors.

        Args:
            x: coefficients.
            smoothing: the step of the envelopes, (\*batch,).
        """
        problem = self.problem
        pulled = tuple(torch.zeros_like(part) for part in x)
        if self.data:
            pulled = problem.adjoint(problem.noise.gradient(problem.synthesize(x), self.y))
        pulled = add(pulled, scale_items(problem, 1 / smoothing, add(x, problem.prox(x, smoothing), -1)))
        parts = list(pulled)
        for index, prior, operator in problem.composed_priors():
            image = operator(x[index])
            step = smoothing.reshape(smoothing.shape + (1,) * len(operator.range))
            parts[index] = parts[index] + operator.adjoint((image - prior.prox(image, step)) / step)
        return tuple(parts)
