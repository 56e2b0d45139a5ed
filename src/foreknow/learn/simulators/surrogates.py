"""Surrogates: a network learns a simulator's steps from its runs, and is accepted only if it is good enough on other runs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foreknow.errors import ForeknowError, ParameterError
from foreknow.learn.compute import Compute
from foreknow.learn.data import Examples
from foreknow.learn.emission import SIGNAL
from foreknow.learn.fit import fit
from foreknow.learn.history import History
from foreknow.learn.objectives import Supervised
from foreknow.learn.progress import TrainingProgress
from foreknow.learn.settings import Settings
from foreknow.simulate import Simulator


class SurrogateRejectedError(ForeknowError, ValueError):
    """A surrogate is not accurate enough on runs that it has not learned from."""


@dataclass(frozen=True)
class SurrogateError:
    """How a surrogate does on held-apart runs.

    Attributes:
        errors: root mean square error after 1, 2 ... steps, over the standard deviation of the runs; not finite where it blows up.
        persistence: the same of the forecast that nothing changes.
    """

    errors: tuple[float, ...]
    persistence: tuple[float, ...]

    def require(self, tolerance: float) -> None:
        """Check that the last error is small enough, and every one better than persistence.

        Raises:
            SurrogateRejectedError: with the numbers.
        """
        last = self.errors[-1]
        if not last <= tolerance:
            message = (
                f"the surrogate's error after {len(self.errors)} steps is {last:.3g} of the natural variability, more than the "
                f"{tolerance:g} that are allowed; train it longer or on more runs, or make the network larger"
            )
            raise SurrogateRejectedError(message)
        worse = [step for step, (own, still) in enumerate(zip(self.errors, self.persistence, strict=True), 1) if not own < still]
        if worse:
            message = f"the surrogate forecasts {worse[0]} steps ahead no better than if nothing changed; train it longer"
            raise SurrogateRejectedError(message)

    def __str__(self) -> str:
        shown = ", ".join(f"{error:.3g}" for error in self.errors)
        return f"relative error after 1 to {len(self.errors)} steps: {shown} (persistence {self.persistence[-1]:.3g})"


class Rollout(nn.Module):
    """A simulator as a network for `fit`: from first states to the next ``steps`` states.

    Args:
        simulator: with parameters to learn.
        steps: how many.
    """

    def __init__(self, simulator: Simulator, steps: int) -> None:
        super().__init__()
        if steps < 1:
            message = f"a forecast has at least one step, not {steps}"
            raise ParameterError(message)
        self.simulator = simulator
        self.steps = steps

    def forward(self, state: Tensor) -> Tensor:
        r"""(\*batch, steps, \*shape) after states (\*batch, \*shape)."""
        path = self.simulator.trajectory(state, self.steps)
        return path.narrow(state.ndim - self.simulator.state_dims, 1, self.steps)


def pairs(runs: Tensor, steps: int, state_dims: int = 1) -> Examples:
    r"""Every state of runs with the ``steps`` states that follow it, for `Rollout`.

    Args:
        runs: (count, moments, \*shape).
        steps: that a forecast has.
        state_dims: number of axes of a state.

    Raises:
        ParameterError: if the runs are too short.
    """
    moments = runs.shape[1]
    if moments <= steps or runs.ndim != state_dims + 2:
        message = f"forecasts of {steps} steps need runs (count, moments > {steps}, *state), not of shape {tuple(runs.shape)}"
        raise ParameterError(message)
    first = runs[:, : moments - steps].flatten(0, 1)
    following = torch.stack([runs[:, 1 + step : moments - steps + 1 + step] for step in range(steps)], dim=2).flatten(0, 1)
    return Examples(first, {SIGNAL: following})


def train_surrogate(
    surrogate: Simulator,
    runs: Tensor,
    settings: Settings | None = None,
    *,
    steps: int = 2,
    compute: Compute | None = None,
    progress: TrainingProgress | None = None,
) -> History:
    r"""Train a surrogate, in place, to forecast runs of the simulator that it stands for.

    Args:
        surrogate: with parameters to learn; such as `foreknow.simulate.Surrogate`.
        runs: (count, moments, \*shape), one moment for each of its steps.
        settings: of the run.
        steps: that are forecast from each state; more than one makes forecasts stable.
        compute: the hardware; the precision of the runs must be its.
        progress: of the steps.

    Raises:
        ParameterError: if the runs are too short.
        TrainingDivergedError: if the loss leaves the finite numbers.
    """
    data = pairs(runs, steps, surrogate.state_dims)
    return fit(Rollout(surrogate, steps), Supervised(), data, settings, compute=compute, progress=progress)


def surrogate_error(surrogate: Simulator, runs: Tensor, steps: int = 10) -> SurrogateError:
    r"""Forecast held-apart runs.

    Args:
        surrogate: trained.
        runs: that it has not learned from, (count, moments, \*shape).
        steps: of the forecasts, from every moment that has so many after it.
    """
    data = pairs(runs, steps, surrogate.state_dims)
    example = data.draw(range(len(data)), 0)
    truth = example.truth[SIGNAL]
    size = runs.double().std(dim=(0, 1)).square().mean().sqrt()
    with torch.no_grad():
        found = Rollout(surrogate, steps)(example.y)
        errors = _errors(found - truth, size, surrogate.state_dims)
        still = _errors(example.y.unsqueeze(1) - truth, size, surrogate.state_dims)
    return SurrogateError(errors, still)


def _errors(difference: Tensor, size: Tensor, state_dims: int) -> tuple[float, ...]:
    flat = difference.double().flatten(difference.ndim - state_dims).square()
    return tuple((flat.mean(dim=(0, 2)).sqrt() / size).tolist())
