"""Data assimilation: documented scores of twin experiments, sparse kicks, a surrogate, and the speed against DAPPER."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.dapper_peer import DapperRun, dapper_run
from benchmarks.table import Table
from benchmarks.timing import time_interleaved
from foreknow import L1, Component, Gaussian, Model
from foreknow.learn import Compute, Settings, Silent
from foreknow.learn.simulators import surrogate_error, train_surrogate
from foreknow.simulate import (
    InitialStateAndKicks,
    Integrated,
    Lorenz63,
    Lorenz96,
    RingNetwork,
    SimulatedOperator,
    Surrogate,
    TwoScaleLorenz96,
)
from foreknow.simulate.assimilation import (
    ETKF,
    LETKF,
    Analysis,
    Assimilation,
    Background,
    CycledFourDVar,
    Dense,
    Diagonal,
    EnKF,
    FiniteSize,
    FourDVar,
    GaspariCohn,
    IEnKS,
    Localisation,
    ObservedSystem,
    Prior,
    ThreeDVar,
    TwinExperiment,
    Window,
    covariance_of,
    ring_distances,
    scaled,
)
from foreknow.simulate.assimilation.ensemble import describe
from foreknow.simulate.assimilation.filter import FilterState
from foreknow.solve import GaussNewton, ProximalGaussNewton

TITLE = "Data assimilation: twin experiments, kicks, surrogate, speed"
SEEDS = 5


def run(quick: bool) -> Table:
    table = Table(["case", "method", "measure", "value", "documented", "lost", "seconds"])
    _scores(table, quick=quick)
    _kicks(table, quick=quick)
    _surrogate(table, quick=quick)
    _speed(table, quick=quick)
    table.notes += [
        f"Scores: time mean of the RMSE of the analysis, median of {SEEDS} independent experiments that run as one batch.",
        "Lost: how many of them diverged (they count in the median). Documented: the values that DAPPER lists.",
        "Lorenz-96: n 40, F 8, RK4 dt 0.05, R = I, first guess with spread 1. Lorenz-63: RK4 dt 0.01, every 25 steps, R = 2 I.",
        "4D-Var tells all observations of a window again in every cycle; its background covariance is 0.0015 of climatology.",
        "Kicks: 5 of 800 in 20 steps, size 2 to 4, observation error 0.2, first state known to 0.2. F1 of |kick| > 0.3.",
        "Plain 4D-Var has Gaussian kicks of the same variance as the sparse ones.",
        "Surrogate: a step of the slow equations plus one network call, learned from 40 runs of 220 moments of the two-scale model",
        (
            "(20 slow and 160 fast places, 20 sub-steps), 10 experiments. "
            "Filters observe the slow places; inflations were tuned for each."
        ),
        "Speed: one thread, one process; DAPPER is timed as it is used, with its statistics.",
    ]
    return table


# ---------------------------------------------------------------------------------------------------------------- documented scores
def _scores(table: Table, *, quick: bool) -> None:
    cycles = 150 if quick else 1000
    lorenz = Integrated(Lorenz96(), 0.05)
    often = TwinExperiment(ObservedSystem(lorenz, Diagonal(1.0)), cycles, min(400, cycles // 2))
    local = Localisation(ring_distances(40), GaspariCohn(4.0))
    name = "Lorenz-96, every step"
    _score(table, name, "ETKF N 24, 1.02, rotation", often, ETKF(24, 1.02), 0.18)
    _score(table, name, "LETKF N 7, 1.04, radius 4, rotation", often, LETKF(7, local, 1.04), 0.22)
    _score(table, name, "EnKF N 40, 1.06", often, EnKF(40, 1.06), 0.22)
    _score(table, name, "EnKF-N N 24, rotation", often, ETKF(24, FiniteSize()), 0.21)
    _score(table, name, "EnKF-N N 24, rotation, certainty 2", often, ETKF(24, FiniteSize(2.0)), 0.18)
    seldom = ObservedSystem(lorenz, Diagonal(1.0), every=4)
    climate = _climate(seldom, 200)
    name = "Lorenz-96, every 0.2"
    few = 60 if quick else 500
    experiment = TwinExperiment(seldom, few, few // 5)
    _score(table, name, "iEnKS N 20, lag 4, EnKF-N certainty 2", experiment, IEnKS(20, 4, FiniteSize(2.0)), 0.31)
    _score(table, name, "iEnKS N 25, lag 4, 1.02", experiment, IEnKS(25, 4, 1.02), None)
    shorter = TwinExperiment(seldom, 30 if quick else 300, 10 if quick else 60)
    method = CycledFourDVar(4, scaled(climate, 0.0015), method=GaussNewton(1e-2, 5))
    _score(table, name, "4D-Var, lag 4", shorter, method, 0.37)
    system = ObservedSystem(Integrated(Lorenz63(), 0.01), Diagonal(2**0.5), every=25)
    climate = _climate(system, 500)
    experiment = TwinExperiment(system, cycles, 64, start=Diagonal(2**0.5), spin_up=50)
    name = "Lorenz-63, every 0.25"
    _score(table, name, "ETKF N 10, 1.02, rotation", experiment, ETKF(10, 1.02), 0.60)
    _score(table, name, "EnKF-N N 3", experiment, ETKF(3, FiniteSize()), 0.60)
    _score(table, name, "iEnKS N 10, lag 1, 1.02, rotation", experiment, IEnKS(10, 1, 1.02), 0.31)
    _score(table, name, "3D-Var, 0.1 of climatology", experiment, ThreeDVar(scaled(climate, 0.1)), 1.04)


def _score(
    table: Table, case: str, name: str, experiment: TwinExperiment, method: Assimilation[Any], documented: float | None
) -> None:
    generator = torch.Generator().manual_seed(3000)
    truth = experiment.simulate(generator, (SEEDS,))
    begin = time.perf_counter()
    result = experiment.run(method, truth, generator)
    seconds = time.perf_counter() - begin
    table.add(case, name, "RMSE", result.median(), documented, int(result.diverged.sum()), seconds)
    print(table.rows[-1], [round(value, 3) for value in result.rmse.tolist()], flush=True)


def _climate(system: ObservedSystem, cycles: int) -> Dense:
    return covariance_of(TwinExperiment(system, cycles, spin_up=50).simulate(torch.Generator().manual_seed(7), (10,)).states)


# ---------------------------------------------------------------------------------------------------------------- sparse kicks
def _kicks(table: Table, *, quick: bool) -> None:
    found: dict[str, list[tuple[float, float, float, float]]] = {"4D-Var with an L1 control": [], "plain weak 4D-Var": []}
    for seed in range(1 if quick else 3):
        operator, center, x, y = kicked(seed)
        begin = time.perf_counter()
        weight = torch.full((21, 1), 6.0, dtype=torch.float64)
        weight[0] = 0.05
        model = Model(noise=Gaussian(0.2), control=Component(L1(weight, event_dims=2), operator))
        algorithm = ProximalGaussNewton(inner_tolerance=1e-4, inner_iterations=500)
        solution = model.solve(y, algorithm=algorithm, tolerance=3e-2, max_iterations=25)
        controls = solution.coefficients["control"]
        scores = _judge(controls[1:], x[1:], operator.states(controls), operator.states(x))
        found["4D-Var with an L1 control"].append((*scores, time.perf_counter() - begin))
        begin = time.perf_counter()
        system = ObservedSystem(operator.simulator, Diagonal(0.2))
        window = Window(system, Background(center, Diagonal(0.2), Diagonal(0.24)), y)
        with torch.no_grad():
            plain = FourDVar(GaussNewton(1e-4, 40)).solve(window)
        assert plain.drive.kicks is not None
        scores = _judge(plain.drive.kicks, x[1:], plain.states, operator.states(x))
        found["plain weak 4D-Var"].append((*scores, time.perf_counter() - begin))
    for name, rows in found.items():
        means = torch.tensor(rows, dtype=torch.float64).mean(dim=0).tolist()
        for measure, value in zip(("F1 of the kicks", "RMSE of the kicks", "RMSE of the states"), means[:3], strict=True):
            table.add("Lorenz-96, 5 unknown kicks", name, measure, value, None, None, means[3])
            print(table.rows[-1], flush=True)


def kicked(seed: int) -> tuple[SimulatedOperator, Tensor, Tensor, Tensor]:
    """The operator, the guess of the first state, the true control and noisy observations."""
    generator = torch.Generator().manual_seed(seed)
    simulator = Integrated(Lorenz96(), 0.05)
    first = simulator.advance(simulator.initial(generator), 200)
    x = torch.zeros(21, 40, dtype=torch.float64)
    places = 40 + torch.randperm(12 * 40, generator=generator)[:5]
    signs = torch.where(torch.rand(5, generator=generator) < 0.5, -1.0, 1.0).double()
    x.view(-1)[places] = signs * (2 + 2 * torch.rand(5, generator=generator, dtype=torch.float64))
    center = first + 0.2 * torch.randn(40, generator=generator, dtype=torch.float64)
    x[0] = (first - center) / 0.2
    operator = SimulatedOperator(simulator, 20, InitialStateAndKicks(center, scale=0.2))
    clean = operator(x)
    return operator, center, x, clean + 0.2 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)


def _judge(kicks: Tensor, truth: Tensor, states: Tensor, true_states: Tensor) -> tuple[float, float, float]:
    said, real = kicks.abs() > 0.3, truth != 0
    f1 = 2 * float((said & real).sum()) / max(1.0, float(said.sum() + real.sum()))
    return f1, float((kicks - truth).square().mean().sqrt()), float((states[1:] - true_states[1:]).square().mean().sqrt())


# ---------------------------------------------------------------------------------------------------------------- surrogate
SLOW, FAST = 20, 8


class _Slow(nn.Module):
    def forward(self, state: Tensor) -> Tensor:
        return state[..., :SLOW]


class _SlowETKF(ETKF):
    def analysis(self, system: ObservedSystem, state: FilterState) -> Analysis:  # noqa: ARG002
        return describe(state.ensemble[..., :SLOW])


def _surrogate(table: Table, *, quick: bool) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    costly = Integrated(TwoScaleLorenz96(SLOW, FAST), 0.05, substeps=20, observation=_Slow())
    runs = costly.trajectory(costly.advance(costly.initial(generator, (14 if quick else 44,)), 100), 60 if quick else 220)[
        ..., :SLOW
    ].float()
    cheap = Integrated(Lorenz96(SLOW, 10.0), 0.05)
    surrogate = Surrogate(cheap, RingNetwork(16, 2), scale=0.2, base=cheap)
    settings = Settings(epochs=2 if quick else 14, batch_size=256, learning_rate=3e-3)
    train_surrogate(surrogate, runs[:-4], settings, steps=4, progress=Silent(), compute=Compute("cpu"))
    error = surrogate_error(surrogate, runs[-4:], steps=10)
    error.require(0.2)
    table.add(
        "two-scale Lorenz-96", "surrogate, held-apart runs", "relative error after 10 steps", error.errors[-1], None, None, None
    )
    surrogate.requires_grad_(requires_grad=False)
    experiment = TwinExperiment(ObservedSystem(costly, Diagonal(1.0)), 60 if quick else 300, 30 if quick else 60, spin_up=60)
    truth = experiment.simulate(generator, (2 * SEEDS,))
    first = truth.states[:, 0]
    deviations = Diagonal(torch.cat((torch.ones(SLOW), 0.1 * torch.ones(SLOW * FAST))).double())
    whole = Prior(first + deviations.sample(first.shape, first, generator), deviations)
    part = Prior(whole.mean[:, :SLOW], Diagonal(1.0))
    one_step = Diagonal(error.errors[0] * float(runs.std()))  # what the surrogate is wrong by, as its model error
    for name, method, simulator, prior, model_error in (
        ("ETKF N 24, 1.02, costly simulator", _SlowETKF(24, 1.02), costly, whole, None),
        ("ETKF N 24, 1.03, surrogate with its model error", ETKF(24, 1.03), surrogate, part, one_step),
        ("ETKF N 24, 1.2, slow equations alone", ETKF(24, 1.2), cheap, part, None),
    ):
        system = ObservedSystem(simulator, Diagonal(1.0), model_error=model_error)
        begin = time.perf_counter()
        own = torch.Generator().manual_seed(1)
        result = experiment.run(method, truth, own, system=system, prior=prior, see=lambda states: states[..., :SLOW])
        seconds = time.perf_counter() - begin
        table.add(
            "two-scale Lorenz-96", name, "RMSE of the slow places", result.median(), None, int(result.diverged.sum()), seconds
        )
        print(table.rows[-1], [round(value, 3) for value in result.rmse.tolist()], flush=True)


# ---------------------------------------------------------------------------------------------------------------- speed
def _speed(table: Table, *, quick: bool) -> None:
    cycles = 100 if quick else 1000
    experiment = TwinExperiment(ObservedSystem(Integrated(Lorenz96(), 0.05), Diagonal(1.0)), cycles, cycles // 2)

    def follow(batch: int) -> Callable[[], object]:
        generator = torch.Generator().manual_seed(0)
        truth = experiment.simulate(generator, (batch,))
        return lambda: experiment.run(ETKF(24, 1.02), truth, torch.Generator().manual_seed(1))

    candidates = {"foreknow, one experiment": follow(1), "foreknow, 32 experiments as a batch": follow(32)}
    peer: DapperRun | None = dapper_run(table, cycles)
    if peer is not None:
        candidates["DAPPER EnKF Sqrt, one experiment"] = peer.run
    timings = time_interleaved(candidates, repetitions=1 if quick else 3)
    for name, timing in timings.items():
        count = 32 if "32" in name else 1
        table.add(
            "Lorenz-96, ETKF N 24",
            name,
            f"ms for {cycles} cycles, an experiment",
            1000 * timing.median / count,
            None,
            None,
            timing.median,
        )
        print(table.rows[-1], flush=True)
