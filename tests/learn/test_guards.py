"""Guards: each does what its formula says, and keeps what it promises to keep."""

import copy

import pytest
import torch
from learn_problems import LENGTH, dense, spike_data, unrolled
from torch import nn

from foreknow import L1, Component, Gaussian, Matrix, Model
from foreknow.errors import InputFileError, ParameterError
from foreknow.learn import Compute, Constant, Examples, Settings, Silent, Supervised, evaluate, fit
from foreknow.learn.emission import Emitter
from foreknow.learn.guards import L2SP, FrozenOperators, GroupL2SP, Guard, Replay, SelectiveDecay
from foreknow.solve import ForwardBackward
from foreknow.unroll import Operators, UnrolledNetwork, Weights

CPU = Compute("cpu")


def _moved(
    guard: Guard, gradient: torch.Tensor | None, start: torch.Tensor, now: torch.Tensor, after: torch.Tensor
) -> torch.Tensor:
    """What becomes of a parameter that started at ``start``, is at ``now``, and that the optimiser moves to ``after``."""
    network = nn.Linear(1, len(start), bias=False).double()
    network.weight.data.copy_(start[:, None])
    guard.protect(network)
    network.weight.data.copy_(now[:, None])
    network.weight.grad = None if gradient is None else gradient[:, None]
    guard.before_step()
    network.weight.data.copy_(after[:, None])
    guard.after_step(0.1)
    return network.weight.detach()[:, 0]


