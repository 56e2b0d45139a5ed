"""Simulators and assimilation on a GPU."""

import pytest
import torch

from foreknow.simulate import Integrated, Lorenz96
from foreknow.simulate.assimilation import (
    ETKF,
    LETKF,
    CycledFourDVar,
    Diagonal,
    EnKF,
    FiniteSize,
    GaspariCohn,
    IEnKS,
    Localisation,
    ObservedSystem,
    TwinExperiment,
    ring_distances,
)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_methods_run_on_the_device_of_the_data(dtype):
    system = ObservedSystem(Integrated(Lorenz96(), 0.05), Diagonal(1.0))
    experiment = TwinExperiment(system, cycles=60, burn_in=40, spin_up=100, dtype=dtype, device="cuda")
    truth = experiment.simulate(torch.Generator().manual_seed(0), (8,))
    assert truth.states.device.type == "cuda"
    assert truth.states.dtype == dtype
    local = LETKF(7, Localisation(ring_distances(40), GaspariCohn(4.0)), 1.04)
    for method in (
        ETKF(24, 1.02),
        EnKF(40, 1.06),
        local,
        ETKF(24, FiniteSize()),
        IEnKS(24, 2, 1.02),
        CycledFourDVar(2, Diagonal(0.3)),
    ):
        result = experiment.run(method, truth, torch.Generator().manual_seed(1))
        assert result.median() < 0.7, method.name
