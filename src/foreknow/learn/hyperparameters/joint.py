"""The joint density p(y, x | weights, noise): one number, whose derivatives in the hyper-parameters all methods share."""

import math

import torch
from torch import Tensor

from foreknow.errors import UnsupportedError
from foreknow.noise import Gaussian, Huber
from foreknow.problem import Coefficients, Problem


class Joint:
    r"""-log p(y, x | w, sigma) = D(A x; y) + sum_i w_i R_i(x_i) + log Z(w) + N log sigma, without log Z, summed over the batch.

    N is the number of measured values: one that is 0 in the data and in the image of any coefficients (behind a `Mask`) was not.

    Args:
        problem: bound to the shape of y; Gaussian or Huber noise.
        y: the data, (\*batch, \*shape), real.

    Raises:
        UnsupportedError: if the data are complex or the noise is of another kind.
    """

    def __init__(self, problem: Problem, y: Tensor) -> None:
        if y.is_complex():
            message = "hyper-parameters are learned from real data; give real and imaginary parts an axis of their own"
            raise UnsupportedError(message)
        if not isinstance(problem.noise, (Gaussian, Huber)):
            message = f"weights and noise are learned with Gaussian or Huber noise, not with {type(problem.noise).__name__}"
            raise UnsupportedError(message)
        self.problem = problem
        self.y = y
        self.measured = measured(problem, y)
        self.count = int(self.measured.sum())

    def energies(self, x: Coefficients) -> Tensor:
        """D(A x; y) + sum_i w_i R_i(x_i) of each batch item, (*batch,), float64."""
        return self.problem.objective(x, self.y).double()

    def noise_term(self) -> Tensor:
        """N log sigma, float64."""
        noise = self.problem.noise
        assert isinstance(noise, (Gaussian, Huber))  # noqa: S101  (checked at the beginning)
        return self.count * noise.sigma.double().log().mean()


def measured(problem: Problem, y: Tensor) -> Tensor:
    """Which values of the data are measured, boolean, of the shape of y; see `Joint`."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        probe = tuple(torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x) for x in problem.zeros(y))
        return (problem.synthesize(probe) != 0) | (y != 0)


def standard_deviation(problem: Problem, y: Tensor) -> Tensor:
    """Sigma of Gaussian noise in the dtype and on the device of y.

    Raises:
        UnsupportedError: if the noise is not Gaussian or the data are complex.
    """
    if not isinstance(problem.noise, Gaussian) or y.is_complex():
        message = (
            f"the risk of an estimate is known without truth for real data with Gaussian noise, not {type(problem.noise).__name__}"
        )
        raise UnsupportedError(message)
    sigma = problem.noise.sigma.detach().to(y)
    if not math.prod(sigma.shape) or not bool((sigma > 0).all()):
        message = "the noise level must be positive; measure it first, with MedianNoise().learn(model, y)"
        raise UnsupportedError(message)
    return sigma
