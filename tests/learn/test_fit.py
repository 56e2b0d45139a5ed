"""The training loop: what it reaches, keeps, stops at and leaves alone."""

import io
import math
from functools import partial

import pytest
import torch
from learn_problems import LENGTH, dense, spike_data, unrolled
from rich.console import Console
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.learn import (
    Bar,
    Compute,
    Constant,
    Cosine,
    CSVLog,
    Data,
    Example,
    Examples,
    Outcome,
    Settings,
    Silent,
    Supervised,
    TensorBoardLog,
    TrainingDivergedError,
    Validation,
    evaluate,
    fit,
)
from foreknow.learn.guards import Guard

CPU = Compute("cpu")
QUIET = Silent()


def test_training_reaches_the_best_least_squares_map() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    truth = y @ torch.randn(4, 4, generator=generator, dtype=torch.float64) + 0.1 * torch.randn(60, 4, generator=generator)
    best = torch.linalg.lstsq(y, truth).solution
    torch.manual_seed(0)
    network = nn.Linear(4, 4, bias=False, dtype=torch.float64)
    settings = Settings(epochs=200, batch_size=60, learning_rate=0.1, clip_norm=None)
    history = fit(network, Supervised(), Examples(y, {"signal": truth}), settings, compute=CPU, progress=QUIET)
    torch.testing.assert_close(network.weight.detach().T, best, atol=2e-3, rtol=0)
    assert history.epochs[-1].loss == pytest.approx(float((y @ best - truth).square().mean()), rel=1e-3)
    assert history.outcome is Outcome.FINISHED
    assert history.steps == 200


def test_the_loss_of_an_epoch_is_the_mean_over_its_items_also_with_a_smaller_last_batch() -> None:
    y = torch.randn(7, LENGTH, generator=torch.Generator().manual_seed(0))
    network = nn.Linear(LENGTH, LENGTH)
    before = evaluate(network, Supervised(), Examples(y, {"signal": 2 * y}))
    settings = Settings(epochs=1, batch_size=3, learning_rate=1e-12)
    history = fit(network, Supervised(), Examples(y, {"signal": 2 * y}), settings, compute=CPU, progress=QUIET)
    assert history.epochs[0].loss == pytest.approx(before, rel=1e-5)


def test_a_run_depends_on_its_seed_alone_and_leaves_the_generators_of_the_caller() -> None:
    found = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        network = dense()
        torch.manual_seed(disturbance)
        before = torch.get_rng_state()
        history = fit(network, Supervised(), spike_data(), Settings(epochs=2, seed=seed), compute=CPU, progress=QUIET)
        assert torch.equal(torch.get_rng_state(), before)
        found.append((history, network[0].weight))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][1], found[2][1])


def test_the_best_weights_are_kept_and_patience_ends_the_run() -> None:
    network = unrolled()
    apart = Validation(spike_data(10, seed=5))
    settings = Settings(epochs=50, learning_rate=0.8, patience=2)
    history = fit(network, Supervised(), spike_data(), settings, validation=apart, schedule=Constant(), compute=CPU, progress=QUIET)
    scores = [row.validation for row in history.epochs]
    assert history.outcome is Outcome.STOPPED_EARLY
    assert len(scores) < 50
    assert history.best_epoch == 1 + scores.index(min(scores)) == len(scores) - 2
    assert evaluate(network, Supervised(), apart.data) == pytest.approx(min(scores), rel=1e-6)
    assert "<- kept" in str(history).splitlines()[history.best_epoch]


def test_modes_and_freedom_of_parameters_are_given_back() -> None:
    network = dense()
    network[2].eval()
    network[0].weight.requires_grad_(False)
    frozen = network[0].weight.clone()
    fit(network, Supervised(), spike_data(), Settings(epochs=1), validation=Validation(spike_data(4)), compute=CPU, progress=QUIET)
    assert network.training
    assert not network[2].training
    assert not network[0].weight.requires_grad
    assert torch.equal(network[0].weight, frozen)
    evaluate(network, Supervised(), spike_data(4))
    assert network.training
    assert not network[2].training


class _Poisoned(Data):
    """Good data with one item of NaN from some epoch on."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 16

    def draw(self, indices: list[int], epoch: int) -> Example:
        batch = spike_data(16).draw(indices, epoch)
        if epoch >= self.epoch and 11 in indices:
            batch.truth["signal"][indices.index(11)] = math.nan
        return batch

    def fingerprint(self) -> str:
        return "poisoned"


def test_a_loss_that_is_not_finite_stops_the_run_with_the_last_good_weights(tmp_path) -> None:
    network = unrolled()
    settings = Settings(epochs=4, batch_size=4, learning_rate=0.1, checkpoint_seconds=0)
    with pytest.raises(TrainingDivergedError, match=r"loss is nan in step \d+ \(items .*11.*lower the learning rate \(0.1\)"):
        fit(network, Supervised(), _Poisoned(epoch=2), settings, folder=tmp_path, compute=CPU, progress=QUIET)
    assert all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())
    fresh = unrolled()
    assert not torch.equal(network.state_dict()["layers.2." + _WEIGHT], fresh.state_dict()["layers.2." + _WEIGHT])
    with pytest.raises(
        TrainingDivergedError
    ):  # the checkpoint is the last good one: the same step fails again, from the same weights
        fit(fresh, Supervised(), _Poisoned(epoch=2), settings, folder=tmp_path, compute=CPU, progress=QUIET)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, fresh.state_dict()[name])


_WEIGHT = "problem.priors.0.weight_parameter.log_value"


class _Root(nn.Module):
    """Has a finite loss and an infinite gradient at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, y: Tensor) -> Tensor:
        return y + (self.weight**2).sqrt()


