"""The safeguard: learned steps never do worse than classical ones."""

import pytest
import torch

from foreknow import L1, Component, Gaussian, Matrix, Model, PlugIn
from foreknow.errors import UnsupportedError
from foreknow.solve import ADMM, ForwardBackward
from foreknow.unroll import Weights


def model_and_data() -> tuple[Model, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(20, 12, generator=generator, dtype=torch.float64) / 4
    y = torch.randn(6, 20, generator=generator, dtype=torch.float64)
    return Model(x=Component(L1(0.1), Matrix(matrix)), noise=Gaussian(0.5)), y


@pytest.mark.parametrize("factor", [5.0, 100.0])
def test_a_spoilt_step_is_replaced_by_the_classical_one(factor):
    model, y = model_and_data()
    spoilt = model.unroll(20, algorithm=ForwardBackward(), learn=(Weights(),), safeguard=True)
    with torch.no_grad():
        for parameter in spoilt.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.tensor(factor).log())
        guarded = model.objective(spoilt(y).coefficients, y)
        spoilt.safeguard = None
        unguarded = model.objective(spoilt(y).coefficients, y)
        classical = model.objective(model.unroll(20, algorithm=ForwardBackward(), learn=())(y).coefficients, y)
        one_less = model.objective(model.unroll(19, algorithm=ForwardBackward(), learn=())(y).coefficients, y)
    assert (unguarded > 1.001 * classical).any()
    assert (guarded <= one_less + 1e-9).all()  # each step falls no less, though another path may be a little slower later


def test_each_step_is_no_worse_than_the_classical_one_from_the_same_point():
    model, y = model_and_data()
    generator = torch.Generator().manual_seed(1)
    network = model.unroll(6, algorithm=ForwardBackward(), learn=(Weights(),), safeguard=True)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(2 * torch.randn((), generator=generator))
        x = torch.zeros(6, 12, dtype=torch.float64)
        for step in range(6):
            classical = model.unroll(1, algorithm=ForwardBackward(), learn=())(y, start={"x": x})
            single = model.unroll(1, algorithm=ForwardBackward(), learn=(Weights(),), safeguard=True)
            single.layers[0] = network.layers[step]
            guarded = single(y, start={"x": x})
            assert (model.objective(guarded.coefficients, y) <= model.objective(classical.coefficients, y) + 1e-12).all()
            x = guarded.coefficients["x"]


def test_states_with_more_than_coefficients():
    model, y = model_and_data()
    network = model.unroll(5, algorithm=ADMM(), learn=(Weights(),), safeguard=True)
    plain = model.unroll(5, algorithm=ADMM(), learn=())
    torch.testing.assert_close(network(y)["x"], plain(y)["x"])


def test_a_prior_without_a_value_cannot_be_judged():
    model = Model(x=Component(PlugIn(torch.relu, takes_sigma=False)), noise=Gaussian(1.0))
    with pytest.raises(UnsupportedError, match="'x'"):
        model.unroll(2, learn=(), safeguard=True)
