"""The crackle model unrolled: a few steps of its solver, whose wavelet and weights are learned end to end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.lung.crackle_weights import ScaledWeights, relief
from foreknow.lung.neighbourhood import energy_nearby
from foreknow.lung.noise_level import local_level
from foreknow.lung.refit import Refit
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.operators import FilterBank, StationaryWavelet
from foreknow.parameters import Bounded, Positive
from foreknow.priors import L1
from foreknow.problem import Component
from foreknow.solve import FISTA
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Estimate, Operators, UnrolledNetwork, Weights

_APPROXIMATION = 3.0  # times the weight of the other bands: heart sounds and handling noise are there, not crackles


@dataclass(frozen=True)
class CrackleNetworkSettings:
    """How the network is built; what it starts from is learned further.

    Attributes:
        rate: of the recordings that it is for, hertz.
        wavelet: name of the orthogonal wavelet that it starts from.
        levels: number of wavelet levels.
        steps: of FISTA in each round.
        spectrum_window: of the spectrogram by whose median windows are whitened, samples.
        spectrum_hop: its hop, samples.
        level_span: over which the level of the breath sound is measured, seconds.
        width: of the neighbourhood in which a crackle lowers the weights, seconds (standard deviation).
        threshold: weight of crackles to start from, in standard deviations of the breath sound.
    """

    rate: int = 4000
    wavelet: str = "db4"
    levels: int = 4
    steps: tuple[int, ...] = (3, 3)
    spectrum_window: int = 256
    spectrum_hop: int = 64
    level_span: float = 0.25
    width: float = 0.002
    threshold: float = 3.0

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {**asdict(self), "steps": list(self.steps)}


class CrackleNetwork(nn.Module):
    r"""Whitened recordings to crackles and their coefficients.

        y = W^* c + noise,    1/2 |y - W^* c|^2 + sum w |c|

    with an undecimated orthonormal wavelet W whose filter is learned (any lattice angles, so reconstruction stays perfect whatever
    they become). A round is a few steps of FISTA on it, all with the same learned weights, so that a round is the beginning of a
    solver of one convex problem. The second round starts where the first ended, with weights lowered where there was a crackle
    (`relief`); how far and from which level on is learned too. Weights are in units of the local level of the breath sound in each
    band, which sounds that last rise along with it: the tonal part of the model of `foreknow.lung.CrackleSeparator` is not needed,
    and in so few steps it would take half of every crackle. What the sparse model takes off the crackles that it has found is given
    back by a last layer, of which a few numbers are learned as well (`Refit`).

    Source: Candès, Wakin and Boyd 2008 for reweighting; Gregor and LeCun 2010 for learned steps of a solver.

    Args:
        settings: how it is built.
        length: of the recordings, samples; a network that knows it is faster where nothing is learned. None for any.
    """

    def __init__(self, settings: CrackleNetworkSettings | None = None, length: int | None = None) -> None:
        super().__init__()
        self.settings = settings or CrackleNetworkSettings()
        self.rounds = nn.ModuleList(self._unroll(steps, length) for steps in self.settings.steps)
        bands = torch.ones(self.settings.levels + 1, 1, dtype=torch.float64)
        later = len(self.settings.steps) - 1
        self.shares = nn.ModuleList(Bounded(0.25 * bands, 0.0, 1.0) for _ in range(later))
        self.relief_levels = nn.ModuleList(Positive(2.0 * bands) for _ in range(later))
        self.refit = Refit(self.settings.levels + 1)

    def _unroll(self, steps: int, length: int | None) -> UnrolledNetwork:
        settings = self.settings
        weights = torch.full((settings.levels + 1,), settings.threshold)
        weights[0] *= _APPROXIMATION
        wavelet = StationaryWavelet(FilterBank.named(settings.wavelet), settings.levels, length)
        model = Model(crackles=Component(L1(ScaledWeights(weights), event_dims=2), wavelet.T), noise=Gaussian(1.0))
        learn = (Weights(), Operators())
        return model.unroll(steps, algorithm=FISTA(step=NormStep()), learn=learn, shared=True)

    def forward(self, y: Tensor) -> Estimate:
        r"""Crackles of whitened recordings, (\*batch, n) to the same.

        Returns:
            ``sparse``, the solution of the model that is unrolled, and ``crackles``, which are kept whole where it found some.
        """
        span = round(self.settings.level_span * self.settings.rate)
        wavelet = self.wavelet(0).on((y.shape[-1],))
        with torch.no_grad():
            level = local_level(wavelet(y), span)
        factor: Tensor | None = None
        start: dict[str, Tensor] | None = None
        estimate: Estimate | None = None
        for index, network in enumerate(self.rounds):
            if estimate is not None:
                energy = energy_nearby(estimate.coefficients["crackles"], level, self.settings.rate, self.settings.width)
                factor = relief(energy, self.shares[index - 1](), self.relief_levels[index - 1]())
            for weights in _scaled(network):
                weights.scale = level if factor is None else level * factor
            try:
                estimate = network(y, start)
            finally:
                for weights in _scaled(network):
                    weights.scale = None
            start = estimate.coefficients
        assert estimate is not None  # noqa: S101  (there is at least one round)
        last, sparse = self.wavelet().on((y.shape[-1],)), estimate.coefficients["crackles"]
        whole = self.refit(last(y), sparse, level, self.settings.rate)
        return Estimate({"sparse": sparse, "crackles": whole}, {"sparse": estimate["crackles"], "crackles": last.adjoint(whole)})

    def wavelet(self, index: int = -1) -> StationaryWavelet:
        """The wavelet of a round as it is now."""
        network: Any = self.rounds[index]
        return next(part for part in network.layers.modules() if isinstance(part, StationaryWavelet))

    def wavelet_copy(self) -> StationaryWavelet:
        """The wavelet of the last round as it is now, of which nothing is learned."""
        return StationaryWavelet(FilterBank(self.wavelet().filter_bank.angles.detach().clone()), self.settings.levels)

    def weights(self) -> Tensor:
        """Weights of the last round by band, (bands, 1)."""
        last: Any = self.rounds[-1]
        (prior,) = last.learned_problem().declared_priors()
        weight: Tensor = prior.weight.detach().clone()
        return weight

    def __str__(self) -> str:
        last: Any = self.rounds[-1]
        formula: str = last.learned_problem().formula
        return formula


def _scaled(network: nn.Module) -> list[ScaledWeights]:
    return [part for part in network.modules() if isinstance(part, ScaledWeights)]
