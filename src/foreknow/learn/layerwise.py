"""Layer-wise warm-up: the first steps of an unrolled network are trained before the later ones see them."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.learn.compute import Compute
from foreknow.learn.data import Data
from foreknow.learn.fit import fit
from foreknow.learn.history import History
from foreknow.learn.objectives import Objective
from foreknow.learn.progress import TrainingProgress
from foreknow.learn.settings import Settings
from foreknow.unroll import Estimate, UnrolledNetwork
from foreknow.unroll.unrolling import Unrolling


class FirstSteps(nn.Module):
    """The first steps of an unrolled network, sharing their parameters, as a network of its own.

    Args:
        network: whose steps have parameters of their own.
        count: of the steps.

    Raises:
        ParameterError: if all steps share their parameters, or there are not so many.
    """

    def __init__(self, network: UnrolledNetwork, count: int) -> None:
        super().__init__()
        if network.shared:
            message = "all steps of this network share their parameters, so that the first ones cannot be trained alone; use fit"
            raise ParameterError(message)
        if not 1 <= count <= network.steps:
            message = f"the network has the steps 1 to {network.steps}, of which the first {count} cannot be taken"
            raise ParameterError(message)
        self.names = network.names
        self.differentiation = network.differentiation
        self.safeguard = network.safeguard
        self.layers = nn.ModuleList(network.layer(step) for step in range(count))

    def forward(self, y: Tensor) -> Estimate:
        r"""The components after the last of these steps.

        Args:
            y: the data, (\*batch, \*shape).
        """
        layers = list(self.layers.children())
        unrolling = Unrolling(layers, y, None, self.safeguard)  # type: ignore[arg-type]
        found = self.differentiation.run(unrolling).coefficients
        parts = unrolling.problem.parts(found)
        return Estimate(dict(zip(self.names, found, strict=True)), dict(zip(self.names, parts, strict=True)))


def warm_up(
    network: UnrolledNetwork,
    objective: Objective,
    data: Data,
    settings: Settings,
    depths: Sequence[int],
    *,
    folder: str | Path | None = None,
    compute: Compute | None = None,
    progress: TrainingProgress | None = None,
) -> tuple[History, ...]:
    """Train the first k steps for every k of ``depths``, so that `fit` of the whole network begins near a good point.

    A deep network whose early steps are poor gives its late ones gradients that say little; LISTA-type networks are therefore grown
    (Borgerding, Schniter and Rangan 2017).

    Args:
        network: its steps have parameters of their own; trained in place.
        objective: what for.
        data: to learn from.
        settings: of each stage.
        depths: rising, from 1 to the number of steps at most.
        folder: for checkpoints, a folder in it for each stage; an interrupted warm-up goes on where it was.
        compute: the hardware.
        progress: of the steps of each stage.

    Returns:
        The history of each stage.

    Raises:
        ParameterError: if the depths do not rise or do not fit the network.
    """
    if list(depths) != sorted(set(depths)) or not depths:
        message = f"the depths of a warm-up must rise, such as (2, 4, 8), not {tuple(depths)}"
        raise ParameterError(message)
    stages = [FirstSteps(network, depth) for depth in depths]
    hardware = Compute() if compute is None else compute
    return tuple(
        fit(
            stage,
            objective,
            data,
            settings,
            folder=None if folder is None else Path(folder) / f"first-{depth}",
            compute=hardware,
            progress=progress,
        )
        for depth, stage in zip(depths, stages, strict=True)
    )
