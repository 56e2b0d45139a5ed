"""A wavelet learned inside an unrolled model: a planted one found again, and crackles in real breath."""

import math

import torch
from torch import Tensor, nn

from benchmarks.baselines.free_filter_bank import FreeFilterBank
from benchmarks.learned_wavelet_data import LENGTH, RATIOS, STFT_HOP, STFT_WINDOW, Windows, crackle_windows
from benchmarks.metrics import Counts, count_clicks, si_sdr
from benchmarks.table import Table
from foreknow import L1, STFT, Component, Gaussian, Model, Wavelet
from foreknow.learn import Example, Examples, Objective, Settings, Simulated, Supervised, TrainingProgress, fit
from foreknow.learn.emission import Emit
from foreknow.operators import FilterBank
from foreknow.parameters import Parameter, Positive
from foreknow.solve import FISTA
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Operators, UnrolledNetwork, Weights

TITLE = "Unrolling: learned wavelets"
LEVELS = 5
STEPS = 8
_NOTES = (
    """Planted: 5 % of db4 coefficients are Gaussian, noise 0.05; 5 steps of FISTA learn a filter of 8 taps from Haar's and three
    zero angles with a little noise, from pairs; of four starts the one of lowest training loss counts.""",
    f"""Crackles: training and test recordings of benchmarks/lung_cases.py (other patients), windows of {LENGTH} samples at 4 kHz,
    whitened as in foreknow.lung; y = W^* c + F^* b + noise, {STEPS} steps of FISTA, each with one weight a band and a
    frequency, and a wavelet where it is learned; all networks trained alike on the truth (SNR loss), the best of three learning
    rates by training loss.""",
    """SI-SDR: whitened, inside the scored spans, mean over windows, floored at -30 dB. Clicks: peaks of the crackle part above a
    threshold chosen on the training windows for each network, matched within 5 ms.""",
    "Worst reconstruction error: of analysis and synthesis without thresholds, the largest in the whole training.",
    "Free filter bank: DeSpaWN-like, see baselines/free_filter_bank.py.",
)


def run(quick: bool) -> Table:
    table = Table(["task", "method", "SNR dB", "SI-SDR dB", "F1 of clicks", "worst reconstruction error", "found"])
    _planted(table, quick=quick)
    training, test = crackle_windows(training=True), crackle_windows(training=False)
    if training is None or test is None:
        table.notes.append("The folder shared/data/lung is absent: crackles in real breath are left out.")
        return table
    for name in ("fixed db10", "learned from db10", "learned from Haar", "free filter bank from db10"):
        _crackles(table, name, training, test, quick=quick)
    table.notes += [" ".join(note.split()) for note in _NOTES]
    return table


