"""The unrolled network: it is the algorithm before training, and only what was named can be learned."""

import pytest
import torch
from torch import nn

from foreknow import (
    L1,
    Component,
    Exact,
    Gaussian,
    GroupL2,
    Matrix,
    Model,
    NonNegative,
    NuclearNorm,
    PlugIn,
    TotalVariation1D,
    Wavelet,
)
from foreknow.errors import ParameterError, UnsupportedError
from foreknow.operators import Dictionary, FiniteDifference
from foreknow.solve import ADMM, FISTA, PDHG, ForwardBackward, FusedRobustPCA, RobustPCA
from foreknow.solve.penalty import FixedPenalty
from foreknow.solve.step_rule import NormStep
from foreknow.unroll import Networks, NoiseLevel, Operators, StepSizes, Weights


def sparse_model() -> Model:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(20, 12, generator=generator, dtype=torch.float64) / 4
    return Model(x=Component(L1(0.1), Matrix(matrix)), noise=Gaussian(0.5))


def data(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def low_rank_model() -> Model:
    return Model(low=Component(NuclearNorm()), sparse=Component(L1(0.2, event_dims=2)), noise=Exact())


CASES = [
    pytest.param(sparse_model, ForwardBackward(), (3, 20), 2000, id="forward-backward"),
    pytest.param(sparse_model, FISTA(step=NormStep()), (3, 20), 1000, id="FISTA"),
    pytest.param(sparse_model, ADMM(), (3, 20), 400, id="ADMM"),
    pytest.param(sparse_model, PDHG(), (3, 20), 3000, id="PDHG"),
    pytest.param(low_rank_model, RobustPCA(), (2, 9, 6), 400, id="robust PCA"),
]


@pytest.mark.parametrize(("declare", "algorithm", "shape", "steps"), CASES)
def test_unrolled_for_long_is_solved(declare, algorithm, shape, steps):
    model, y = declare(), data(*shape)
    network = model.unroll(steps, algorithm=algorithm, shared=True)
    with torch.no_grad():
        estimate = network(y, certify=True)
    solution = model.solve(y, algorithm=algorithm, tolerance=1e-9, max_iterations=20_000)
    assert estimate.certificate.worst < 1e-5
    for name in model.names:
        torch.testing.assert_close(estimate[name], solution[name], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("declare", "algorithm", "shape", "steps"), CASES)
def test_own_parameters_for_every_step_change_nothing_before_training(declare, algorithm, shape, steps):  # noqa: ARG001
    model, y = declare(), data(*shape)
    one = model.unroll(7, algorithm=algorithm, shared=True)(y)
    many = model.unroll(7, algorithm=algorithm)(y)
    for name in model.names:
        torch.testing.assert_close(one.coefficients[name], many.coefficients[name])


@pytest.mark.parametrize(("declare", "algorithm", "shape", "steps"), CASES)
def test_a_batch_is_its_items(declare, algorithm, shape, steps):  # noqa: ARG001
    network = declare().unroll(5, algorithm=algorithm)
    y = data(*shape)
    together = network(y)
    for index, item in enumerate(y):
        alone = network(item)
        for name in network.names:
            torch.testing.assert_close(together.coefficients[name][index], alone.coefficients[name])


@pytest.mark.parametrize(("declare", "algorithm", "shape", "steps"), CASES)
def test_every_parameter_gets_a_gradient_that_differences_confirm(declare, algorithm, shape, steps):  # noqa: ARG001
    if isinstance(algorithm, ADMM):  # an automatic penalty is not differentiated: what the steps tend to does not depend on it
        algorithm = ADMM(FixedPenalty(1.0))
    network = declare().unroll(4, algorithm=algorithm, learn=(Weights(),))
    y = data(*shape)

    def loss() -> torch.Tensor:
        return sum(part.square().sum() for part in network(y).components.values()) + network(y)[network.names[-1]].sum()

    loss().backward()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert len(parameters) == 4 * len(network.names)
    for parameter in parameters:
        with torch.no_grad():
            values = []
            for change in (1e-5, -2e-5):
                parameter.add_(change)
                values.append(float(loss().detach()))
            parameter.add_(1e-5)
        assert float(parameter.grad) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_gap_is_never_optimistic():
    model, y = sparse_model(), data(5, 20)
    optimum = model.solve(y, tolerance=1e-10).objective
    for steps in (1, 3, 10, 30):
        estimate = model.unroll(steps)(y, certify=True)
        excess = model.objective(estimate.coefficients, y) - optimum
        assert (estimate.certificate.absolute >= excess - 1e-9).all()


def test_indicators_and_weights_of_zero_are_not_learned():
    prior = L1(0.0) & NonNegative()
    with pytest.raises(ParameterError, match="no positive weight"):
        Model(x=Component(prior)).unroll(2, learn=(Weights(),))
    network = Model(x=Component(L1(0.3) & NonNegative())).unroll(2, learn=(Weights(),), shared=True)
    (parameter,) = (p for p in network.parameters() if p.requires_grad)
    assert float(parameter.detach().exp()) == pytest.approx(0.3)


def test_a_shared_weight_stays_shared():
    prior = L1(0.3)
    tied = Model(a=Component(prior), b=Component(prior, Wavelet("db2", 1)), noise=Gaussian(1.0))
    assert len([p for p in tied.unroll(1).parameters() if p.requires_grad]) == 1
    apart = Model(a=Component(L1(0.3)), b=Component(L1(0.3), Wavelet("db2", 1)), noise=Gaussian(1.0))
    assert len([p for p in apart.unroll(1).parameters() if p.requires_grad]) == 2


def test_only_the_named_component_is_learned():
    model = Model(a=Component(L1(0.3)), b=Component(GroupL2(0.2, axes=(-1,), event_dims=1), Wavelet("db2", 1)), noise=Gaussian(1.0))
    network = model.unroll(1, learn=(Weights(["b"]),))
    (row,) = network.knowledge().rows
    assert row.owner == "b"
    with pytest.raises(ParameterError, match="'c'"):
        model.unroll(1, learn=(Weights(["c"]),))


def test_the_model_itself_is_left_alone():
    model, y = sparse_model(), data(2, 20)
    network = model.unroll(3, learn=(Weights(), NoiseLevel(), Operators()))
    before = model.objective(network(y).coefficients, y)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    network(y)["x"].square().sum().backward()
    optimiser.step()
    assert not any(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        first = model.unroll(3)(y).coefficients
    torch.testing.assert_close(model.objective(first, y), before.detach())
    assert any(row.change > 0 for row in network.knowledge().rows)


def test_learned_atoms_keep_their_norms():
    atoms = data(4, 5)
    model = Model(x=Component(L1(0.1, event_dims=2), Dictionary(atoms, mode="circular")), noise=Gaussian(0.5))
    network = model.unroll(3, learn=(Operators(),), shared=True)
    y = data(2, 30)
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 0.1)
    for _ in range(5):
        optimiser.zero_grad()
        (network(y)["x"] - y).square().sum().backward()
        optimiser.step()
    learned = network.learned_problem().linear_operators()[0].atoms
    torch.testing.assert_close(learned.norm(dim=-1), atoms.norm(dim=-1))
    assert float((learned - atoms).norm().detach()) > 0.1


def test_a_learned_wavelet_stays_orthonormal():
    model = Model(x=Component(L1(0.1), Wavelet("db3", 2).T), noise=Gaussian(0.5))
    network = model.unroll(3, learn=(Operators(),), shared=True)
    y = data(2, 32)
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], 0.1)
    for _ in range(5):
        optimiser.zero_grad()
        network(y)["x"].abs().sum().backward()
        optimiser.step()
    operator = network.learned_problem().onto((32,)).linear_operators()[0]
    torch.testing.assert_close(operator(operator.adjoint(y)), y)
    (row,) = network.knowledge().of("x", "scaling filter")
    assert row.change > 0.01


