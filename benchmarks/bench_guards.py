"""What adaptation to a shifted domain costs a network of its source domain, with and without guards."""

import copy
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.table import Estimate, Table
from foreknow import L1, Component, Gaussian, Matrix, Model
from foreknow.learn import Compute, Data, Examples, Settings, Silent, Simulated, Supervised, Validation, fit
from foreknow.learn.guards import L2SP, FrozenOperators, GroupL2SP, Guard, Replay, SelectiveDecay
from foreknow.solve import ForwardBackward
from foreknow.unroll import Operators, UnrolledNetwork, Weights

TITLE = "Guards: what adaptation to a shifted domain costs of the source domain"
LENGTH, ATOMS, STEPS, ACTIVE = 32, 48, 4, 3
RECORDS = 256  # of the target that are given
KEPT, BEHIND = 0.95, 0.01  # what a guard must reach: part of the source score, distance of the target score
_CPU = Compute("cpu")


@dataclass(frozen=True)
class Domain:
    """Signals of a few waveforms out of the domain's own, in noise.

    All waveforms are columns of one orthonormal basis; a domain has those from ``first`` to ``last - 1``.
    """

    first: int
    last: int
    noise: float

    def __call__(self, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """One record: y, and its clean signal."""
        chosen = self.first + torch.randperm(self.last - self.first, generator=generator)[:ACTIVE]
        heights = 1 + torch.randn(ACTIVE, generator=generator).abs()
        signs = torch.randint(2, (ACTIVE,), generator=generator) * 2 - 1
        clean = _BASIS[:, chosen] @ (heights * signs)
        return clean + self.noise * torch.randn(LENGTH, generator=generator), {"signal": clean}


_BASIS = torch.linalg.qr(torch.randn(LENGTH, LENGTH, generator=torch.Generator().manual_seed(0))).Q
SOURCE = Domain(0, 20, noise=0.2)
TARGET = Domain(12, 32, noise=0.25)


def run(quick: bool) -> Table:
    table = Table(["method", "source SDR after", "source kept", "target SDR after", "against unguarded", "meets both"])
    seeds = range(1, 2 if quick else 4)  # the weight of replay was chosen on seed 0
    rows: dict[str, list[tuple[float, float]]] = {}
    before = []
    for seed in seeds:
        network = _learned_source(seed, quick=quick)
        before.append((_sdr(network, SOURCE), _sdr(network, TARGET)))
        for name, guards in _methods(seed).items():
            adapted = copy.deepcopy(network)
            _adapt(adapted, guards(), seed, quick=quick)
            rows.setdefault(name, []).append((_sdr(adapted, SOURCE), _sdr(adapted, TARGET)))
    table.add("before adaptation", _spread([source for source, _ in before]), "100.0 %", _spread([t for _, t in before]), "", "")
    plain = rows["no guard"]
    for name, found in rows.items():
        kept = statistics.mean(after[0] / first[0] for after, first in zip(found, before, strict=True))
        behind = statistics.mean(after[1] / free[1] - 1 for after, free in zip(found, plain, strict=True))
        meets = sum(
            after[0] >= KEPT * first[0] and after[1] >= (1 - BEHIND) * free[1]
            for after, first, free in zip(found, before, plain, strict=True)
        )
        table.add(
            name,
            _spread([source for source, _ in found]),
            f"{kept:.1%}",
            _spread([target for _, target in found]),
            f"{behind:+.1%}",
            f"{meets} of {len(found)}",
        )
    table.notes += [
        f"Proximal gradient unrolled to {STEPS} steps, each with a threshold and {ATOMS} atoms of its own; learned from pairs.",
        f"Records of {LENGTH} samples: {ACTIVE} waveforms in noise. Source: those from 1 to 20 of a basis, noise 0.2.",
        "Target: those from 13 to 32, noise 0.25. The weight of replay (4) was chosen on another seed and other records.",
        f"{RECORDS} records of the target are given; the weights with the best score on 128 others of the target are kept.",
        "SDR of the clean signal in dB over 400 held-out records of each domain: median [lowest, highest] of the seeds.",
        f"Meets both: keeps {KEPT:.0%} of the source SDR and comes within {BEHIND:.0%} of the target SDR of unguarded adaptation.",
    ]
    return table


def _methods(seed: int) -> dict[str, Callable[[], list[Guard]]]:
    return {
        "no guard": list,
        "replay from the simulator": lambda: [_replay(seed)],
        "replay and L2-SP 0.3": lambda: [_replay(seed), L2SP(0.3)],
        "L2-SP 1": lambda: [L2SP(1.0)],
        "group L2-SP 0.3": lambda: [GroupL2SP(0.3)],
        "SPD 1": lambda: [SelectiveDecay(1.0)],
        "frozen operators": lambda: [FrozenOperators()],
    }


def _replay(seed: int) -> Replay:
    return Replay(Simulated(SOURCE, 1000, seed=100 + seed), Supervised(), weight=4.0, batch_size=32)


def _learned_source(seed: int, *, quick: bool) -> nn.Module:
    atoms = torch.randn(LENGTH, ATOMS, generator=torch.Generator().manual_seed(seed))
    atoms /= torch.linalg.matrix_norm(atoms, 2)
    model = Model(noise=Gaussian(1.0), signal=Component(L1(weight=0.02), Matrix(atoms)))
    network = UnrolledNetwork(model.problem, ForwardBackward(), STEPS, [Weights(), Operators()])
    settings = Settings(epochs=10 if quick else 40, batch_size=32, learning_rate=0.01, seed=seed)
    given = Simulated(SOURCE, 2048, seed=seed).draw(range(2048), 0)
    _fit(network, Examples(given.y, given.truth), settings, Simulated(SOURCE, 128, seed=50 + seed), [])
    return network


def _adapt(network: nn.Module, guards: list[Guard], seed: int, *, quick: bool) -> None:
    given = Simulated(TARGET, RECORDS, seed=200 + seed).draw(range(RECORDS), 0)
    settings = Settings(epochs=10 if quick else 160, batch_size=32, learning_rate=0.005, seed=seed)
    _fit(network, Examples(given.y, given.truth), settings, Simulated(TARGET, 128, seed=300 + seed), guards)


def _fit(network: nn.Module, data: Data, settings: Settings, apart: Data, guards: list[Guard]) -> None:
    fit(network, Supervised(), data, settings, validation=Validation(apart), guards=guards, compute=_CPU, progress=Silent())


@torch.no_grad()
def _sdr(network: nn.Module, domain: Domain) -> float:
    """Signal-to-distortion ratio over held-out records, dB."""
    example = Simulated(domain, 400, seed=998).draw(range(400), 0)
    truth = example.truth["signal"]
    error = network(example.y)["signal"] - truth
    return 10 * math.log10(float(truth.square().sum() / error.square().sum()))


def _spread(values: list[float]) -> Estimate:
    return Estimate(statistics.median(values), min(values), max(values))