# ---------------------------------------------------------------------- a planted wavelet
def _planted(table: Table, *, quick: bool) -> None:
    size, levels, true = 256, 3, FilterBank.named("db4")
    planted = Wavelet(true, levels, size)

    def draw(generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        c = torch.randn(size, generator=generator) * (torch.rand(size, generator=generator) < 0.05)
        signal = planted.T(c)
        return signal + 0.05 * torch.randn(size, generator=generator), {"x": signal}

    for seed in range(1 if quick else 3):
        best: tuple[float, Tensor, float] | None = None
        for start in range(4):
            generator = torch.Generator().manual_seed(100 * seed + start)
            angles = torch.tensor([math.pi / 4, 0.0, 0.0, 0.0], dtype=torch.float64)
            angles += 0.1 * torch.randn(4, generator=generator, dtype=torch.float64)
            model = Model(x=Component(L1(0.15), Wavelet(FilterBank(angles), levels).T), noise=Gaussian(1.0))
            network = model.unroll(STEPS - 3, algorithm=FISTA(step=NormStep()), learn=(Weights(), Operators()), shared=True)
            watch = _Watch(network, torch.randn(size, generator=generator, dtype=torch.float64))
            settings = Settings(epochs=1 if quick else 3, batch_size=32, learning_rate=0.02, seed=seed)
            history = fit(network, Supervised(), Simulated(draw, 6400), settings, progress=watch)
            loss = history.epochs[-1].loss
            if best is None or loss < best[0]:
                best = (loss, _filter(network), watch.worst)
        assert best is not None
        found = f"correlation with db4: {_likeness(best[1], true.scaling_filter):.6f}"
        table.add(f"planted db4, seed {seed}", "learned from Haar", None, None, None, best[2], found)


def _likeness(one: Tensor, other: Tensor) -> float:
    """The largest correlation of two filters over shifts and reversal."""
    both = [torch.nn.functional.conv1d(one[None, None], z[None, None], padding=len(one)) for z in (other, other.flip(0))]
    return float(torch.cat(both).abs().max())


# ---------------------------------------------------------------------- crackles in real breath
class _PerBand(Parameter):
    """One weight a wavelet band, (n,)."""

    def __init__(self, values: Tensor, wavelet: Wavelet) -> None:
        super().__init__()
        self.values = Positive(values)
        index = torch.zeros(wavelet.range, dtype=torch.long)
        for number, band in enumerate(wavelet.bands()):
            index[band.slices] = number
        self.index: Tensor
        self.register_buffer("index", index)

    def forward(self) -> Tensor:
        return self.values()[self.index]


class _SignalToNoise(Objective):
    """Minus the signal-to-noise ratio of the crackle part in dB, where it is scored, at most 30."""

    def losses(self, emit: Emit, example: Example, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        scored = example.truth["scored"]
        truth = example.truth["crackles"] * scored
        error = emit(example.y).components["crackles"] * scored - truth
        ratio = truth.square().sum(dim=-1) / error.square().sum(dim=-1).clamp_min(1e-9)
        return -10 * torch.log10(ratio).clamp_max(3.0)


class _Watch(TrainingProgress):
    """Notes the worst reconstruction error in every fifth step of a training."""

    def __init__(self, network: nn.Module, probe: Tensor) -> None:
        self.network = network
        self.probe = probe
        self.worst = 0.0
        self.steps = 0

    def start(self, done: int, total: int) -> None:
        pass

    def advance(self, loss: float, validation: float | None) -> None:  # noqa: ARG002
        self.steps += 1
        if self.steps % 5 == 1:
            self.worst = max(self.worst, _reconstruction_error(self.network, self.probe))

    def finish(self) -> None:
        self.worst = max(self.worst, _reconstruction_error(self.network, self.probe))


def _reconstruction_error(network: nn.Module, probe: Tensor) -> float:
    if isinstance(network, FreeFilterBank):
        return network.reconstruction_error(probe.float())
    with torch.no_grad():
        back = [wavelet.on((len(probe),)) for wavelet in _wavelets(network)]
        return max(float((wavelet.adjoint(wavelet(probe)) - probe).norm() / probe.norm()) for wavelet in back)


def _wavelets(network: nn.Module) -> list[Wavelet]:
    return [part for part in network.layers.modules() if isinstance(part, Wavelet)]  # type: ignore[union-attr]


def _filter(network: nn.Module) -> Tensor:
    return _wavelets(network)[0].scaling_filter.detach()


def _network(name: str) -> nn.Module:
    if name.startswith("free"):
        return FreeFilterBank("db10", LEVELS)
    angles = torch.tensor([math.pi / 4] + [0.0] * 9, dtype=torch.float64)
    bank = FilterBank(angles) if name.endswith("Haar") else FilterBank.named("db10")
    wavelet = Wavelet(bank, LEVELS, LENGTH)
    weights = _PerBand(torch.tensor([9.0] + [4.0] * LEVELS), wavelet)
    frequencies = STFT_WINDOW // 2 + 1
    model = Model(
        crackles=Component(L1(weights), wavelet.T),
        breath=Component(L1(torch.full((frequencies, 1), 2.5), event_dims=2), STFT(STFT_WINDOW, STFT_HOP, LENGTH).T),
        noise=Gaussian(1.0),
    )
    learn = (Weights(),) if name.startswith("fixed") else (Weights(), Operators(["crackles"]))
    network: UnrolledNetwork = model.unroll(STEPS, algorithm=FISTA(step=NormStep()), learn=learn)
    return network


def _crackles(table: Table, name: str, training: Windows, test: Windows, *, quick: bool) -> None:
    probe = torch.randn(LENGTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    data = Examples(training.y, {"crackles": training.crackles, "scored": training.scored})
    runs = []
    for rate in (0.05,) if quick else _LEARNING_RATES:
        candidate = _network(name)
        watch = _Watch(candidate, probe)
        settings = Settings(epochs=1 if quick else 5, batch_size=8, learning_rate=rate, clip_norm=None)
        history = fit(candidate, _SignalToNoise(), data, settings, progress=watch)
        runs.append((history.epochs[-1].loss, candidate, watch))
    _, network, watch = min(runs, key=lambda run: run[0])
    fitted, parts = _separate(network, training), _separate(network, test)
    threshold = max(_THRESHOLDS, key=lambda level: _clicks(fitted, training, level, None).f1)
    for ratio in RATIOS:
        chosen = (test.ratio == ratio).nonzero().flatten().tolist()
        scores = [
            max(-30.0, si_sdr((parts[i] * test.scored[i]).numpy(), (test.crackles[i] * test.scored[i]).numpy())) for i in chosen
        ]
        f1 = _clicks(parts, test, threshold, ratio).f1
        table.add("crackles in real breath", name, ratio, sum(scores) / len(scores), f1, watch.worst, None)


_LEARNING_RATES = (0.01, 0.02, 0.05)
_THRESHOLDS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def _separate(network: nn.Module, windows: Windows) -> Tensor:
    with torch.no_grad():
        found = [network(y) for y in windows.y.split(16)]
    return torch.cat([part["crackles"] for part in found])


def _clicks(parts: Tensor, windows: Windows, threshold: float, ratio: float | None) -> Counts:
    """Peaks of the smoothed modulus above a threshold, each the largest within 5 ms, against the true times."""
    half = 8
    smooth = nn.functional.avg_pool1d(parts.abs()[:, None], 2 * half + 1, 1, half)[:, 0]
    largest = nn.functional.max_pool1d(smooth[:, None], 4 * half + 1, 1, 2 * half)[:, 0]
    peaks = (smooth == largest) & (smooth > threshold) & (windows.scored > 0)
    counts = Counts(0, 0, 0)
    for index in range(len(parts)):
        if ratio is None or float(windows.ratio[index]) == ratio:
            found = peaks[index].nonzero().flatten() / 4000
            counts = counts + count_clicks(found.numpy(), windows.times[index])
    return counts
