"""Robust PCA layers that are ready to use: on factors, and with convolutions."""

import pytest
import torch

from foreknow.errors import ParameterError, ShapeError
from foreknow.priors import NuclearNorm
from foreknow.priors.gram import spectral_norm
from foreknow.unroll import ConvolutionalRobustPCA, FactorisedRobustPCA


def planted(rows: int, columns: int, rank: int, seed: int = 0, batch: tuple[int, ...] = ()) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(*batch, rows, rank, generator=generator, dtype=torch.float64)
    low_rank = left @ torch.randn(*batch, rank, columns, generator=generator, dtype=torch.float64)
    outliers = torch.rand(low_rank.shape, generator=generator) < 0.02
    return low_rank, 10 * torch.randn(low_rank.shape, generator=generator, dtype=torch.float64) * outliers


@pytest.mark.parametrize("shape", [(1000, 50), (50, 1000), (200, 200)])
def test_low_rank_and_outliers_are_recovered_without_training(shape):
    low_rank, sparse = planted(*shape, rank=5)
    with torch.no_grad():
        found = FactorisedRobustPCA(5, steps=200, decay=0.93)(low_rank + sparse)
    assert float((found.low_rank - low_rank).norm() / low_rank.norm()) < 1e-5
    assert float((found.sparse - sparse).norm() / sparse.norm()) < 1e-4
    assert int(torch.linalg.matrix_rank(found.low_rank)) == 5
    assert abs(float((found.sparse == 0).double().mean() - (sparse == 0).double().mean())) < 1e-3


def test_batches_single_precision_and_scale():
    low_rank, sparse = planted(60, 30, 3, batch=(2, 3))
    data = low_rank + sparse
    network = FactorisedRobustPCA(3, steps=30)
    with torch.no_grad():
        together = network(data)
        torch.testing.assert_close(together.sparse[1, 2], network(data[1, 2]).sparse)
        torch.testing.assert_close(network(1e3 * data).low_rank, 1e3 * together.low_rank)
        assert network(data.float()).low_rank.dtype == torch.float32


def test_few_steps_learn_what_many_do():
    network = FactorisedRobustPCA(2, steps=8, decay=0.5)
    optimiser = torch.optim.Adam(network.parameters(), 0.05)

    def error(seed: int) -> torch.Tensor:
        low_rank, sparse = planted(80, 60, 2, seed, batch=(4,))
        return (network(low_rank + sparse).low_rank - low_rank).norm() / low_rank.norm()

    with torch.no_grad():
        before = float(torch.stack([error(seed) for seed in range(100, 110)]).mean())
    for seed in range(60):
        optimiser.zero_grad()
        error(seed).backward()
        optimiser.step()
    with torch.no_grad():
        after = float(torch.stack([error(seed) for seed in range(100, 110)]).mean())
    assert after < before / 5


def test_zero_data_are_zero():
    found = FactorisedRobustPCA(2, steps=5)(torch.zeros(10, 6))
    assert not found.low_rank.any()
    assert not found.sparse.any()


def test_before_training_it_is_the_proximal_gradient_method():
    data = torch.randn(2, 6, 9, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network = ConvolutionalRobustPCA(3, kernel=(3, 3, 5), low_rank=0.2, sparse=0.5).double()
    found = network(data)
    low_rank = sparse = torch.zeros_like(data)
    threshold = 0.5 * data.abs().mean(dim=(1, 2, 3), keepdim=True)
    for _ in range(3):
        rest = (data - low_rank - sparse) / 2
        frames = (low_rank + rest).flatten(2).mT
        level = 0.2 * spectral_norm(frames)
        moved = sparse + rest
        low_rank = NuclearNorm(1.0).prox(frames, level[:, None, None]).mT.reshape(data.shape)
        sparse = moved - moved.clamp(-threshold, threshold)
    torch.testing.assert_close(found["low_rank"], low_rank)
    torch.testing.assert_close(found["sparse"], sparse)


def test_convolutional_layers_take_any_batch_and_size_and_learn():
    network = ConvolutionalRobustPCA(2, kernel=(1, 3, 3))
    for shape in ((5, 8, 7), (2, 5, 8, 7), (2, 3, 5, 8, 7)):
        data = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        found = network(data)
        assert found["sparse"].shape == shape
        if len(shape) > 3:
            torch.testing.assert_close(found["sparse"][1], network(data[1])["sparse"])
    found["sparse"].square().sum().backward()
    assert all(parameter.grad is not None for name, parameter in network.named_parameters() if "low_rank" not in name)


def test_wrong_arguments_and_shapes():
    for make in (lambda: FactorisedRobustPCA(0), lambda: ConvolutionalRobustPCA(kernel=(2, 3, 3))):
        with pytest.raises(ParameterError):
            make()
    with pytest.raises(ShapeError, match="at least 4"):
        FactorisedRobustPCA(4)(torch.zeros(3, 10))
    with pytest.raises(ShapeError, match="frames, height, width"):
        ConvolutionalRobustPCA(1)(torch.zeros(8, 7))