def _vectors(count: int) -> list[torch.Tensor]:
    return list(torch.randn(count, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


def test_l2sp_is_the_proximal_map_of_the_squared_distance() -> None:
    start, now, after = _vectors(3)
    found = _moved(L2SP(4.0), None, start, now, after).requires_grad_()
    objective = (found - after).square().sum() / 2 + 0.1 * 4.0 / 2 * (found - start).square().sum()
    objective.backward()
    torch.testing.assert_close(found.grad, torch.zeros(5, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.equal(_moved(L2SP(4.0), None, start, now, start), start)
    assert torch.equal(_moved(L2SP(0.0), None, start, now, after), after)


def test_group_l2sp_is_the_proximal_map_of_the_distance_and_sets_back_exactly() -> None:
    start, now, after = _vectors(3)
    found = _moved(GroupL2SP(2.0), None, start, now, after).requires_grad_()
    objective = (found - after).square().sum() / 2 + 0.1 * 2.0 * 5**0.5 * (found - start).norm()
    objective.backward()
    torch.testing.assert_close(found.grad, torch.zeros(5, dtype=torch.float64), atol=1e-12, rtol=0)
    near = start + 0.1 * torch.ones(5, dtype=torch.float64)
    assert torch.equal(_moved(GroupL2SP(2.0), None, start, now, near), start)


def test_selective_decay_projects_where_descent_leads_back_and_only_there() -> None:
    start, now, after = _vectors(3)
    away = now - start
    after = start + 1.5 * away + 0.1 * after
    back = _moved(SelectiveDecay(1.0), away, start, now, after)  # minus the gradient points towards the start
    torch.testing.assert_close((back - start).norm(), away.norm())
    torch.testing.assert_close((back - start) / (back - start).norm(), (after - start) / (after - start).norm())
    assert torch.equal(_moved(SelectiveDecay(1.0), -away, start, now, after), after)
    assert torch.equal(_moved(SelectiveDecay(1.0), None, start, now, after), after)
    nearer = start + 0.5 * away
    assert torch.equal(_moved(SelectiveDecay(1.0), away, start, now, nearer), nearer)
    half = _moved(SelectiveDecay(0.5), away, start, now, after)
    torch.testing.assert_close(half, (after + back) / 2)


def test_anchors_remember_the_beginning_and_refuse_that_of_another_network() -> None:
    guard = L2SP(1.0)
    with pytest.raises(ParameterError, match="pass it to fit"):
        guard.state()
    network = dense()
    guard.protect(network)
    state = guard.state()
    fresh = L2SP(1.0)
    fresh.protect(dense(seed=1))
    fresh.load_state(state)
    assert all(torch.equal(fresh.state()[name], value) for name, value in state.items())
    fresh.protect(nn.Linear(3, 3))
    with pytest.raises(InputFileError, match="another network"):
        fresh.load_state(state)
    for make in (L2SP, GroupL2SP, SelectiveDecay):
        with pytest.raises(ParameterError, match=make.__name__):
            make(-1.0)


def _fit(network: nn.Module, guards: list[Guard], rate: float = 0.05, epochs: int = 6) -> nn.Module:
    settings = Settings(epochs=epochs, batch_size=5, learning_rate=rate)
    fit(network, Supervised(), spike_data(), settings, guards=guards, schedule=Constant(), compute=CPU, progress=Silent())
    return network


def _way(before: nn.Module, after: nn.Module) -> float:
    return (
        sum(float((one - two).detach().square().sum()) for one, two in zip(before.parameters(), after.parameters(), strict=True))
        ** 0.5
    )


def test_guards_shorten_the_way_of_a_training() -> None:
    start = dense()
    free = _way(start, _fit(copy.deepcopy(start), []))
    for guard in (L2SP(2.0), GroupL2SP(0.3), SelectiveDecay(1.0)):
        held = _way(start, _fit(copy.deepcopy(start), [guard]))
        assert 0 < held < 0.98 * free
    assert _way(start, _fit(copy.deepcopy(start), [L2SP(0.0)])) == free


def test_group_l2sp_leaves_layers_unchanged_to_the_last_bit_and_lets_others_learn() -> None:
    torch.manual_seed(0)
    start = nn.Sequential(nn.Linear(LENGTH, LENGTH), nn.Linear(LENGTH, LENGTH))
    y = torch.randn(40, LENGTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shifted = Examples(y, {"signal": start(y) + 3.0})  # a new bias explains all
    settings = Settings(epochs=30, batch_size=40, learning_rate=0.5, clip_norm=None)
    optimizer = torch.optim.SGD
    before = evaluate(start, Supervised(), shifted)
    for strength, expected in ((0.0, {"0.weight", "0.bias", "1.weight", "1.bias"}), (0.15, {"1.bias"}), (0.3, set())):
        tried = copy.deepcopy(start)
        guard = GroupL2SP(strength)
        fit(tried, Supervised(), shifted, settings, guards=[guard], optimizer=optimizer, compute=CPU, progress=Silent())
        assert {name for name, one in tried.named_parameters() if not torch.equal(one, start.get_parameter(name))} == expected
        if expected:
            assert evaluate(tried, Supervised(), shifted) < 0.8 * before


def _dictionary_network() -> UnrolledNetwork:
    atoms = torch.randn(LENGTH, LENGTH, generator=torch.Generator().manual_seed(0)) / LENGTH**0.5
    model = Model(noise=Gaussian(0.3), signal=Component(L1(weight=1.0), Matrix(atoms)))
    return UnrolledNetwork(model.problem, ForwardBackward(), 2, [Weights(), Operators()])


def test_frozen_operators_adapt_thresholds_and_nothing_else() -> None:
    network = _dictionary_network()
    start = copy.deepcopy(network)
    free = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    _fit(network, [FrozenOperators()])
    changed = {name for name, one in network.named_parameters() if not torch.equal(one, start.get_parameter(name))}
    assert changed
    assert all("weight_parameter" in name for name in changed)
    assert any("operators" in name for name in free)
    assert {name for name, parameter in network.named_parameters() if parameter.requires_grad} == free
    with pytest.raises(ParameterError, match=r"Weights\(\) or StepSizes\(\)"):
        FrozenOperators().protect(dense())


def test_replay_adds_the_loss_of_the_source_and_draws_it_anew() -> None:
    network = unrolled()
    source = spike_data(50, seed=2)
    guard = Replay(source, Supervised(), weight=3.0, batch_size=50)
    guard.protect(network)
    emit = Emitter(network)
    first, same, second = (float(guard.penalty(emit, key).detach()) for key in ((0, 1), (0, 1), (0, 2)))
    assert first == same != second
    assert first == pytest.approx(3 * evaluate(network, Supervised(), spike_data(400, seed=7)), rel=0.2)
    with pytest.raises(ParameterError, match="positive"):
        Replay(source, Supervised(), weight=0.0)


def test_replay_keeps_the_source_where_plain_training_forgets_it() -> None:
    source = spike_data(40)
    whole = source.draw(range(40), 0)
    target = Examples(-whole.y, {"signal": 0 * whole.y})  # there, all that is negative is to be called nothing
    torch.manual_seed(0)
    start = nn.Sequential(nn.Linear(LENGTH, 48), nn.ReLU(), nn.Linear(48, LENGTH))
    settings = Settings(epochs=40, batch_size=10, learning_rate=0.01)
    fit(start, Supervised(), source, settings, compute=CPU, progress=Silent())
    plain, guarded = copy.deepcopy(start), copy.deepcopy(start)
    short = Settings(epochs=20, batch_size=10, learning_rate=0.01)
    fit(plain, Supervised(), target, short, compute=CPU, progress=Silent())
    fit(guarded, Supervised(), target, short, guards=[Replay(source, Supervised())], compute=CPU, progress=Silent())
    held_back = spike_data(40, seed=5)
    lost = evaluate(plain, Supervised(), held_back) - evaluate(start, Supervised(), held_back)
    lost_with_guard = evaluate(guarded, Supervised(), held_back) - evaluate(start, Supervised(), held_back)
    assert lost > 0.05
    assert lost_with_guard < 0.2 * lost
    assert evaluate(guarded, Supervised(), target) < 0.1 * evaluate(start, Supervised(), target)
