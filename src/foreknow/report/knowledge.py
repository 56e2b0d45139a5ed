"""A picture of what an unrolled network has learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.operators import FilterBank, Wavelet
from foreknow.unroll import Knowledge, Learned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WAS, _NOW, _INK = "#7d8793", "#D55E00", "#1b2430"
_LEVELS, _SAMPLES = 5, 2048


def knowledge_figure(knowledge: Knowledge) -> Figure:
    """One picture a learned quantity: what it was (grey) and is (red).

    Numbers are drawn over the steps; a learned wavelet as the function that its filters make, over the one that it started from;
    any other tensor element by element.

    Args:
        knowledge: of `foreknow.unroll.UnrolledNetwork.knowledge`.

    Raises:
        DataError: if nothing is learned.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (drawing is not needed to learn)

    groups: dict[tuple[str, str, int], list[Learned]] = {}
    seen: Counter[tuple[int | None, str, str]] = (
        Counter()
    )  # a component may have two weights: the same ones of all steps go together
    for row in knowledge.rows:
        groups.setdefault((row.owner, row.name, seen[row.step, row.owner, row.name]), []).append(row)
        seen[row.step, row.owner, row.name] += 1
    if not groups:
        message = (
            "nothing is learned in this network, so that there is nothing to draw; name what to learn in model.unroll(learn=...)"
        )
        raise DataError(message)
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.1 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).flatten()
    for axis, ((owner, name, _), rows) in zip(axes, groups.items(), strict=False):
        axis.set_title(f"{owner}: {name}", fontsize=10, color=_INK)
        axis.tick_params(labelsize=8)
        if name == "scaling filter":
            _wavelets(axis, rows)
        elif rows[0].now.numel() == 1:
            _numbers(axis, rows)
        else:
            _elements(axis, rows)
    for axis in axes[len(groups) :]:
        axis.set_axis_off()
    labelled = [axis for axis in axes if axis.get_legend_handles_labels()[0]]  # bars have names below them instead
    if labelled:
        labelled[0].legend(fontsize=8, frameon=False)
    return figure


def _numbers(axis: Axes, rows: Sequence[Learned]) -> None:
    """One number a step, or two bars where all steps share it."""
    was, now = ([float(getattr(row, when)) for row in rows] for when in ("was", "now"))
    if len(rows) == 1:
        axis.bar(["was", "is"], [was[0], now[0]], color=[_WAS, _NOW], width=0.5)
        return
    steps = [row.step or 0 for row in rows]
    axis.plot(steps, was, color=_WAS, linestyle="--", label="was")
    axis.plot(steps, now, color=_NOW, marker="o", markersize=3.5, label="is")
    axis.set_xlabel("step", fontsize=8)
    if min(was + now) > 0 and max(was + now) > 20 * min(was + now):
        axis.set_yscale("log")


def _wavelets(axis: Axes, rows: Sequence[Learned]) -> None:
    """The wavelet functions, that of the last step strong."""
    axis.plot(*_wavelet(rows[0].was), color=_WAS, linestyle="--", label="was")
    for row in rows:
        last = row is rows[-1]
        axis.plot(
            *_wavelet(row.now),
            color=_NOW,
            alpha=1.0 if last else 0.25,
            linewidth=1.4 if last else 0.8,
            label="is" if last else None,
        )
    axis.set_xlabel("sample of the coarsest level", fontsize=8)


def _wavelet(scaling_filter: Tensor) -> tuple[Tensor, Tensor]:
    """Times and values of the wavelet that filters make, from a single coefficient of the coarsest level."""
    operator = Wavelet(FilterBank.from_taps(scaling_filter), _LEVELS, _SAMPLES)
    band = operator.bands()[1]
    coefficients = torch.zeros(_SAMPLES, dtype=torch.float64)
    view = coefficients[band.slices]
    view[len(view) // 2] = 1.0
    values = operator.adjoint(coefficients)
    inside = (values.abs() > 1e-4 * values.abs().max()).nonzero().flatten()
    part = slice(int(inside[0]), int(inside[-1]) + 1)
    times = torch.arange(_SAMPLES, dtype=torch.float64) / 2**_LEVELS
    return times[part] - times[int(values.abs().argmax())], values[part]


def _elements(axis: Axes, rows: Sequence[Learned]) -> None:
    """All elements of a tensor."""
    axis.plot(rows[-1].was.flatten(), color=_WAS, linestyle="--", linewidth=1.0, label="was")
    for row in rows:
        axis.plot(
            row.now.flatten(),
            color=_NOW,
            alpha=1.0 if row is rows[-1] else 0.25,
            linewidth=1.0,
            label="is" if row is rows[-1] else None,
        )
    axis.set_xlabel("element", fontsize=8)