def test_a_gradient_that_is_not_finite_stops_the_run_before_it_does_harm() -> None:
    network = _Root()
    with pytest.raises(TrainingDivergedError, match="gradient is not finite in step 1 "):
        fit(network, Supervised(), spike_data(), Settings(clip_norm=None), compute=CPU, progress=QUIET)
    assert float(network.weight.detach()) == 0


def test_a_score_that_is_not_finite_is_said() -> None:
    bad = Validation(Examples(torch.zeros(1, LENGTH), {"signal": torch.full((1, LENGTH), torch.inf)}))
    with pytest.raises(TrainingDivergedError, match="validation score is inf after epoch 1"):
        fit(unrolled(), Supervised(), spike_data(), Settings(), validation=bad, compute=CPU, progress=QUIET)


def test_long_gradients_are_shortened() -> None:
    y = torch.ones(1, 1)
    moved = []
    for clip in (None, 0.5):
        network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(network.weight)
        settings = Settings(epochs=1, batch_size=1, learning_rate=1.0, clip_norm=clip)
        data = Examples(y, {"signal": 10 * y})
        fit(network, Supervised(), data, settings, schedule=Constant(), optimizer=torch.optim.SGD, compute=CPU, progress=QUIET)
        moved.append(float(network.weight.detach()))
    assert moved == pytest.approx([20, 0.5], rel=1e-4)


def test_single_and_double_and_half_precision() -> None:
    for precision, dtype in (("64-true", torch.float64), ("bf16-mixed", torch.float32)):
        network = dense()
        compute = Compute("cpu", precision=precision)
        history = fit(network, Supervised(), spike_data(), Settings(epochs=1), compute=compute, progress=QUIET)
        assert network[0].weight.dtype == dtype
        assert math.isfinite(history.epochs[0].loss)
    with pytest.raises(ParameterError, match="16-mixed"):
        Compute(precision="16-mixed")


class _Counting(Guard):
    """Counts what the loop calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def protect(self, network: nn.Module) -> None:  # noqa: ARG002
        self.calls.append("protect")

    def before_step(self) -> None:
        self.calls.append("before")

    def after_step(self, learning_rate: float) -> None:
        self.calls.append(f"after {learning_rate:.2g}")

    def release(self) -> None:
        self.calls.append("release")


def test_guards_are_called_in_order_with_the_present_learning_rate() -> None:
    guard = _Counting()
    settings = Settings(epochs=1, batch_size=10, learning_rate=0.1)
    schedule = Cosine(warmup=0, floor=0.5)
    fit(unrolled(), Supervised(), spike_data(20), settings, guards=[guard], schedule=schedule, compute=CPU, progress=QUIET)
    assert guard.calls == ["protect", "before", "after 0.1", "before", "after 0.05", "release"]


def test_schedules_rise_and_fall() -> None:
    factors = [Cosine(warmup=0.1, floor=0.2).factor(step, 100) for step in range(100)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert max(factors) == 1.0 == factors[10]
    assert factors[-1] == pytest.approx(0.2)
    assert [Cosine(0, 0).factor(step, 1) for step in range(1)] == [1.0]
    assert Constant().factor(7, 9) == 1.0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (partial(Settings, epochs=0), "epochs must be positive, not 0"),
        (partial(Settings, learning_rate=math.nan), "learning_rate must be positive"),
        (partial(Settings, clip_norm=0.0), "clip_norm"),
        (partial(Settings, patience=0), "patience"),
        (partial(Compute, devices=0), "at least one device"),
        (partial(Cosine, warmup=1.0), "warmup"),
        (partial(fit, nn.Identity(), Supervised(), spike_data(), compute=CPU, progress=QUIET), "no parameter to learn"),
    ],
)
def test_wrong_numbers_are_refused(make: partial[object], sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        make()


def test_logs_and_progress_say_what_happens(tmp_path) -> None:
    screen = io.StringIO()
    bar = Bar(Console(file=screen, force_terminal=True, width=150))
    logs = [CSVLog(tmp_path / "log.csv"), TensorBoardLog(tmp_path / "curves")]
    history = fit(
        unrolled(),
        Supervised(),
        spike_data(),
        Settings(epochs=3),
        validation=Validation(spike_data(4)),
        compute=CPU,
        logs=logs,
        progress=bar,
    )
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == "epoch,step,loss,validation,learning_rate,seconds"
    assert [row.split(",")[:3] for row in rows[1:]] == [[str(row.epoch), str(row.step), str(row.loss)] for row in history.epochs]
    assert _curves(tmp_path / "curves") == {
        "loss": [(row.step, pytest.approx(row.loss)) for row in history.epochs],
        "validation": [(row.step, pytest.approx(row.validation)) for row in history.epochs],
        "learning_rate": [(row.step, pytest.approx(row.learning_rate)) for row in history.epochs],
    }
    shown = screen.getvalue()
    assert "9/9" in shown
    assert "loss " in shown
    assert "left" in shown


def _curves(folder) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {name: [(point.step, point.value) for point in events.Scalars(name)] for name in events.Tags()["scalars"]}
