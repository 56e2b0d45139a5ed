"""Small networks and data for the tests of training."""

import torch
from torch import Tensor, nn

from foreknow import L1, Component, Gaussian, Model
from foreknow.learn import Simulated
from foreknow.learn.emission import Emission, Emit
from foreknow.solve import ForwardBackward
from foreknow.unroll import UnrolledNetwork, Weights

LENGTH = 24
SIGMA = 0.3


def sparse_model(weight: float = 2.0) -> Model:
    return Model(noise=Gaussian(SIGMA), signal=Component(L1(weight=weight)))


def unrolled(steps: int = 3, weight: float = 2.0) -> UnrolledNetwork:
    return UnrolledNetwork(sparse_model(weight).problem, ForwardBackward(step_fraction=0.7), steps, [Weights()])


def spikes(generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """Two spikes of height about 2 in white noise."""
    clean = torch.zeros(LENGTH)
    clean[torch.randint(LENGTH, (2,), generator=generator)] = 2 + 0.5 * torch.randn(2, generator=generator)
    return clean + SIGMA * torch.randn(LENGTH, generator=generator), {"signal": clean}


def spike_data(size: int = 20, seed: int = 0) -> Simulated:
    return Simulated(spikes, size, seed)


def dense(seed: int = 0) -> nn.Module:
    """A plain network with dropout, so that its training depends on random numbers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(LENGTH, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, LENGTH))


def emitting(network: nn.Module) -> Emit:
    def emit(y: Tensor) -> Emission:
        found = network(y)
        return Emission({"signal": found}, {"signal": found})

    return emit
