"""Differentiation modes agree with each other, with finite differences, and with the optimum that the steps converge to."""

import warnings

import pytest
import torch

from foreknow import L1, Component, Exact, Gaussian, GroupL2, Huber, Matrix, Model, NonNegative, NuclearNorm
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.solve import ADMM, FISTA, ForwardBackward
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import (
    Backprop,
    Checkpoint,
    Implicit,
    ImplicitGradientWarning,
    NoiseLevel,
    OneStep,
    Operators,
    Truncated,
    Weights,
)

LEARN = (Weights(), NoiseLevel(), Operators())


def matrix(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / rows**0.5


def declare(kind: str) -> tuple[Model, torch.Tensor]:
    y = torch.randn(3, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    operator = Matrix(matrix(24, 15))
    if kind == "sparse":
        return Model(x=Component(L1(0.3), operator), noise=Gaussian(0.8)), y
    if kind == "sparse, non-negative":
        return Model(x=Component(L1(0.3) & NonNegative(), operator), noise=Gaussian(0.8)), y
    if kind == "groups":
        return Model(x=Component(GroupL2(0.5, axes=(-1,), event_dims=1), operator), noise=Gaussian(0.8)), y
    if kind == "robust data term":
        return Model(x=Component(L1(0.3), operator), noise=Huber(1.0, sigma=0.8)), y
    if kind == "two components":
        first, other = Matrix(matrix(24, 8)), Matrix(matrix(24, 5, seed=5))
        return Model(a=Component(L1(0.3), first), b=Component(L1(0.4), other), noise=Gaussian(0.8)), y
    assert kind == "low rank"
    return Model(x=Component(NuclearNorm(0.9)), noise=Gaussian(0.8)), y.reshape(3, 6, 4)


KINDS = ["sparse", "sparse, non-negative", "groups", "robust data term", "two components", "low rank"]


def gradients(model, y, steps, mode, algorithm=None, learn=LEARN):
    network = model.unroll(steps, algorithm=algorithm, shared=True, learn=learn, differentiation=mode)
    data = y.clone().requires_grad_()
    estimate = network(data)
    generator = torch.Generator().manual_seed(7)
    loss = sum(
        (part * torch.randn(part.shape, generator=generator, dtype=part.dtype)).sum() + part.square().sum()
        for part in estimate.coefficients.values()
    )
    loss.backward()
    found = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.requires_grad}
    return float(loss.detach()), {**found, "y": data.grad}


def learnable(kind):
    return LEARN if kind != "low rank" else LEARN[:2]


@pytest.mark.parametrize("steps", [1, 2, 7, 12])
@pytest.mark.parametrize("segments", [None, 1, 3, 50])
def test_checkpoints_are_exact(steps, segments):
    model, y = declare("sparse")
    expected = gradients(model, y, steps, Backprop())
    torch.testing.assert_close(gradients(model, y, steps, Checkpoint(segments)), expected)


@pytest.mark.parametrize("algorithm", [ForwardBackward(), FISTA(step=NormStep()), ADMM()])
def test_truncation_at_the_first_step_is_exact(algorithm):
    model, y = declare("sparse")
    expected = gradients(model, y, 9, Backprop(), algorithm)
    torch.testing.assert_close(gradients(model, y, 9, Truncated(9), algorithm), expected)
    torch.testing.assert_close(gradients(model, y, 9, Truncated(20), algorithm), expected)


def test_the_values_do_not_depend_on_the_mode():
    model, y = declare("sparse")
    loss, _ = gradients(model, y, 9, Backprop())
    for mode in (Checkpoint(), Truncated(2), OneStep()):
        assert gradients(model, y, 9, mode)[0] == pytest.approx(loss, rel=1e-14)
    again, _ = gradients(model, y, 400, Implicit())
    assert again == pytest.approx(gradients(model, y, 400, Backprop())[0], rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_implicit_gradient_is_that_of_the_converged_steps(kind):
    model, y = declare(kind)
    _, expected = gradients(model, y, 600, Backprop(), ForwardBackward(1.5), learnable(kind))
    _, found = gradients(model, y, 600, Implicit(), ForwardBackward(1.5), learnable(kind))
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_implicit_gradient_is_that_of_finite_differences(kind):
    model, y = declare(kind)
    _, found = gradients(model, y, 300, Implicit(), FISTA(step=NormStep()), learnable(kind))
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    ahead, _ = gradients(model, y + 1e-5 * direction, 300, Implicit(), FISTA(step=NormStep()), learnable(kind))
    behind, _ = gradients(model, y - 1e-5 * direction, 300, Implicit(), FISTA(step=NormStep()), learnable(kind))
    assert float((found["y"] * direction).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-5)


def test_one_step_points_the_right_way_and_truncation_comes_nearer():
    model, y = declare("sparse")
    _, exact = gradients(model, y, 600, Backprop(), ForwardBackward(1.5))
    errors = []
    for mode in (OneStep(), Truncated(10), Truncated(200)):
        _, found = gradients(model, y, 600, mode, ForwardBackward(1.5))
        both = torch.cat([found[name].flatten() for name in exact]), torch.cat([value.flatten() for value in exact.values()])
        assert float(torch.nn.functional.cosine_similarity(*both, dim=0)) > 0.3
        errors.append(float((both[0] - both[1]).norm() / both[1].norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


def test_nothing_blows_up_where_the_steps_have_not_converged():
    model, y = declare("sparse")
    _, exact = gradients(model, y, 600, Backprop(), ForwardBackward(1.5))
    for steps in (1, 2, 4, 8):
        with pytest.warns(ImplicitGradientWarning, match="take more steps"):
            _, found = gradients(model, y, steps, Implicit(gate=1e-9), ForwardBackward(0.3))
        for name, gradient in exact.items():
            assert float(found[name].norm()) < 10 * float(gradient.norm())


def test_only_items_that_have_not_converged_fall_back():
    model, y = declare("sparse")
    solution = model.solve(y, tolerance=1e-12)
    start = {"x": solution.coefficients["x"].clone()}
    start["x"][1] = 0.0
    network = model.unroll(1, algorithm=ForwardBackward(), shared=True, learn=LEARN, differentiation=Implicit(gate=1e-4))
    data = y.clone().requires_grad_()
    with pytest.warns(ImplicitGradientWarning, match="1 of 3 items"):
        network(data, start=start)["x"].square().sum().backward()
    reference = model.unroll(2000, algorithm=ForwardBackward(1.5), shared=True, learn=LEARN)
    exact = y.clone().requires_grad_()
    reference(exact)["x"].square().sum().backward()
    torch.testing.assert_close(data.grad[[0, 2]], exact.grad[[0, 2]], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(data.grad[1], exact.grad[1], rtol=1e-2)


def test_a_solution_of_zeros_has_a_gradient_of_zeros():
    model, y = Model(x=Component(L1(1e3), Matrix(matrix(24, 15))), noise=Gaussian(1.0)), declare("sparse")[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, found = gradients(model, y, 20, Implicit(), learn=(Weights(),))
    assert all(float(gradient.abs().max()) == 0 for gradient in found.values())


def test_exact_data_have_no_implicit_gradient():
    model = Model(low=Component(NuclearNorm()), sparse=Component(L1(0.2, event_dims=2)), noise=Exact())
    with pytest.raises(UnsupportedError, match="smooth"):
        model.unroll(3, differentiation=Implicit())(torch.randn(5, 4))


def test_arguments_that_make_no_sense():
    for make in (lambda: Truncated(0), lambda: Checkpoint(0), lambda: Implicit(gate=0.0)):
        with pytest.raises(ParameterError):
            make()
