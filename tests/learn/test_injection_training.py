"""What training on a declared model needs besides: the gap to the optimum, films of one scene, several seeds, a few labels."""

import pytest
import torch
from torch import nn

from foreknow import L1, Component, Exact, Gaussian, Model, NuclearNorm
from foreknow.errors import ParameterError, ShapeError
from foreknow.learn import (
    AmortisationGap,
    Example,
    Examples,
    Injected,
    Outcome,
    RandomFrames,
    RandomViews,
    Settings,
    Silent,
    Supervised,
    UnequalExamples,
    Validation,
    WithLabels,
    evaluate,
    fit,
    fit_several,
)


def films(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    background = torch.randn(count, 10, 2, generator=generator) @ torch.randn(2, 8, generator=generator)
    return background + 4 * torch.randn(background.shape, generator=generator) * (
        torch.rand(background.shape, generator=generator) < 0.05
    )


def model(noise=None) -> Model:
    low, moving = Component(NuclearNorm(0.5)), Component(L1(0.5, event_dims=2))
    return Model(low=low, moving=moving, noise=Gaussian(1.0) if noise is None else noise)


class Linear(nn.Module):
    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 8))

    def forward(self, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"low": self.layers(y)}


class Solver(nn.Module):
    """A network that knows the answer."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = (model,)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, y: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return {"low": self.model[0].solve(y, tolerance=1e-6).coefficients["low"]}


@pytest.mark.parametrize(("noise", "slack"), [(None, 2e-4), (Exact(), 2e-4)], ids=["noise", "exact data"])
def test_the_gap_is_zero_for_the_optimum_and_exact_elsewhere(noise, slack):
    declared, y = model(noise), films(6, seed=3)
    gap = AmortisationGap(declared.loss(eliminate="moving"))
    assert 0 <= evaluate(Solver(declared), gap, Examples(y), 4) < slack
    other = Linear()
    with torch.no_grad():
        emitted = declared.loss(eliminate="moving").emit(other(y), y)
        optimum = declared.solve(y.double(), tolerance=1e-6).objective
        if noise is None:
            value = declared.objective({k: v.double() for k, v in emitted.coefficients.items()}, y.double())
        else:
            value = declared.problem.for_data(y).prior_value(tuple(part.double() for part in emitted.coefficients.values()))
    wanted = float(((value - optimum) / optimum).mean())
    assert evaluate(other, gap, Examples(y)) == pytest.approx(wanted, abs=2e-4)
    assert wanted > 0.01


def test_training_stops_when_the_gap_is_small_enough():
    declared = model()
    loss = declared.loss(eliminate="moving")
    torch.manual_seed(0)
    network = Linear()
    data, held = Examples(films(64, seed=0)), Examples(films(8, seed=1))
    before = evaluate(network, AmortisationGap(loss), held)
    history = fit(
        network,
        Injected(loss),
        data,
        Settings(epochs=40, learning_rate=3e-3),
        validation=Validation(held, AmortisationGap(loss), enough=0.6 * before),
        progress=Silent(),
    )
    assert history.outcome is Outcome.REACHED
    assert history.epochs[-1].validation <= 0.6 * before
    assert all(row.validation > 0.6 * before for row in history.epochs[:-1])
    assert evaluate(network, AmortisationGap(loss), held) == pytest.approx(history.epochs[-1].validation)


def test_frames_of_different_scenes_never_come_into_one_item():
    lengths = (5, 9, 30)
    scenes = [
        Example(100.0 * k + torch.arange(float(n)).reshape(n, 1, 1).expand(n, 2, 3), {"low": torch.full((n, 2, 3), float(k))})
        for k, n in enumerate(lengths)
    ]
    data = RandomFrames(UnequalExamples(scenes), frames=5, items=4, seed=1)
    assert len(data) == 12
    seen = set()
    for epoch in range(20):
        batch = data.draw(range(12), epoch)
        assert batch.y.shape == (12, 5, 2, 3)
        for index in range(12):
            times = batch.y[index, :, 0, 0] - 100.0 * (index // 4)
            assert (times >= 0).all()
            assert (times < lengths[index // 4]).all()
            assert (times[1:] > times[:-1]).all()
            assert (batch.truth["low"][index] == index // 4).all()
            seen.add(tuple(times.tolist()))
        torch.testing.assert_close(data.draw([7], epoch).y[0], batch.y[7], rtol=0, atol=0)
    assert len(seen) > 40
    assert data.fingerprint() != RandomFrames(UnequalExamples(scenes), frames=4, items=4, seed=1).fingerprint()
    with pytest.raises(ShapeError, match="fewer than"):
        RandomFrames(UnequalExamples(scenes), frames=6).draw([0], 0)
    with pytest.raises(ParameterError):
        RandomFrames(UnequalExamples(scenes), frames=0)


def test_several_seeds_give_several_networks_and_the_best(tmp_path):
    loss = model().loss(eliminate="moving")
    data, validation = Examples(films(24, seed=0)), Validation(Examples(films(4, seed=1)), AmortisationGap(loss))
    settings = Settings(epochs=2, learning_rate=3e-3)
    state = torch.get_rng_state()

    def train():
        return fit_several(
            Linear, Injected(loss), data, settings, (3, 4), folder=tmp_path, validation=validation, progress=Silent()
        )

    found = train()
    assert torch.equal(torch.get_rng_state(), state)
    assert found.scores[found.best_seed] == min(found.scores.values())
    assert found.best is found.networks[found.best_seed]
    first, second = (network.layers[0].weight for network in found.networks.values())
    assert not torch.equal(first, second)
    assert (tmp_path / "seed-3" / "epochs.csv").read_text().count("\n") == 3
    assert "best" in str(found)
    again = train()  # resumes at the end
    torch.testing.assert_close(again.networks[3].layers[0].weight, first, rtol=0, atol=0)
    with pytest.raises(ParameterError, match="different seeds"):
        fit_several(Linear, Injected(loss), data, settings, (1, 1))


def test_a_few_labels_pull_where_the_model_is_wrong():
    declared, y = model(), films(48, seed=0)
    loss = declared.loss(eliminate="moving")
    truth = declared.solve(y, tolerance=1e-4).components["low"] + 1.0  # what labels say and the priors do not
    labelled = Examples(y[:6], {"low": truth[:6]})

    def train(objective) -> float:
        torch.manual_seed(0)
        network = Linear(64)
        fit(network, objective, Examples(y[6:40]), Settings(epochs=30, learning_rate=5e-3), progress=Silent())
        with torch.no_grad():
            return float((network(y[40:])["low"] - truth[40:]).square().mean())

    alone = train(Injected(loss))
    both = train(WithLabels(Injected(loss), Supervised(), labelled, weight=3.0, batch_size=4))
    assert both < 0.8 * alone
    with pytest.raises(ParameterError):
        WithLabels(Injected(loss), Supervised(), labelled, weight=0.0)


def test_views_are_parts_of_one_item_seen_alike():
    height, width = 40, 60
    ramp = torch.linspace(0, 1, height)[:, None] + 10 * torch.linspace(0, 1, width)
    film = ramp.expand(3, height, width) + 100 * torch.arange(3.0)[:, None, None]
    data = RandomViews(
        Examples(torch.stack((film, film + 1000)), {"low": torch.stack((film, film + 1000))}), (20, 30), 0.5, 1.0, views=3
    )
    assert len(data) == 6
    spans = set()
    for epoch in range(15):
        batch = data.draw(range(6), epoch)
        assert batch.y.shape == (6, 3, 20, 30)
        torch.testing.assert_close(batch.truth["low"], batch.y)
        frames = batch.y - 100 * torch.arange(3.0)[:, None, None]
        torch.testing.assert_close(frames[:, :1].expand_as(frames), frames, rtol=1e-4, atol=1e-2)  # all frames alike
        assert (batch.y[:3] < 1000).all()
        assert (batch.y[3:] >= 1000).all()
        spans |= {round(float(frame[0, 0, -1] - frame[0, 0, 0]), 1) for frame in batch.y}
        torch.testing.assert_close(data.draw([4], epoch).y[0], batch.y[4], rtol=0, atol=0)
    assert max(spans) <= 10.0
    assert min(spans) >= 4.5  # half of the width, at zoom 2
    assert len(spans) > 10
    with pytest.raises(ShapeError, match="do not fit"):
        RandomViews(Examples(torch.zeros(1, 3, 10, 60)), (20, 30)).draw([0], 0)
    with pytest.raises(ParameterError, match="magnifications"):
        RandomViews(Examples(torch.zeros(1, 3, 10, 60)), 4, 2.0, 1.0)