def test_plugged_in_networks_are_learned_where_named():
    denoiser = nn.Linear(6, 6).double()
    model = Model(x=Component(PlugIn(denoiser)), noise=Gaussian(0.5))
    assert not [p for p in model.unroll(2, learn=()).parameters() if p.requires_grad]
    network = model.unroll(2, learn=(Networks(),), shared=True)
    network(data(3, 6))["x"].square().sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    assert [row.name for row in network.knowledge().rows] == ["network"]


def test_more_steps_of_a_shared_network():
    model, y = sparse_model(), data(3, 20)
    network = model.unroll(3, shared=True)
    longer = network.with_steps(400)
    optimum = model.solve(y, tolerance=1e-10).objective
    torch.testing.assert_close(model.objective(longer(y).coefficients, y), optimum, rtol=1e-6, atol=0)
    with pytest.raises(ParameterError, match="shared"):
        model.unroll(3).with_steps(4)


def test_float32_and_a_start():
    model, y = sparse_model(), data(3, 20).float()
    solution = model.solve(y, tolerance=1e-6)
    estimate = model.unroll(1)(y, start=solution.coefficients)
    assert estimate["x"].dtype == torch.float32
    torch.testing.assert_close(estimate["x"], solution["x"], atol=1e-3, rtol=0)


