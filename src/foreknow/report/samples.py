"""Pictures side by side: rows of samples, such as simulated above real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foreknow.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#1b2430"
_SIDE = 2.7


def samples_figure(
    rows: Mapping[str, Sequence[Tensor]], *, below: int = 0, titles: Sequence[str] = ()
) -> tuple[Figure, list[Axes]]:
    """Rows of pictures, each row under its name.

    Args:
        rows: name -> pictures, (height, width) grey or (height, width, 3) colour; whole numbers are shown over 0..255 or 0..their
            largest value if that is larger, others over their own range of 0.5 to 99.5 %.
        below: how many empty axes to leave in a row under the pictures, for curves.
        titles: of the columns.

    Returns:
        The figure and the empty axes.

    Raises:
        DataError: if there is nothing to show.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (drawing is not needed to compute)

    if not rows or not all(rows.values()):
        message = f"there is nothing to show in {', '.join(name for name, images in rows.items() if not images) or 'the figure'}"
        raise DataError(message)
    columns = max(len(images) for images in rows.values())
    tall = max(image.shape[0] / image.shape[1] for images in rows.values() for image in images)
    figure = Figure(
        figsize=(_SIDE * columns + 0.3, _SIDE * 1.04 * tall * len(rows) + (2.6 if below else 0.3)), layout="constrained"
    )
    heights = [_SIDE * tall] * len(rows) + ([2.4] if below else [])
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for number, (name, images) in enumerate(rows.items()):
        for column in range(columns):
            axis = figure.add_subplot(grid[number, column])
            axis.set_xticks([])
            axis.set_yticks([])
            if column < len(images):
                _show(axis, images[column])
            else:
                axis.axis("off")
            if column == 0:
                axis.set_ylabel(name, fontsize=10, color=_INK)
            if number == 0 and column < len(titles):
                axis.set_title(titles[column], fontsize=9, color=_INK)
    free = []
    if below:
        inner = grid[len(rows), :].subgridspec(1, below)
        free = [figure.add_subplot(inner[0, number]) for number in range(below)]
        for axis in free:
            axis.tick_params(labelsize=8)
    return figure, free


def _show(axis: Axes, image: Tensor) -> None:
    if image.ndim == 3:
        axis.imshow(image.clamp(0, 255).to(torch.uint8).numpy() if not image.is_floating_point() else image.clamp(0, 1).numpy())
        return
    if image.dtype is torch.bool:
        low, high = 0.0, 1.0
    elif image.is_floating_point():
        sample = image.flatten()[:: max(1, image.numel() // 100_000)]
        low, high = (float(value) for value in torch.quantile(sample.float(), torch.tensor([0.005, 0.995])))
    else:
        low, high = 0.0, max(255.0, float(image.max()))
    axis.imshow(image.float().numpy(), cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
