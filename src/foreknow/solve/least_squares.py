"""The least-squares step of a splitting method, exact wherever the operators have a structure to use."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from foreknow.operators.periodic import periodic_spectrum
from foreknow.operators.spectrum import Spectrum
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import expand_event
from foreknow.solve.blocks import add, dot, scale_items
from foreknow.solve.splitting import Blocks, image, transpose


class LeastSquares(ABC):
    r"""Computes argmin_x alpha/2 |A x - z|^2 + 1/2 sum_b |M_b x - t_b|^2 over the coefficients x, M without the data block.

    Where M is the identity this is t - A^* (A A^* + I / alpha)^-1 (A t - z), by the matrix inversion lemma: only A A^* has to be
    inverted, which is as large as the data and simpler than A^* A.
    """

    @abstractmethod
    def __call__(self, problem: Problem, target: Blocks, data: Tensor, alpha: Tensor, start: Coefficients) -> Coefficients:
        r"""The minimiser.

        Args:
            problem: the one that this was made for.
            target: t_b, one tensor a block.
            data: z, (\*batch, \*shape).
            alpha: positive, (\*batch,).
            start: a guess of x, for iterative methods.
        """


class TightFrameLeastSquares(LeastSquares):
    """A A^* = c I: one A and one A^*.

    Args:
        cogram: the number c.
    """

    def __init__(self, cogram: float) -> None:
        self.cogram = cogram

    def __call__(self, problem: Problem, target: Blocks, data: Tensor, alpha: Tensor, start: Coefficients) -> Coefficients:  # noqa: ARG002
        """T + alpha / (1 + alpha c) A^* (z - A t)."""
        misfit = data - problem.synthesize(target)
        return add(target, problem.adjoint(problem.expand_data(alpha / (1 + alpha * self.cogram)) * misfit))


class FourierLeastSquares(LeastSquares):
    """Periodic convolutions: A A^* is one small matrix a frequency, of as many rows as the data have channels.

    For one channel that is the Sherman-Morrison formula of convolutional sparse coding (Wohlberg 2016, "Efficient algorithms for
    convolutional sparse representations", section III), for few channels a small system a frequency in place of its iteration.

    Args:
        spectra: one a component.
        dims: number of event axes of the data; the axis before those that are transformed is of channels.
    """

    def __init__(self, spectra: tuple[Spectrum, ...], dims: int) -> None:
        self.spectra = spectra
        self.axes = len(spectra[0].sizes)
        self.channels = dims > self.axes
        total = spectra[0].cogram()
        for spectrum in spectra[1:]:
            total = total + spectrum.cogram()
        self.cogram = total if total.shape[0] == 1 else total.movedim((0, 1), (-2, -1))

    def __call__(self, problem: Problem, target: Blocks, data: Tensor, alpha: Tensor, start: Coefficients) -> Coefficients:  # noqa: ARG002
        """T - A^* (A A^* + 1 / alpha)^-1 (A t - z), of which only t, z and the result are transformed."""
        first = self.spectra[0]
        misfit = -first.transform(self._with_channels(data, channels=self.channels))
        transforms = []
        for spectrum, part in zip(self.spectra, target, strict=True):
            transforms.append(spectrum.transform(self._with_channels(part, channels=part.ndim > alpha.ndim + self.axes)))
            misfit = misfit + spectrum.apply(transforms[-1])
        weighted = self._solve(misfit, 1 / alpha)
        parts = (
            spectrum.inverse(spectrum.subtract_adjoint(transform, weighted))
            for spectrum, transform in zip(self.spectra, transforms, strict=True)
        )
        return tuple(part.reshape(like.shape) for part, like in zip(parts, target, strict=True))

    def _with_channels(self, x: Tensor, *, channels: bool) -> Tensor:
        return x if channels else x.unsqueeze(-self.axes - 1)

    def _solve(self, misfit: Tensor, shift: Tensor) -> Tensor:
        """(A A^* + shift)^-1 misfit, (*batch, O, *frequencies)."""
        if self.cogram.shape[0] == 1:
            return misfit / (self.cogram + expand_event(shift, self.axes + 1))
        identity = torch.eye(self.cogram.shape[-1], dtype=shift.dtype, device=shift.device)
        matrix = self.cogram + expand_event(shift, self.axes + 2) * identity
        columns = misfit.movedim(-self.axes - 1, -1).unsqueeze(-1)
        return torch.linalg.solve(matrix, columns).squeeze(-1).movedim(-1, -self.axes - 1)


class ConjugateGradients(LeastSquares):
    """Any linear operators: conjugate gradients from the last x, all batch items at once, without waiting for the device.

    Args:
        iterations: how many.
    """

    def __init__(self, iterations: int = 20) -> None:
        self.iterations = iterations

    def __call__(self, problem: Problem, target: Blocks, data: Tensor, alpha: Tensor, start: Coefficients) -> Coefficients:
        """The normal equations (alpha A^*A + M^*M) x = alpha A^* z + M^* t."""
        right = add(transpose(problem, target, start, data=False), scale_items(problem, alpha, problem.adjoint(data)))

        def normal(x: Coefficients) -> Coefficients:
            out = transpose(problem, image(problem, x, data=False), x, data=False)
            return add(out, scale_items(problem, alpha, problem.adjoint(problem.synthesize(x))))

        x = start
        residual = add(right, normal(x), -1)
        direction, energy = residual, dot(problem, residual, residual)
        tiny = torch.finfo(energy.dtype).tiny
        for _ in range(self.iterations):
            curved = normal(direction)
            step = energy / dot(problem, direction, curved).clamp_min(tiny)
            x = add(x, scale_items(problem, step, direction))
            residual = add(residual, scale_items(problem, step, curved), -1)
            following = dot(problem, residual, residual)
            direction = add(residual, scale_items(problem, following / energy.clamp_min(tiny), direction))
            energy = following
        return x


def least_squares(problem: Problem, y: Tensor) -> LeastSquares:
    r"""What solves the least-squares step of a problem: exact if it can be, else conjugate gradients.

    Args:
        problem: bound to the shape of the data.
        y: the data, (\*batch, \*shape).
    """
    if problem.composed_priors() or any(prior is None for prior in problem.proximal_priors()):
        return ConjugateGradients()
    cogram = problem.cogram_scale()
    if cogram is not None:
        return TightFrameLeastSquares(cogram)
    spectra = periodic_spectra(problem, y)
    return ConjugateGradients() if spectra is None else FourierLeastSquares(spectra, problem.event_dims)


def periodic_spectra(problem: Problem, like: Tensor) -> tuple[Spectrum, ...] | None:
    """The spectra of all components, if all are periodic on the axes of the data, or on those after an axis of channels.

    Args:
        problem: bound to the shape of the data.
        like: a tensor of the type and on the device of the data.
    """
    operators, shape = problem.linear_operators(), problem.shape
    is_complex = like.is_complex() or any(operator.complex_domain or operator.complex_range for operator in operators)
    signal = like.new_empty((), dtype=like.dtype.to_complex() if is_complex else like.dtype)
    for sizes in () if shape is None else (shape, shape[1:]):
        spectra = [periodic_spectrum(operator, sizes, signal) for operator in operators] if sizes else [None]
        known = tuple(spectrum for spectrum in spectra if spectrum is not None)
        if len(known) == len(spectra):
            return known
    return None
