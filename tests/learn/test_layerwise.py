"""Layer-wise warm-up."""

import copy

import pytest
import torch
from learn_problems import sparse_model, spike_data, unrolled

from foreknow.errors import ParameterError
from foreknow.learn import Compute, FirstSteps, Settings, Silent, Supervised, Validation, evaluate, fit, warm_up
from foreknow.solve import ForwardBackward
from foreknow.unroll import UnrolledNetwork, Weights

CPU = Compute("cpu")


def test_the_first_steps_are_a_network_of_that_many_steps_and_all_of_them_the_network() -> None:
    network = unrolled(steps=4)
    y = spike_data().draw(range(3), 0).y
    shorter = FirstSteps(network, 2)(y)
    expected = UnrolledNetwork(sparse_model().problem, ForwardBackward(step_fraction=0.7), 2)(y)
    assert torch.equal(shorter["signal"], expected["signal"])
    assert torch.equal(FirstSteps(network, 4)(y)["signal"], network(y)["signal"])


def test_a_stage_trains_the_first_steps_only_and_resumes(tmp_path) -> None:
    settings = Settings(epochs=2, learning_rate=0.1)
    start = unrolled(steps=4)
    found = []
    for _ in range(2):  # the second time from the checkpoints of the first
        network = copy.deepcopy(start)
        histories = warm_up(network, Supervised(), spike_data(), settings, (1, 3), folder=tmp_path, compute=CPU, progress=Silent())
        assert [history.steps for history in histories] == [6, 6]
        found.append(network)
    for step in range(4):
        key = f"layers.{step}.problem.priors.0.weight_parameter.log_value"
        assert torch.equal(found[0].state_dict()[key], found[1].state_dict()[key])
        assert torch.equal(found[0].state_dict()[key], start.state_dict()[key]) == (step == 3)


def test_warmed_up_steps_do_better_and_training_goes_on_from_there() -> None:
    start, network = unrolled(steps=4, weight=0.2), unrolled(steps=4, weight=0.2)
    settings = Settings(epochs=5, learning_rate=0.3)
    warm_up(network, Supervised(), spike_data(), settings, (1, 2), compute=CPU, progress=Silent())
    apart = spike_data(30, seed=6)
    first = [evaluate(FirstSteps(one, 2), Supervised(), apart) for one in (start, network)]
    assert first[1] < 0.8 * first[0]
    before = evaluate(network, Supervised(), apart)
    fit(network, Supervised(), spike_data(), settings, validation=Validation(apart), compute=CPU, progress=Silent())
    assert evaluate(network, Supervised(), apart) < before


def test_depths_that_do_not_fit_are_refused() -> None:
    def refused(network: UnrolledNetwork, *depths: int) -> None:
        warm_up(network, Supervised(), spike_data(), Settings(), depths, compute=CPU, progress=Silent())

    for depths, sentence in (((2, 1), "must rise"), ((), "must rise"), ((1, 9), "steps 1 to 3"), ((0, 1), "steps 1 to 3")):
        with pytest.raises(ParameterError, match=sentence):
            refused(unrolled(), *depths)
    shared = UnrolledNetwork(sparse_model().problem, ForwardBackward(), 3, [Weights()], shared=True)
    with pytest.raises(ParameterError, match="use fit"):
        refused(shared, 1)
