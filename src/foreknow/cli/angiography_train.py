"""``foreknow angiography train``: what it does once its options are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foreknow.cli.exits import say_error
from foreknow.cli.show import console, progress_bar, table
from foreknow.errors import ParameterError
from foreknow.files import display_name

if TYPE_CHECKING:
    from foreknow.angiography.simulate import Relationship

_FORGOTTEN = 1.1


def calibrate_for(
    runs: Sequence[Path], output: Path, relationship: Relationship | None, model: Path | None, *, seed: int, overwrite: bool
) -> None:
    """Calibrate the network for the device of the user's runs and say what became of it."""
    from foreknow.angiography.network.calibrate_on_runs import calibrate_on_runs  # noqa: PLC0415
    from foreknow.angiography.network.calibrating import CalibrationNumbers  # noqa: PLC0415

    numbers = CalibrationNumbers(seed=seed)
    with progress_bar() as bar:
        reading = bar.add_task("reading", total=None, unit="runs")
        drawing = bar.add_task("simulating", total=numbers.trials + numbers.runs + numbers.apart + numbers.known, unit="runs")
        outcome = calibrate_on_runs(
            runs,
            output,
            numbers,
            model=model,
            relationship=relationship,
            overwrite=overwrite,
            read=lambda done, total: bar.update(reading, completed=done, total=total),
            drawn=lambda done: bar.update(drawing, completed=done),
        )
    calibration = outcome.calibration
    rows: list[list[object]] = [
        ["Dice on simulated runs of your device", *(f"{one:.3f}" for one in calibration.dice)],
        ["gap to the optimum on your last run", *(f"{one:.4f}" for one in calibration.gap)],
    ]
    if outcome.advice is not None:
        say_error(outcome.advice)
    screen = console()
    screen.print(table({"on data held apart": "left", "before": "right", "after": "right"}, rows))
    place = f"Model: {display_name(output)} (open report.html there)"
    screen.print(f"{outcome.runs} runs, {outcome.frames} frames. {place}", markup=False)
    for failure in outcome.failures:
        say_error(f"left out: {failure}")


def train_on(
    runs: Sequence[Path],
    output: Path,
    relationship: Relationship | None,
    model: Path | None,
    *,
    epochs: int | None,
    count: int | None,
    seed: int,
    overwrite: bool,
    device: str,
) -> None:
    """Train on the user's runs with the declared model as the loss, and say what became of it."""
    from foreknow.angiography.network.injection import InjectionNumbers  # noqa: PLC0415
    from foreknow.angiography.network.train_on_runs import train_on_runs  # noqa: PLC0415

    numbers = InjectionNumbers(seed=seed)
    numbers = replace(numbers, epochs=epochs or numbers.epochs, simulated=numbers.simulated if count is None else count)
    with progress_bar() as bar:
        reading = bar.add_task("reading", total=None, unit="runs")
        drawing = bar.add_task("simulating", total=numbers.simulated, unit="runs")
        outcome = train_on_runs(
            runs,
            output,
            numbers,
            model=model,
            relationship=relationship,
            overwrite=overwrite,
            device=device,
            read=lambda done, total: bar.update(reading, completed=done, total=total),
            drawn=lambda done: bar.update(drawing, completed=done),
        )
    injection = outcome.injection
    rows: list[list[object]] = [["gap to the optimum", *(f"{gap:.4f}" for gap in injection.gap)]]
    if injection.kept is not None:
        rows.append(["loss on simulated runs", *(f"{loss:.4f}" for loss in injection.kept)])
    if injection.kept is not None and injection.kept[1] > _FORGOTTEN * injection.kept[0]:
        say_error("the network does worse on simulated runs than before; compare both on runs that you know before you use it")
    screen = console()
    screen.print(table({"on data held apart": "left", "before": "right", "after": "right"}, rows))
    place = f"Model: {display_name(output)} (open report.html there)"
    screen.print(f"{outcome.runs} runs, {outcome.frames} frames. {place}", markup=False)
    for failure in outcome.failures:
        say_error(f"left out: {failure}")


def train_simulated(
    kind: str, output: Path, model: Path | None, *, epochs: int | None, count: int | None, seed: int, overwrite: bool
) -> None:
    """Train on simulated runs alone, from nothing or from ``model``."""
    if kind not in {"network", "unrolled"}:
        message = f"--simulated is network or unrolled, not {kind!r}"
        raise ParameterError(message)
    if (output / "model.json").exists() and not overwrite:
        message = f"{display_name(output)} holds a model already; add --overwrite to replace it, or choose another folder (-o)"
        raise ParameterError(message)
    with progress_bar() as bar:
        drawing = bar.add_task("simulating", total=None, unit="runs")

        def drawn(done: int) -> None:
            bar.update(drawing, completed=done)

        if kind == "network":
            from foreknow.angiography.network.pretraining import Pretraining, pretrain  # noqa: PLC0415

            numbers = Pretraining(seed=seed)
            chosen = replace(numbers, epochs=epochs or numbers.epochs, runs=count or numbers.runs)
            bar.update(drawing, total=chosen.runs)
            history = pretrain(output, chosen, model=model, drawn=drawn)
        else:
            if model is not None:
                message = "--model has no meaning for --simulated unrolled, which begins with the classical weights"
                raise ParameterError(message)
            from foreknow.angiography.unrolled_saved import UnrolledTraining, pretrain_unrolled  # noqa: PLC0415

            plan = UnrolledTraining(seed=seed)
            plan = replace(plan, epochs=epochs or plan.epochs, runs=count or plan.runs)
            bar.update(drawing, total=plan.runs)
            history = pretrain_unrolled(output, plan, drawn=drawn)
    console().print(f"{history.outcome.value} after {history.steps} steps. Model: {display_name(output)}", markup=False)