def test_what_cannot_be_unrolled_says_so():
    with pytest.raises(ParameterError, match="at least one step"):
        sparse_model().unroll(0)
    with pytest.raises(UnsupportedError, match="cannot be unrolled"):
        low_rank_model().unroll(3, algorithm=FusedRobustPCA())
    with pytest.raises(UnsupportedError, match="smooth"):
        low_rank_model().unroll(3, algorithm=FISTA())
    with pytest.raises(ParameterError, match="operator"):
        Model(x=Component(L1(0.1))).unroll(2, learn=(Operators(),))


def test_knowledge_reads_like_a_table():
    network = sparse_model().unroll(2, learn=(Weights(), NoiseLevel()))
    text = str(network.knowledge())
    assert "weight of" in text
    assert "standard deviation of the noise" in text
    assert len(network.knowledge().rows) == 4
    assert str(sparse_model().unroll(2, learn=()).knowledge()) == "nothing is learned"


@pytest.mark.parametrize(
    ("algorithm", "steps"), [(ForwardBackward(), 1500), (FISTA(step=NormStep()), 1500), (ADMM(), 150), (PDHG(), 1500)]
)
def test_learned_steps_stay_inside_their_bound(algorithm, steps):
    model, y = sparse_model(), data(2, 20)
    network = model.unroll(steps, algorithm=algorithm, learn=(StepSizes(),), shared=True)
    optimum = model.solve(y, tolerance=1e-10).objective
    free = [p for p in network.parameters() if p.requires_grad]
    assert free
    for extreme in (-2.0, 2.0):
        with torch.no_grad():
            for parameter in free:
                parameter.fill_(extreme)
            value = model.objective(network(y).coefficients, y)
        assert torch.isfinite(value).all()
        torch.testing.assert_close(value, optimum, rtol=1e-2, atol=0)


def test_total_variation_through_its_own_prox():
    model, y = Model(x=Component(TotalVariation1D(0.5)), noise=Gaussian(1.0)), data(2, 16)
    solution = model.solve(y, tolerance=1e-9)
    torch.testing.assert_close(model.unroll(200, shared=True)(y)["x"], solution["x"], atol=1e-6, rtol=0)


def test_a_composed_prior_is_unrolled_by_the_primal_dual_method():
    model = Model(x=Component(L1(0.5) @ FiniteDifference(domain_dims=1)), noise=Gaussian(1.0), event_dims=1)
    y = data(2, 16)
    solution = model.solve(y, tolerance=1e-8)
    network = model.unroll(2000, shared=True)
    assert isinstance(network.algorithm, PDHG)
    torch.testing.assert_close(network(y)["x"], solution["x"], atol=1e-4, rtol=0)
