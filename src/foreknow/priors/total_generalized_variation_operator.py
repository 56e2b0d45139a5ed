"""Slopes and bends on a staggered grid, and a spectral preconditioner: what total generalised variation is made of."""

import itertools
import math
from functools import cached_property

import torch
from torch import Tensor

from foreknow.operators.axes import pad_axis
from foreknow.operators.cosine import dct, inverse_dct
from foreknow.shapes import Shape, expand_event

_DENSE = 256  # longest axis whose transforms are matrix products, which are quicker than FFTs up to about there


class StaggeredGrid:
    r"""Differences D x, symmetrised differences E v, their adjoints, and a solver for both together, on events of d axes.

    x lives on the nodes, a slope v_i between two neighbours along axis i, its change E_ii v = v_i[k] - v_i[k - 1] on the inner
    nodes, and E_ij v = (D_j v_i + D_i v_j) / 2 on the cells; nothing reaches beyond the ends, so that E D x = 0 for every affine
    x. All are stored with the size of x, with zeros where there is no sample; E_ij is stored times sqrt(2), once for both of E_ij
    and E_ji, so that the length of a stack is the Frobenius norm.

    Args:
        shape: of one event.
        like: a float64 tensor on the device that the work is done on.
    """

    def __init__(self, shape: Shape, like: Tensor) -> None:
        self.shape, self.dims, self.like = shape, len(shape), like
        self.pairs = tuple(itertools.combinations(range(self.dims), 2))
        inside = [self._between(axis, 0, 2) for axis in range(self.dims)]
        self.has_slope = torch.stack([part.expand(shape) for part in inside])
        bends = [self._between(axis, 1, 2) for axis in range(self.dims)] + [inside[i] * inside[j] for i, j in self.pairs]
        scale = [1.0] * self.dims + [math.sqrt(0.5)] * len(self.pairs)
        self.bend_scale = torch.stack([factor * part.expand(shape) for factor, part in zip(scale, bends, strict=True)])

    def _between(self, axis: int, first: int, cut: int) -> Tensor:
        """1 for the indices first ... size - cut of an axis, else 0; of a shape that broadcasts against an event."""
        index = torch.arange(self.shape[axis], device=self.like.device)
        return self._along(axis, ((index >= first) & (index <= self.shape[axis] - cut)).to(self.like.dtype))

    def _along(self, axis: int, values: Tensor) -> Tensor:
        return expand_event(values, self.dims - 1 - axis)

    # ------------------------------------------------------------------ differences
    def slope(self, x: Tensor) -> Tensor:
        r"""D x: (\*batch, \*shape) -> (\*batch, d, \*shape)."""
        return torch.stack([self._forward(x, axis) for axis in range(self.dims)], dim=-self.dims - 1)

    def slope_adjoint(self, v: Tensor) -> Tensor:
        """D^* v."""
        total = self._forward_adjoint(self._part(v, 0), 0)
        for axis in range(1, self.dims):
            total = total + self._forward_adjoint(self._part(v, axis), axis)
        return total

    def bend(self, v: Tensor) -> Tensor:
        r"""E v: (\*batch, d, \*shape) -> (\*batch, d (d + 1) / 2, \*shape)."""
        parts = [self._part(v, axis) - self._part(v, axis).roll(1, axis - self.dims) for axis in range(self.dims)]
        parts += [self._forward(self._part(v, i), j) + self._forward(self._part(v, j), i) for i, j in self.pairs]
        return torch.stack(parts, dim=-self.dims - 1).mul_(self.bend_scale)

    def bend_adjoint(self, q: Tensor) -> Tensor:
        """E^* q."""
        q = q * self.bend_scale
        parts = [self._part(q, axis) - self._part(q, axis).roll(-1, axis - self.dims) for axis in range(self.dims)]
        for place, (i, j) in enumerate(self.pairs, start=self.dims):
            shear = self._part(q, place)
            parts[i] = parts[i] + self._forward_adjoint(shear, j)
            parts[j] = parts[j] + self._forward_adjoint(shear, i)
        return torch.stack(parts, dim=-self.dims - 1).mul_(self.has_slope)

    def bend_norm_bound(self) -> float:
        """A bound of the squared norm of E: 4 for each of the d axes that a slope can change along."""
        return 4.0 * self.dims

    def length(self, stack: Tensor) -> Tensor:
        r"""The Euclidean length at each sample of a stack of fields, (\*batch, 1, \*shape)."""
        return torch.linalg.vector_norm(stack, dim=-self.dims - 1, keepdim=True)

    def _part(self, stack: Tensor, index: int) -> Tensor:
        return stack.select(-self.dims - 1, index)

    def _forward(self, x: Tensor, axis: int) -> Tensor:
        return pad_axis(x.diff(dim=axis - self.dims), axis - self.dims, 0, 1)

    def _forward_adjoint(self, y: Tensor, axis: int) -> Tensor:
        place = axis - self.dims
        return -pad_axis(y.narrow(place, 0, y.shape[place] - 1), place, 1, 1).diff(dim=place)

    # ------------------------------------------------------------------ the preconditioner
    def precondition(self, x: Tensor, v: Tensor, identity: Tensor, bending: float) -> tuple[Tensor, Tensor]:
        r"""Solve T (x', v') = (x, v), T being [identity I + D^* D, -D^*; -D, I + bending F^* F] with F a little more than E.

        F is E with slopes of 0 added beyond both ends of their axis, so that F^* F >= E^* E. The cosine transform of x and the
        transform of v_i by sines along axis i and cosines along the others then leave one (d + 1) x (d + 1) system a frequency,
        with the singular values s of D: [a + |s|^2, s^T; s, (1 + b |s|^2 / 2) I + b / 2 s s^T], which is solved along s and across.

        Args:
            x: (\*batch, \*shape).
            v: (\*batch, d, \*shape).
            identity: a, positive, broadcasts against x.
            bending: b, non-negative.
        """
        spectrum = self._transform(x, sine=None)
        slopes = [self._transform(self._part(v, axis), sine=axis) for axis in range(self.dims)]
        square = self.square
        along = slopes[0] * self.singular[0]
        for values, part in zip(self.singular[1:], slopes[1:], strict=True):
            along = along + values * part
        stiff, loose = 1 + bending * square, identity + square
        inverse = 1 / (loose * stiff - square)
        ratio = along / square.clamp_min(torch.finfo(square.dtype).tiny)  # every term of `along` is 0 where the square is
        across = 1 / (1 + bending / 2 * square)
        common = (loose * ratio - spectrum) * inverse - ratio * across
        new_x = self._inverse((stiff * spectrum - along) * inverse, sine=None)
        new_v = [
            self._inverse(part * across + values * common, sine=axis)
            for axis, (values, part) in enumerate(zip(self.singular, slopes, strict=True))
        ]
        return new_x, torch.stack(new_v, dim=-self.dims - 1)

    @cached_property
    def singular(self) -> tuple[Tensor, ...]:
        """The singular values 2 sin(pi k / 2 n) of the differences along each axis, broadcasting against an event."""
        angles = [
            torch.arange(size, dtype=self.like.dtype, device=self.like.device) * (math.pi / (2 * size)) for size in self.shape
        ]
        return tuple(self._along(axis, 2 * angle.sin()) for axis, angle in enumerate(angles))

    @cached_property
    def square(self) -> Tensor:
        """The sum of their squares, of the shape of an event."""
        total = torch.zeros(self.shape, dtype=self.like.dtype, device=self.like.device)
        for values in self.singular:
            total = total + values.square()
        return total

    @cached_property
    def _matrices(self) -> tuple[tuple[Tensor, Tensor] | None, ...]:
        """The cosine and the sine basis of each axis, (frequencies, samples); None for a long one."""
        found: list[tuple[Tensor, Tensor] | None] = []
        for size in self.shape:
            if size > _DENSE:
                found.append(None)
                continue
            identity = torch.eye(size, dtype=self.like.dtype, device=self.like.device)
            found.append((dct(identity).mT.contiguous(), sine_transform(identity).mT.contiguous()))
        return tuple(found)

    def _transform(self, x: Tensor, sine: int | None) -> Tensor:
        """Coefficients in the orthonormal basis of sines along one axis and cosines along the others."""
        for axis, bases in enumerate(self._matrices):
            place = axis - self.dims
            if bases is not None:
                x = _multiply(bases[axis == sine], x, place)
            else:
                x = (sine_transform if axis == sine else dct)(x.movedim(place, -1)).movedim(-1, place)
        return x

    def _inverse(self, x: Tensor, sine: int | None) -> Tensor:
        """The inverse, and adjoint, of `_transform`."""
        for axis, bases in enumerate(self._matrices):
            place = axis - self.dims
            if bases is not None:
                x = _multiply(bases[axis == sine].mT, x, place)
            else:
                x = (inverse_sine_transform if axis == sine else inverse_dct)(x.movedim(place, -1)).movedim(-1, place)
        return x


def _multiply(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    """The matrix times x along one of the last axes, without a copy for the last two."""
    if axis == -1:
        return x @ matrix.mT
    if axis == -2:
        return matrix @ x
    return (x.movedim(axis, -1) @ matrix.mT).movedim(-1, axis)


def sine_transform(v: Tensor) -> Tensor:
    """The orthonormal sine transform (DST-I) of the first n - 1 of n samples of the last axis; coefficient 0 is 0."""
    size = v.shape[-1]
    first = v[..., : size - 1]
    zero = torch.zeros_like(v[..., :1])
    odd = torch.cat((zero, first, zero, -first.flip(-1)), dim=-1)
    return torch.fft.rfft(odd).imag[..., :size] * -math.sqrt(0.5 / size)


def inverse_sine_transform(x: Tensor) -> Tensor:
    """The adjoint of `sine_transform`, and its inverse where the last sample is 0: the same transform, one place further."""
    return sine_transform(x.roll(-1, -1)).roll(-1, -1)
