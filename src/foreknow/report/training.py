"""The report of a training run: its course, how far from the optimum it got, what the network makes of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from foreknow.errors import DataError
from foreknow.learn import History
from foreknow.report.blocks import Cell, Facts, Figure
from foreknow.report.document import Report, Section
from foreknow.report.samples import samples_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

_LOSS, _SCORE, _RATE, _INK = "#7d8793", "#D55E00", "#0072B2", "#1b2430"


def training_figure(history: History, score: str = "validation") -> MatplotlibFigure:
    """The course of a run: loss, validation score with the epoch that was kept, and learning rate.

    Args:
        history: of `foreknow.learn.fit`.
        score: what the validation score is, for its axis.
    """
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415  (drawing is not needed to train)

    epochs = [row.epoch for row in history.epochs]
    scores = [row.validation for row in history.epochs if row.validation is not None]
    panels = 3 if scores else 2
    figure = Canvas(figsize=(4.2 * panels, 3.1), layout="constrained")
    axes = figure.subplots(1, panels)
    axes[0].plot(epochs, [row.loss for row in history.epochs], color=_LOSS)
    axes[0].set_ylabel("training loss")
    if scores:
        axes[1].plot(epochs, scores, color=_SCORE)
        axes[1].axvline(history.best_epoch, color=_INK, linewidth=0.8, linestyle=":")
        axes[1].set_ylabel(score)
        if min(scores) > 0 and max(scores) > 3 * min(scores):
            axes[1].set_yscale("log")
    axes[-1].plot(epochs, [row.learning_rate for row in history.epochs], color=_RATE)
    axes[-1].set_ylabel("learning rate")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def training_report(
    title: str,
    history: History,
    examples: Mapping[str, Mapping[str, Tensor]],
    facts: Mapping[str, Cell] | None = None,
    *,
    score: str = "validation",
    note: str = "",
    generator: str = "",
) -> Report:
    """A page to judge a training run by; write it with ``write_text_atomic(path, report.render())``.

    Args:
        title: of the page.
        history: of `foreknow.learn.fit`.
        examples: name of an example -> name of a picture -> (height, width); the same pictures for all.
        facts: settings and results.
        score: what the validation score is.
        note: what the result is not, at the foot of the page.
        generator: name and version of the program.

    Raises:
        DataError: if the examples do not have the same pictures.
    """
    kinds = {tuple(pictures) for pictures in examples.values()}
    if len(kinds) > 1:
        message = f"all examples need the same pictures, not {sorted(map(list, kinds))}"
        raise DataError(message)
    last = history.epochs[-1]
    known: dict[str, Cell] = {
        "epochs": len(history.epochs),
        "steps": history.steps,
        "minutes of computing": last.seconds / 60,
        "ended because": history.outcome.value,
        "epoch kept": history.best_epoch,
        "loss at the end": last.loss,
    }
    best = history.epochs[history.best_epoch - 1].validation
    if best is not None:
        known[f"{score}, best"] = best
    report = Report(title, generator=generator, note=note)
    report.add(
        Section(
            "Course",
            Facts({**known, **(facts or {})}),
            Figure(
                training_figure(history, score),
                f"Loss, {score} and learning rate over the epochs",
                "The dotted line: the epoch kept.",
            ),
        )
    )
    if examples:
        (names,) = kinds
        rows = {name: [pictures[kind].detach().cpu() for kind in names] for name, pictures in examples.items()}
        figure, _ = samples_figure(rows, titles=names)
        report.add(Section("Examples", Figure(figure, f"Rows {', '.join(rows)}; columns {', '.join(names)}")))
    return report
