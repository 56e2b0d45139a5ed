"""The drift report."""

import copy

import pytest
import torch
from learn_problems import dense, spike_data, unrolled
from torch import nn

from foreknow.errors import ShapeError
from foreknow.learn import Supervised, evaluate, measure_drift
from foreknow.learn.drift import layer_of


def test_scores_and_the_way_of_every_layer_are_told() -> None:
    before = unrolled(steps=3)
    after = copy.deepcopy(before)
    moved = after.layers[1].problem.priors[0].weight_parameter.log_value
    with torch.no_grad():
        moved += 0.5

    def source(network: nn.Module) -> float:
        return 1 / evaluate(network, Supervised(), spike_data(20))

    report = measure_drift(before, after, source, target=lambda network: float(len(list(network.parameters()))))
    assert report.source.before == pytest.approx(source(before))
    assert report.source.after == pytest.approx(source(after))
    assert report.source.kept == pytest.approx(source(after) / source(before))
    assert report.target is not None
    assert report.target.kept == 1
    assert [layer.layer for layer in report.layers] == ["layers.0", "layers.1", "layers.2"]
    assert [layer.moved for layer in report.layers] == [0, pytest.approx(0.5), 0]
    assert report.layers[1].change == pytest.approx(0.5 / float(moved.detach() - 0.5))
    text = str(report).splitlines()
    assert text[0] == f"source: {source(before):.4g} before, {source(after):.4g} after, {report.source.kept:.1%} of it kept"
    assert text[1] == "target: 3 before, 3 after"
    assert text[3].endswith("none, to the last bit")
    assert text[4].endswith(f"{report.layers[1].change:.2%}")


def test_layers_are_told_apart_by_their_place() -> None:
    assert layer_of("layers.3.problem.weight") == "layers.3"
    assert layer_of("decoder.conv.weight") == "decoder.conv"
    assert layer_of("0.bias") == "0"
    assert layer_of("gain") == "gain"
    zero = nn.Linear(2, 2)
    nn.init.zeros_(zero.weight)
    nn.init.zeros_(zero.bias)
    report = measure_drift(zero, nn.Linear(2, 2), lambda _: 0.0)
    assert report.layers[0].change == float("inf")
    assert "kept" not in str(report)
    assert str(report.source.kept) == "nan"
    with pytest.raises(ShapeError, match="copy of itself"):
        measure_drift(zero, dense(), lambda _: 0.0)
