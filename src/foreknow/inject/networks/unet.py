"""A U-Net in one, two or three dimensions, for inputs of any size."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.jit._trace import is_tracing
from torch.nn import functional

from foreknow.errors import ForeknowError, ParameterError, ShapeError
from foreknow.shapes import as_shape


class UNet(nn.Module):
    r"""The U-Net of MONAI (`DynUNet`; Isensee et al. 2019) with group normalisation, fed in blocks of samples, at any input size.

    Group normalisation (Wu and He 2018) takes its statistics from one item alone: what is said of a frame depends neither on the
    others of its batch nor on those of the training. Sizes that the levels do not divide are filled up by their last values.

    Args:
        dims: number of spatial axes, 1 to 3.
        inputs: channels in.
        outputs: channels out.
        filters: channels of every level, three or more; each level halves the size.
        block: edge of the blocks of samples, one number or one an axis, that are handed over as channels at the first level: 1
            for none; with 4 the network computes at a quarter of the size, and is about sixteen times as fast in two dimensions.
        groups: of the normalisation; must divide all filters.
        residual_blocks: whether the convolutions of a level have a shortcut.

    Raises:
        ForeknowError: if MONAI is not installed.
        ParameterError: if a number is out of range.
    """

    def __init__(
        self,
        dims: int,
        inputs: int = 1,
        outputs: int = 1,
        filters: Sequence[int] = (16, 32, 64),
        block: int | Sequence[int] = 1,
        *,
        groups: int = 4,
        residual_blocks: bool = False,
    ) -> None:
        super().__init__()
        edges = (block,) * dims if isinstance(block, int) else as_shape(block)
        if dims not in (1, 2, 3) or len(edges) != dims or min(edges) < 1:
            message = (
                f"a U-Net has 1, 2 or 3 spatial axes and a positive block edge for each, not {dims} axes and blocks of {block}"
            )
            raise ParameterError(message)
        if len(filters) < 3 or any(count < 1 or count % groups for count in filters):
            message = f"a U-Net needs three or more levels whose filters are multiples of the {groups} groups, not {tuple(filters)}"
            raise ParameterError(message)
        try:
            from monai.networks.nets.dynunet import DynUNet  # noqa: PLC0415  (takes seconds to import, and is optional)
        except ImportError as error:
            message = "U-Nets need the library monai; install it with: pip install 'foreknow[networks]'"
            raise ForeknowError(message) from error
        levels = len(filters)
        cells = math.prod(edges)
        self.dims, self.block, self.inputs = dims, edges, inputs
        self.multiple = tuple(edge * 2 ** (levels - 1) for edge in edges)
        self.network = DynUNet(
            dims,
            inputs * cells,
            outputs * cells,
            kernel_size=[3] * levels,
            strides=[1, *[2] * (levels - 1)],
            upsample_kernel_size=[2] * (levels - 1),
            filters=list(filters),
            norm_name=("GROUP", {"num_groups": groups}),
            res_block=residual_blocks,
        )
        for parameter in self.network.output_block.parameters():
            nn.init.zeros_(parameter)  # the network begins by saying nothing, whatever wraps it

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, *space) -> (batch, outputs, *space).

        Raises:
            ShapeError: if x has other axes or channels.
        """
        if x.ndim != self.dims + 2 or x.shape[1] != self.inputs:
            message = f"this U-Net takes (batch, {self.inputs}, *{self.dims} axes), not {tuple(x.shape)}"
            raise ShapeError(message)
        size = x.shape[2:]
        margins: list[int] = []
        for length, multiple in zip(reversed(size), reversed(self.multiple), strict=True):
            margins += [0, -length % multiple]
        # A file that is written from this network may be for other sizes too.
        padded = is_tracing() or torch.compiler.is_compiling() or any(margins)
        if padded:
            x = functional.pad(x, margins, mode="replicate")
        x = _join(self.network(_cut(x, self.block)), self.block)
        if padded:
            for axis, length in enumerate(size, start=2):
                x = x.narrow(axis, 0, length)
        return x


def _cut(x: Tensor, block: Sequence[int]) -> Tensor:
    """Blocks of samples as channels: (batch, c, *space) -> (batch, c prod(block), *(space / block)).

    Axis by axis from the last one on: two axes swapped over what lies together in memory are several times as fast as one
    permutation of all.
    """
    shape, inner, cells = list(x.shape), 1, 1
    for axis, edge in reversed(list(enumerate(block, start=2))):
        count, cells = shape[axis] // edge, cells * edge
        if cells > 1:
            x = x.reshape(-1, count, cells, inner).transpose(1, 2)
        shape[axis], inner = count, inner * count
    return x.reshape(shape[0], shape[1] * cells, *shape[2:])


def _join(x: Tensor, block: Sequence[int]) -> Tensor:
    """The inverse of `_cut`."""
    shape, inner, cells = list(x.shape), math.prod(x.shape[2:]), math.prod(block)
    shape[1] //= cells
    for axis, edge in enumerate(block, start=2):
        inner //= shape[axis]
        if cells > 1:
            x = x.reshape(-1, cells, shape[axis], inner).transpose(1, 2)
        cells //= edge
        shape[axis] *= edge
    return x.reshape(shape)
