"""A declared model trains a network without labels."""

import copy

import torch
from torch import nn

from foreknow import L1, Component, Gaussian, Model, NuclearNorm
from foreknow.learn import AmortisationGap, Examples, Injected, Settings, Silent, Supervised, evaluate, fit
from foreknow.learn.guards import Replay


def films(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    background = torch.randn(count, 30, 2, generator=generator) @ torch.randn(2, 12, generator=generator)
    return background + 4 * torch.randn(background.shape, generator=generator) * (
        torch.rand(background.shape, generator=generator) < 0.05
    )


class Background(nn.Module):
    """A small network along the columns of a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 12))

    def forward(self, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"background": self.layers(y)}


def test_a_network_learns_to_separate_and_emits_exact_zeros():
    torch.manual_seed(0)
    model = Model(background=Component(NuclearNorm(0.5)), moving=Component(L1(0.5, event_dims=2)), noise=Gaussian(1.0))
    loss, network, test = model.loss(eliminate="moving"), Background(), films(16, seed=1)

    optimum = model.solve(test, tolerance=1e-4).objective

    def excess() -> float:
        with torch.no_grad():
            value = model.objective(loss.emit(network(test), test).coefficients, test)
        return float((value / optimum - 1).median())

    before = excess()
    history = fit(network, Injected(loss), Examples(films(256, seed=0)), Settings(epochs=15, learning_rate=3e-3), progress=Silent())
    assert history.epochs[-1].loss < 0.6 * history.epochs[0].loss
    assert excess() < 0.5 * before
    with torch.no_grad():
        moving = loss.emit(network(test), test)["moving"]
    assert 0.3 < float((moving == 0).float().mean()) < 1


def test_priors_go_into_a_network_that_keeps_what_it_knows():
    model = Model(background=Component(NuclearNorm(0.5)), moving=Component(L1(0.5, event_dims=2)), noise=Gaussian(1.0))
    loss = model.loss(eliminate="moving")
    source, target = films(96, seed=0), films(96, seed=7)  # other backgrounds
    truth = model.solve(source, tolerance=1e-4)["background"]
    labelled = Examples(source[:80], {"background": truth[:80]})
    gap = AmortisationGap(loss)

    def error(network: nn.Module) -> float:
        with torch.no_grad():
            return float((network(source[80:])["background"] - truth[80:]).square().mean())

    torch.manual_seed(0)
    known = Background()
    fit(known, Supervised(), labelled, Settings(epochs=20, learning_rate=3e-3), progress=Silent())
    before, far = error(known), evaluate(known, gap, Examples(target[80:]))
    found = {}
    for name, guards in (("free", []), ("guarded", [Replay(labelled, Supervised(), weight=3.0)])):
        network = copy.deepcopy(known)
        fit(
            network,
            Injected(loss),
            Examples(target[:80]),
            Settings(epochs=15, learning_rate=3e-3),
            guards=guards,
            progress=Silent(),
        )
        found[name] = error(network), evaluate(network, gap, Examples(target[80:]))
    assert found["guarded"][1] < 0.7 * far  # the priors have been learned from
    assert found["guarded"][0] < 1.2 * before  # and what was known is known
    assert found["guarded"][0] < 0.7 * found["free"][0]
