"""Covariances as square roots: of observation errors, of backgrounds, of model errors."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError, ShapeError, UnsupportedError
from foreknow.parameters import Parameter, as_parameter


class Covariance(nn.Module, ABC):
    r"""A positive definite C = L L^T on vectors (\*batch, n)."""

    @abstractmethod
    def root(self, v: Tensor) -> Tensor:
        """L v: white noise becomes noise of this covariance."""

    @abstractmethod
    def whiten(self, d: Tensor) -> Tensor:
        """L^-1 d."""

    @abstractmethod
    def log_determinant(self, size: int, like: Tensor) -> Tensor:
        """Log det C for vectors of ``size`` numbers, ()."""

    def deviations(self, size: int, like: Tensor) -> Tensor:
        """The standard deviation of each number, (size,)."""
        identity = torch.eye(size, dtype=like.dtype, device=like.device)
        return self.root(identity).square().sum(dim=0).sqrt()

    def sample(self, shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
        """Draws (*shape), the last axis being that of the vectors, with the dtype and device of ``like``."""
        return self.root(noise(tuple(shape), like, generator))


class Diagonal(Covariance):
    """Independent errors.

    Args:
        deviation: standard deviation: a positive number, one a number of the vector (n,), or a `Positive` parameter to be learned.

    Raises:
        ParameterError: if it is not positive.
    """

    def __init__(self, deviation: float | Tensor | Parameter = 1.0) -> None:
        super().__init__()
        self.deviation = as_parameter(deviation)
        if not bool((self.deviation() > 0).all()):
            message = f"a standard deviation must be positive, not {deviation}"
            raise ParameterError(message)

    def root(self, v: Tensor) -> Tensor:
        """Each number times its standard deviation."""
        return v * self.deviation().to(v)

    def whiten(self, d: Tensor) -> Tensor:
        """Each number over its standard deviation."""
        return d / self.deviation().to(d)

    def log_determinant(self, size: int, like: Tensor) -> Tensor:
        """Twice the sum of the logarithms."""
        logarithm = self.deviation().to(like).log()
        return 2 * (logarithm * size if logarithm.ndim == 0 or logarithm.shape[-1] == 1 else logarithm.sum()).reshape(())

    def deviations(self, size: int, like: Tensor) -> Tensor:
        """As declared."""
        return self.deviation().to(like).expand(size)


class Dense(Covariance):
    """A full matrix, such as the climatological covariance of a background.

    Args:
        matrix: symmetric positive definite, (n, n); kept as its Cholesky factor in float64.

    Raises:
        ShapeError: if it is not square.
        ParameterError: if it is not positive definite.
    """

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            message = f"a covariance is a square matrix, not of shape {tuple(matrix.shape)}"
            raise ShapeError(message)
        factor, failed = torch.linalg.cholesky_ex(matrix.detach().double())
        if bool(failed):
            message = "the covariance is not positive definite; add a small multiple of the identity"
            raise ParameterError(message)
        self.factor: Tensor
        self.register_buffer("factor", factor)

    def root(self, v: Tensor) -> Tensor:
        """The Cholesky factor times v."""
        return v @ self.factor.to(v).T

    def whiten(self, d: Tensor) -> Tensor:
        """By back substitution."""
        factor = self.factor.to(d)
        return torch.linalg.solve_triangular(factor.expand(*d.shape[:-1], *factor.shape), d.unsqueeze(-1), upper=False).squeeze(-1)

    def log_determinant(self, size: int, like: Tensor) -> Tensor:  # noqa: ARG002
        """Of the factor."""
        return 2 * self.factor.diagonal().log().sum().to(like)


def covariance_of(states: Tensor, ridge: float = 1e-6) -> Dense:
    r"""The covariance of states, (\*many, n), with ``ridge`` times its mean variance added to the diagonal: a climatology.

    Raises:
        UnsupportedError: if there are fewer than two states.
    """
    flat = states.detach().double().flatten(0, -2)
    if len(flat) < 2:
        message = "a covariance needs at least two states"
        raise UnsupportedError(message)
    centered = flat - flat.mean(dim=0)
    matrix = centered.T @ centered / (len(flat) - 1)
    return Dense(matrix + ridge * matrix.diagonal().mean() * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device))


def scaled(covariance: Dense, factor: float) -> Dense:
    """The covariance times a positive number.

    Raises:
        ParameterError: if the number is not positive.
    """
    if not factor > 0:
        message = f"a covariance can be scaled by a positive number, not {factor}"
        raise ParameterError(message)
    clone = Dense.__new__(Dense)
    nn.Module.__init__(clone)
    clone.register_buffer("factor", math.sqrt(factor) * covariance.factor)
    return clone


def noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """White noise of the dtype and on the device of ``like``, drawn where the generator is."""
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=generator.device).to(like.device)
