"""Losses out of a declared model: consistent, with the minimisers of the model, and emitting exact zeros."""

import itertools

import pytest
import torch

from foreknow import L1, Component, Exact, Gaussian, GroupL2, Matrix, Model, NuclearNorm, PlugIn, Poisson, Wavelet
from foreknow.errors import DataError, ParameterError, UnsupportedError
from foreknow.inject import (
    BlockTarget,
    ForwardBackwardEnvelope,
    ModelLoss,
    Moreau,
    ProxAsBackward,
    ProxTarget,
    Refined,
    Separator,
    Subgradient,
    Target,
    Teacher,
)
from foreknow.solve import ForwardBackward, RobustPCA


def data(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def low_rank_and_sparse(sigma: float | None = 0.7) -> Model:
    noise = Exact() if sigma is None else Gaussian(sigma)
    return Model(low=Component(NuclearNorm(0.8)), sparse=Component(L1(0.3, event_dims=2)), noise=noise)


def wavelet_and_spikes() -> Model:
    return Model(smooth=Component(L1(0.4), Wavelet("db2", 2).T), spikes=Component(L1(0.5)), noise=Gaussian(0.6))


def inverse_problem() -> Model:
    return Model(x=Component(GroupL2(0.2, axes=(-1,), event_dims=1), Matrix(data(10, 6) / 3)), noise=Gaussian(0.5))


CASES = [
    pytest.param(low_rank_and_sparse, (2, 7, 5), "sparse", id="eliminate the sparse part"),
    pytest.param(low_rank_and_sparse, (2, 7, 5), "low", id="eliminate the low-rank part"),
    pytest.param(low_rank_and_sparse, (2, 7, 5), None, id="emit both"),
    pytest.param(wavelet_and_spikes, (2, 16), "spikes", id="a frame and spikes"),
    pytest.param(inverse_problem, (3, 10), None, id="inverse problem"),
]
CONSISTENT = [Subgradient(), Moreau(0.3), ForwardBackwardEnvelope(), Refined(2)]


def emitted(loss: ModelLoss, y: torch.Tensor, seed: int = 3) -> dict[str, torch.Tensor]:
    zeros = dict(zip(loss.problem.names, loss.problem.for_data(y).zeros(y), strict=True))
    return {name: data(*zeros[name].shape, seed=seed + k).requires_grad_() for k, name in enumerate(loss.emitted)}


@pytest.mark.parametrize("treatment", CONSISTENT, ids=lambda treatment: type(treatment).__name__)
@pytest.mark.parametrize(("declare", "shape", "eliminate"), CASES)
def test_the_gradient_is_that_of_the_value(declare, shape, eliminate, treatment):
    y = data(*shape)
    loss = ModelLoss(declare().problem, eliminate, treatment)
    points = emitted(loss, y)
    assert torch.autograd.gradcheck(lambda *x: loss(dict(zip(points, x, strict=True)), y), tuple(points.values()), atol=1e-6)


@pytest.mark.parametrize(
    "treatment", [ForwardBackwardEnvelope(), ProxTarget(), BlockTarget()], ids=lambda treatment: type(treatment).__name__
)
@pytest.mark.parametrize(("declare", "shape", "eliminate"), CASES)
def test_a_free_variable_trained_on_the_loss_is_solved(declare, shape, eliminate, treatment):
    model, y = declare(), data(*shape)
    optimum = model.solve(y, tolerance=1e-10).objective
    loss = ModelLoss(model.problem, eliminate, treatment)
    points = emitted(loss, y)
    optimiser = torch.optim.LBFGS(list(points.values()), max_iter=300, tolerance_grad=1e-10, line_search_fn="strong_wolfe")
    if isinstance(treatment, Target):
        optimiser = torch.optim.SGD(list(points.values()), float(loss._composite(points, y)[0].step(1.0)))

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(points, y).sum()
        value.backward()
        return value

    for _ in range(600 if isinstance(treatment, Target) else 3):
        optimiser.step(closure)
    estimate = loss.emit({name: point.detach() for name, point in points.items()}, y, certify=True)
    torch.testing.assert_close(model.objective(estimate.coefficients, y), optimum, rtol=1e-5, atol=1e-8)
    assert estimate.certificate.worst < 1e-3


@pytest.mark.parametrize("eliminate", ["sparse", None])
@pytest.mark.parametrize(
    ("algorithm", "sigma"),
    [(None, 0.7), (ForwardBackward(), 0.7), (RobustPCA(), None)],
    ids=["ADMM", "forward-backward", "exact data"],
)
def test_a_teacher_leads_to_the_minimum(algorithm, sigma, eliminate):
    if sigma is None and eliminate is None:
        pytest.skip("with exact data one component is eliminated")
    model, y = low_rank_and_sparse(sigma), data(2, 7, 5)
    loss = ModelLoss(model.problem, eliminate, Teacher(algorithm, steps=150))
    points = {name: point.detach() for name, point in emitted(loss, y).items()}
    for _ in range(3):
        leaves = {name: point.requires_grad_() for name, point in points.items()}
        value = loss(leaves, y).sum()
        gradients = torch.autograd.grad(value, list(leaves.values()))
        steps = loss._composite(leaves, y)[0].block_steps()
        points = {name: (leaf - step * g).detach() for (name, leaf), g, step in zip(leaves.items(), gradients, steps, strict=True)}
    found = loss.emit(points, y, steps=0)
    torch.testing.assert_close(
        model.objective(found.coefficients, y), model.solve(y, tolerance=1e-10).objective, rtol=1e-5, atol=1e-8
    )


def test_the_block_target_is_the_best_of_each_component():
    model, y = low_rank_and_sparse(), data(2, 7, 5)
    composite, x = ModelLoss(model.problem)._composite({"low": data(2, 7, 5, seed=1), "sparse": data(2, 7, 5, seed=2)}, y)
    low, sparse = model.problem.declared_priors()
    found = BlockTarget().target(composite, x)
    torch.testing.assert_close(found[0], low.prox(y - x[1], 0.7**2))
    torch.testing.assert_close(found[1], sparse.prox(y - x[0], 0.7**2))


def test_more_steps_of_emission_bring_it_nearer():
    model, y = low_rank_and_sparse(), data(3, 7, 5)
    loss = ModelLoss(model.problem, "sparse")

    def network(y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"low": y / 2}

    values = [model.objective(Separator(network, loss, steps)(y).coefficients, y) for steps in range(6)]
    assert all((after <= before).all() for before, after in itertools.pairwise(values))
    estimate = Separator(network, loss, 0)(y)
    torch.testing.assert_close(estimate["low"], y / 2)
    assert (estimate["sparse"] == 0).any()
    estimate = Separator(network, loss, 100, certify=True)(y)
    torch.testing.assert_close(
        model.objective(estimate.coefficients, y), model.solve(y, tolerance=1e-9).objective, rtol=1e-3, atol=0
    )
    assert 0 <= estimate.certificate.worst < 0.02
    with pytest.raises(DataError, match="dictionary"):
        Separator(lambda y: y, loss)(y)


@pytest.mark.parametrize(("declare", "shape", "eliminate"), CASES)
def test_the_envelope_bounds_what_is_emitted(declare, shape, eliminate):
    model, y = declare(), data(*shape)
    loss = ModelLoss(model.problem, eliminate)
    points = {name: point.detach() for name, point in emitted(loss, y).items()}
    plain = ModelLoss(model.problem, eliminate, Subgradient())
    assert (loss(points, y) <= plain(points, y) + 1e-9).all()
    estimate = loss.emit(points, y)
    assert (model.objective(estimate.coefficients, y) <= loss(points, y) + 1e-9).all()


@pytest.mark.parametrize(("declare", "shape", "eliminate"), [case for case in CASES if case.values[2] is not None])
def test_elimination_is_the_minimum_over_the_component(declare, shape, eliminate):
    model, y = declare(), data(*shape)
    loss = ModelLoss(model.problem, eliminate, Subgradient())
    points = {name: point.detach() for name, point in emitted(loss, y).items()}
    composite, x = loss._composite(points, y)
    best = dict(points) | {eliminate: composite.eliminate(x)}
    value = model.objective(best, y)
    torch.testing.assert_close(loss(points, y), value)
    for scale in (1e-3, 1e-1):
        other = dict(best) | {eliminate: best[eliminate] + scale * data(*best[eliminate].shape, seed=9)}
        assert (model.objective(other, y) >= value).all()


def test_what_is_emitted_has_exact_zeros_and_exact_rank():
    y = data(3, 12, 9)
    model = Model(low=Component(NuclearNorm(2.0)), sparse=Component(L1(0.6, event_dims=2)), noise=Gaussian(0.7))
    loss = ModelLoss(model.problem, "sparse")
    estimate = loss.emit({"low": y / 2}, y)
    assert 0.1 < float((estimate["sparse"] == 0).double().mean()) < 0.99
    assert int(torch.linalg.matrix_rank(estimate["low"]).max()) < 9


def test_exact_data_leave_the_rest_to_the_eliminated_component():
    model, y = low_rank_and_sparse(None), data(2, 7, 5)
    loss = ModelLoss(model.problem, "sparse", Subgradient())
    points = {"low": data(2, 7, 5, seed=4)}
    torch.testing.assert_close(loss(points, y), model.objective({"low": points["low"], "sparse": y - points["low"]}, y))
    estimate = loss.emit(points, y, certify=True)
    torch.testing.assert_close(estimate["low"] + estimate["sparse"], y)
    assert estimate.certificate.worst > 0
    leaf = points["low"].requires_grad_()
    assert torch.autograd.gradcheck(lambda low: loss({"low": low}, y), (leaf,), atol=1e-6)


def test_the_historical_rule_makes_the_proximal_step():
    model, y = Model(x=Component(L1(0.4)), noise=Gaussian(1e6)), data(3, 8)
    loss = ModelLoss(model.problem, None, ProxAsBackward())
    x = data(3, 8, seed=2).requires_grad_()
    loss({"x": x}, y).sum().backward()
    torch.testing.assert_close(x.detach() - x.grad, model.problem.declared_priors()[0].prox(x.detach()))


def test_the_weights_are_not_trained_along():
    model = low_rank_and_sparse()
    assert not [p for p in ModelLoss(model.problem, "sparse").parameters() if p.requires_grad]


def test_a_batch_is_its_items_and_single_precision_works():
    loss, y = ModelLoss(low_rank_and_sparse().problem, "sparse"), data(3, 7, 5)
    points = {"low": data(3, 7, 5, seed=4)}
    together = loss(points, y)
    torch.testing.assert_close(together[1], loss({"low": points["low"][1]}, y[1]))
    torch.testing.assert_close(loss({"low": points["low"].float()}, y.float()).double(), together, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_a_loss_says_so():
    problem = low_rank_and_sparse().problem
    with pytest.raises(ParameterError, match="'other'"):
        ModelLoss(problem, "other")
    with pytest.raises(UnsupportedError, match="eliminated"):
        ModelLoss(low_rank_and_sparse(None).problem)
    with pytest.raises(UnsupportedError, match="smooth"):
        ModelLoss(low_rank_and_sparse(None).problem, "sparse", ForwardBackwardEnvelope())
    with pytest.raises(UnsupportedError, match="'x'"):
        ModelLoss(Model(x=Component(PlugIn(torch.relu, takes_sigma=False))).problem)
    with pytest.raises(UnsupportedError, match="Poisson"):
        ModelLoss(Model(x=Component(L1(0.1)), noise=Poisson()).problem)
    with pytest.raises(UnsupportedError, match="isometry"):
        ModelLoss(Model(a=Component(L1(0.1), Matrix(data(5, 4))), b=Component(L1(0.1)), noise=Gaussian()).problem, "a")
    with pytest.raises(ParameterError, match="only component"):
        ModelLoss(Model(x=Component(L1(0.1))).problem, "x")
    with pytest.raises(UnsupportedError, match="ForwardBackward"):
        ModelLoss(low_rank_and_sparse(None).problem, "sparse", Teacher(ForwardBackward()))
    with pytest.raises(ParameterError, match="negative"):
        ModelLoss(problem, "sparse").emit({"low": data(7, 5)}, data(7, 5), steps=-1)
    with pytest.raises(DataError, match="low"):
        ModelLoss(problem, "sparse")({"sparse": data(7, 5)}, data(7, 5))
    for make in (lambda: Moreau(0.0), lambda: ForwardBackwardEnvelope(1.0), lambda: ProxTarget(2.0), lambda: Teacher(steps=0)):
        with pytest.raises(ParameterError):
            make()
