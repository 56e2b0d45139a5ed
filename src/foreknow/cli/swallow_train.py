"""``foreknow swallow train``: the network that counts swallows, made from the simulator."""

from typing import Annotated

import typer

from foreknow.cli.extras import require_extra
from foreknow.cli.options import Output, Seed, check_output


def train(
    output: Output,
    trials: Annotated[
        int, typer.Option("--trials", min=16, help="Trials of 30 s that are simulated, 3 s of a processor each.")
    ] = 240,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes of 1536 windows, about 6 s of a processor each.")] = 60,
    seed: Seed = 0,
) -> None:
    """Train the network that counts swallows on simulated necks alone; made for `count --model` and `live --model`.

    FOLDER gets model.json, weights.safetensors and card.md, and in trials/ and run/ what an interrupted training goes on from.
    Every eighth trial is not learned from: it decides which weights are kept, the threshold, and how sure a peak is.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from foreknow.cli.show import console, progress_bar  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415

    require_extra("swallow")
    from foreknow.learn import Description  # noqa: PLC0415
    from foreknow.swallow.learned.calibrate import calibrate  # noqa: PLC0415
    from foreknow.swallow.learned.network import swallow_model  # noqa: PLC0415
    from foreknow.swallow.learned.train import TrainingPlan, divided, simulated_trials, train_network  # noqa: PLC0415
    from foreknow.swallow.model import KIND, write_model  # noqa: PLC0415
    from foreknow.threads import one_thread  # noqa: PLC0415

    check_output(output)
    plan = TrainingPlan(trials=trials, epochs=epochs, seed=seed)
    with one_thread():
        with progress_bar() as bar:
            task = bar.add_task("simulating", total=trials, unit="trials")
            found = simulated_trials(output / "trials", range(trials), lambda number: bar.update(task, completed=number + 1))
        network, history = train_network(found, plan, folder=output / "run")
        layer = network.coding.learned_problem()
        formula = swallow_model(layer.operators[0].kernel, layer.operators[1].kernel)  # type: ignore[arg-type]
        description = Description(
            kind=KIND,
            formula=str(formula).splitlines()[0] + f" ({network.settings.patterns} spatial patterns)",
            training={**asdict(plan), "steps": history.steps},
            data=f"{len(found)} simulated trials of 30 s, seeds 0 to {trials - 1}",
            purpose="Counts saliva swallows in depth videos of the neck. Learned from simulated necks; not tested on patients.",
        )
        model = calibrate(network, divided(found)[1], description)
    write_model(output, model)
    score, apart = model.description.metrics["f1"], len(divided(found)[1])
    sentence = f"F1 {score:.3f} on {apart} simulated trials that it did not learn from; use it with --model"
    console().print(f"{display_name(output)}: {sentence}", markup=False)
