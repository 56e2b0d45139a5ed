"""The contract of a Markov chain, and the chain with a Metropolis test: Hamiltonian steps with proximal maps."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters.target import Target
from foreknow.problem import Coefficients
from foreknow.solve.blocks import add, norm, scale_items, select


@dataclass(frozen=True)
class Chain:
    r"""The state of one chain a batch item.

    Attributes:
        x: the draw, (\*batch, \*domain of A_i).
        log_scale: logarithm of the step, in units of `Target.unit`.
        steps: how many were made.
        acceptance: mean probability of acceptance in the last run.
        mean: of the last draws, of the shapes of x.
        width: root mean square deviation from it, of the component that moves most.
    """

    x: Coefficients
    log_scale: float
    steps: int = 0
    acceptance: float = 1.0
    mean: Coefficients = ()
    width: float = 0.0

    def young(self) -> "Chain":
        """The same chain, with steps that go on adapting: for a target that changes."""
        return replace(self, steps=min(self.steps, _YOUTH))


class Sampler(ABC):
    """Makes steps of Markov chains, one chain a batch item."""

    @abstractmethod
    def begin(self, target: Target, x: Coefficients) -> Chain:
        """The chain before its first step.

        Raises:
            UnsupportedError: if the target is not one that this chain can draw from.
        """

    @abstractmethod
    def run(self, target: Target, chain: Chain, steps: int, generator: torch.Generator | None) -> Chain:
        """The chain some steps later; the target stays what it is in between."""


class ProximalHMC(Sampler):
    """Hamiltonian Monte Carlo for densities with kinks (Chaari, Tourneret, Chaux and Batatia 2016): draws without bias.

    A step gives x a random momentum and follows it through some leapfrog steps, in which the priors pull by their Moreau envelopes;
    the Metropolis test, with the priors as they are, makes the draws exact whatever the envelopes. With one leapfrog step this is
    the proximal Metropolis-adjusted Langevin algorithm (Pereyra 2016). More of them carry x across directions that the data leave
    open, at a cost in proportion to their width, not to its square.

    The length of the leapfrog steps is adapted to the acceptance, by changes that die out, and varied by a fifth from one step to
    the next, so that no period of the motion is met; it falls with the fourth root of the number of coefficients of an item. Their
    number is adapted to the width of the draws: a quarter of the period of a Gaussian so wide.

    Args:
        leapfrog: most leapfrog steps in one step of the chain.
        acceptance: mean probability to adapt to; 0.65 to 0.8 is best (Beskos et al. 2013), 0.57 for one leapfrog step.

    Raises:
        ParameterError: if an argument is outside its range.
    """

    def __init__(self, leapfrog: int = 60, acceptance: float = 0.7) -> None:
        if leapfrog < 1 or not 0 < acceptance < 1:
            message = f"at least one leapfrog step, and an acceptance in (0, 1), not {leapfrog} and {acceptance}"
            raise ParameterError(message)
        self.leapfrog = leapfrog
        self.acceptance = acceptance

    def begin(self, target: Target, x: Coefficients) -> Chain:
        """The chain at x, with a step for its number of coefficients.

        Raises:
            UnsupportedError: if a prior is infinite outside a set.
        """
        require_density(target, x)
        size = sum(part.numel() for part in x) / math.prod(target.problem.batch_shape(target.y))
        return Chain(x, -math.log(size) / 2, mean=x)

    def run(self, target: Target, chain: Chain, steps: int, generator: torch.Generator | None) -> Chain:
        """The chain some steps later."""
        problem, x = target.problem, chain.x
        log_scale, count, total, mean, width = chain.log_scale, chain.steps, 0.0, chain.mean, chain.width
        with torch.no_grad():
            unit = target.unit()
            length = float(unit.sqrt().mean())
            potential = target.potential(x)
            for _ in range(steps):
                jitter = 0.8 + 0.4 * torch.rand((), generator=generator, device=unit.device, dtype=unit.dtype)
                momentum = white(x, generator)
                leaps = math.ceil(math.pi / 2 * width / (length * math.exp(log_scale / 2)))
                step = unit * (math.exp(log_scale) * jitter**2)
                ahead, moved = self._trajectory(target, x, momentum, step, max(1, min(leaps, self.leapfrog)))
                after = target.potential(ahead)
                kinetic = (norm(problem, momentum).double().square() - norm(problem, moved).double().square()) / 2
                probability = (potential - after + kinetic).nan_to_num(nan=-torch.inf).clamp_max(0).exp()
                draw = torch.rand(probability.shape, generator=generator, dtype=torch.float64, device=probability.device)
                accepted = draw < probability
                x = select(problem, accepted, ahead, x)
                potential = torch.where(accepted, after, potential)
                count += 1
                rate = float(probability.mean())
                total += rate
                log_scale += 2 * (rate - self.acceptance) * count**-0.6
                away = add(x, mean, -1)
                mean = add(mean, away, 1 / min(count + 1, _YOUTH))
                width = max(float(part.abs().square().mean()) for part in away) ** 0.5
        return Chain(x, log_scale, count, total / steps, mean, width)

    def _trajectory(
        self, target: Target, x: Coefficients, p: Coefficients, step: Tensor, leaps: int
    ) -> tuple[Coefficients, Coefficients]:
        """Position and momentum after some leapfrog steps; ``step`` is the square of their length, (*batch,)."""
        problem, length, smoothing = target.problem, step.sqrt(), step * target.overlap / 2
        p = add(p, scale_items(problem, length / 2, target.drift(x, smoothing)), -1)
        for count in range(leaps):
            x = add(x, scale_items(problem, length, p))
            share = length if count + 1 < leaps else length / 2
            p = add(p, scale_items(problem, share, target.drift(x, smoothing)), -1)
        return x, p


_YOUTH = 50


def white(x: Coefficients, generator: torch.Generator | None) -> Coefficients:
    """White noise of unit variance in every real part, of the shapes of x."""
    draws = [torch.randn(part.shape, generator=generator, dtype=part.dtype, device=part.device) for part in x]
    return tuple(draw * 2**0.5 if draw.is_complex() else draw for draw in draws)


def require_density(target: Target, x: Coefficients) -> None:
    """Check that the target is finite around x: a chain that meets a wall stops.

    Raises:
        UnsupportedError: if it is not.
    """
    generator = torch.Generator(device=target.y.device).manual_seed(0)
    size = max(float(part.abs().max()) for part in x) or 1.0
    moved = tuple(part + size * draw for part, draw in zip(x, white(x, generator), strict=True))
    with torch.no_grad():
        finite = bool(torch.isfinite(target.potential(moved)).all())
    if not finite:
        message = "a prior is infinite outside a set, and these chains stop at walls; learn without the set, or by UnbiasedRisk"
        raise UnsupportedError(message)
