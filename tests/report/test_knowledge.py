"""The picture of what a network has learned."""

import pytest
import torch

from foreknow import L1, Component, Gaussian, Model, Wavelet
from foreknow.errors import DataError
from foreknow.report import knowledge_figure
from foreknow.unroll import Operators, StepSizes, Weights


def network(*learn, shared=False):
    model = Model(signal=Component(L1(torch.full((64,), 0.3)), Wavelet("db3", 2).T), noise=Gaussian(1.0))
    return model.unroll(4, learn=learn, shared=shared)


@pytest.mark.parametrize("shared", [True, False])
def test_every_learned_quantity_has_a_picture(shared, tmp_path):
    unrolled = network(Weights(), Operators(), StepSizes(), shared=shared)
    with torch.no_grad():
        for parameter in unrolled.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3)
    figure = knowledge_figure(unrolled.knowledge())
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["signal: weight", "signal: scaling filter", "FISTA: fraction"]
    weights, wavelet, _ = figure.axes[:3]
    assert len(weights.lines) == (2 if shared else 5)
    was, now = wavelet.lines[0].get_ydata(), wavelet.lines[-1].get_ydata()
    assert len(was) > 30
    assert float(torch.as_tensor(was).square().sum()) == pytest.approx(1.0, rel=1e-3)  # an orthonormal wavelet
    assert list(was) != list(now)
    figure.savefig(tmp_path / "knowledge.png")
    assert (tmp_path / "knowledge.png").stat().st_size > 10_000


def test_a_number_that_all_steps_share_needs_no_legend():
    model = Model(signal=Component(L1(0.3), Wavelet("db3", 2).T), noise=Gaussian(1.0))
    both = knowledge_figure(model.unroll(4, learn=(Weights(), Operators()), shared=True).knowledge())
    assert [axis.get_legend() is not None for axis in both.axes[:2]] == [False, True]  # the first one is two bars with names
    alone = knowledge_figure(model.unroll(4, learn=(Weights(),), shared=True).knowledge())
    assert alone.axes[0].get_legend() is None


def test_nothing_learned_is_nothing_to_draw():
    with pytest.raises(DataError, match="nothing is learned"):
        knowledge_figure(network().knowledge())
