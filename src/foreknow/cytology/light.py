"""What empty glass looks like in a field: a smooth light that all channels share, and a faint smooth tint."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator, cast_like
from foreknow.shapes import Shape


class SmoothLight(LinearOperator):
    r"""Coefficients (fields, n) -> optical density (fields, channels, height * width) of light that varies smoothly over a field.

    The light of a lamp dims all channels alike; that is one smooth surface for all of them. A film of stain or a lens may tint it,
    more smoothly still. Both are low cosines on a rectangle a little larger than the field, so that no slope at the border is
    forced, made orthonormal (A^* A = 1) and without the constant, which is the cast's.

    Args:
        height: pixels of a field.
        width: likewise.
        channels: 1 or more.
        order: largest frequency of the light, half periods over the field.
        tint: of the tint; 0 for none.

    Raises:
        ShapeError: if a field has too few pixels for so many cosines.
    """

    light: Tensor
    tint: Tensor
    chroma: Tensor
    gram_scale = 1.0

    def __init__(self, height: int, width: int, channels: int, order: int = 8, tint: int = 2) -> None:
        light = smooth_basis(height, width, order)
        colours = smooth_basis(height, width, tint if channels > 1 else 0)
        super().__init__(None, 2)
        self.range_dims = 3
        self.channels = channels
        self.size = (height, width)
        common = torch.full((channels, 1), 1 / math.sqrt(channels), dtype=torch.float64)
        axes = torch.linalg.qr(torch.cat((common, torch.eye(channels, dtype=torch.float64)[:, : channels - 1]), dim=1)).Q
        self._keep("light", light.contiguous())
        self._keep("tint", colours.contiguous())
        self._keep("chroma", axes[:, 1:].contiguous())

    @property
    def coefficients(self) -> int:
        """How many a field has."""
        return self.light.shape[1] + self.tint.shape[1] * (self.channels - 1)

    def _forward(self, x: Tensor) -> Tensor:
        light, tint, chroma = (cast_like(part, x) for part in (self.light, self.tint, self.chroma))
        shared = x[..., : light.shape[1]] @ light.mT / math.sqrt(self.channels)
        tints = x[..., light.shape[1] :].unflatten(-1, (self.channels - 1, tint.shape[1])) if tint.shape[1] else None
        rest = 0.0 if tints is None else chroma @ (tints @ tint.mT)
        return shared[..., None, :] + rest

    def _adjoint(self, y: Tensor) -> Tensor:
        light, tint, chroma = (cast_like(part, y) for part in (self.light, self.tint, self.chroma))
        shared = y.sum(dim=-2) @ light / math.sqrt(self.channels)
        if not tint.shape[1]:
            return shared
        return torch.cat((shared, (chroma.mT @ (y @ tint)).flatten(-2)), dim=-1)

    def _norm(self) -> Tensor:
        return torch.ones(())

    def _range_shape(self, domain: Shape) -> Shape:
        if domain[-1] != self.coefficients:
            message = f"a field of this light has {self.coefficients} coefficients, not {domain[-1]}"
            raise ShapeError(message)
        return (domain[0], self.channels, self.size[0] * self.size[1])

    def _domain_shape(self, range_shape: Shape) -> Shape:
        return (range_shape[0], self.coefficients)


class Cast(LinearOperator):
    """One number a field and channel -> that number / sqrt(pixels) everywhere: what white is.

    Args:
        pixels: of a field.
    """

    gram_scale = 1.0

    def __init__(self, pixels: int) -> None:
        super().__init__(None, 2)
        self.range_dims = 3
        self.pixels = pixels

    def _forward(self, x: Tensor) -> Tensor:
        return (x / math.sqrt(self.pixels))[..., None].expand(*x.shape, self.pixels)

    def _adjoint(self, y: Tensor) -> Tensor:
        return y.sum(dim=-1) / math.sqrt(self.pixels)

    def _norm(self) -> Tensor:
        return torch.ones(())

    def _range_shape(self, domain: Shape) -> Shape:
        return (*domain, self.pixels)

    def _domain_shape(self, range_shape: Shape) -> Shape:
        return range_shape[:2]


@lru_cache(maxsize=16)  # fields of a folder have one size
def smooth_basis(height: int, width: int, order: int, margin: float = 0.08) -> Tensor:
    """Orthonormal smooth functions of mean 0 on a field, (height * width, n) float64; n is 0 for order 0.

    Args:
        height: pixels.
        width: likewise.
        order: largest frequency of the cosines, half periods over 1 / (1 - 2 margin) of the field.
        margin: what the rectangle on which the cosines end is larger at each side, as a part of the field.

    Raises:
        ShapeError: if there are fewer than four pixels for each function.
    """
    pairs = [(i, j) for i in range(order + 1) for j in range(order + 1) if 0 < i * i + j * j <= order * order]
    if height * width < 4 * (len(pairs) + 1):
        message = f"a field of {height} x {width} is too small for {len(pairs)} smooth functions"
        raise ShapeError(message)
    places = [margin + (1 - 2 * margin) * (torch.arange(size, dtype=torch.float64) + 0.5) / size for size in (height, width)]
    cosines = [[torch.cos(math.pi * k * place) for k in range(order + 1)] for place in places]
    columns = [torch.ones(height * width, dtype=torch.float64)]
    columns += [(cosines[0][i][:, None] * cosines[1][j][None]).reshape(-1) for i, j in pairs]
    return torch.linalg.qr(torch.stack(columns, dim=1)).Q[:, 1:]
