"""Weights of robust PCA from the data: recovery without tuning, the level of noise, and clear errors."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Exact, Gaussian, Model, NuclearNorm
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.solve import balanced_sparse_weight, classical_sparse_weight, noise_level, noise_weights


def planted(rows: int, columns: int, rank: int, share: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    low_rank = torch.randn(rows, rank, generator=generator) @ torch.randn(rank, columns, generator=generator) / rank**0.5
    outliers = torch.rand(rows, columns, generator=generator) < share
    return low_rank, 5.0 * torch.randn(rows, columns, generator=generator) * outliers


@pytest.mark.parametrize(("rows", "columns", "rank", "share"), [(2000, 40, 8, 0.02), (300, 200, 5, 0.1), (40, 2000, 2, 0.2)])
def test_the_balanced_weight_recovers_both_parts(rows: int, columns: int, rank: int, share: float) -> None:
    low_rank, sparse = planted(rows, columns, rank, share)
    y = low_rank + sparse
    weight = balanced_sparse_weight(y)
    assert weight.shape == (1, 1)
    declared = Model(low_rank=Component(NuclearNorm()), sparse=Component(L1(weight, event_dims=2)), noise=Exact())
    solution = declared.solve(y, tolerance=3e-6)
    assert float(torch.linalg.vector_norm(solution["low_rank"] - low_rank) / torch.linalg.vector_norm(low_rank)) < 1e-4


def test_the_classical_weight_does_not_where_the_rank_is_high() -> None:
    """What the balanced weight is for: 8 of 40 directions."""
    low_rank, sparse = planted(2000, 40, 8, 0.02)
    y = low_rank + sparse
    weight = classical_sparse_weight(y)
    assert weight == pytest.approx(2000**-0.5)
    declared = Model(low_rank=Component(NuclearNorm()), sparse=Component(L1(weight, event_dims=2)), noise=Exact())
    solution = declared.solve(y, tolerance=1e-5)
    assert float(torch.linalg.vector_norm(solution["low_rank"] - low_rank) / torch.linalg.vector_norm(low_rank)) > 1e-3


def test_balanced_weights_are_those_of_the_items_and_of_any_layout() -> None:
    items = [sum(planted(200, 20, 2, 0.1, seed)) for seed in range(3)]
    together = balanced_sparse_weight(torch.stack(items))
    assert together.shape == (3, 1, 1)
    for weight, item in zip(together, items, strict=True):
        torch.testing.assert_close(weight, balanced_sparse_weight(item), rtol=0.05, atol=0)
    film = items[0].mT.reshape(20, 10, 20).contiguous()
    torch.testing.assert_close(balanced_sparse_weight(film, event_dims=3).flatten(), together[0].flatten(), rtol=0.05, atol=0)


def test_without_a_sparse_part_the_weight_is_the_classical_one() -> None:
    y = torch.ones(100, 10)
    torch.testing.assert_close(balanced_sparse_weight(y), torch.full((1, 1), 0.1))
    torch.testing.assert_close(balanced_sparse_weight(torch.zeros(100, 10)), torch.full((1, 1), 0.1))


def random_films(sigma: float) -> Tensor:
    return sigma * torch.randn(4, 20, 30, 30, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("time_axis", [-1, -3])
def test_the_level_of_noise_is_found_under_moving_things(time_axis: int) -> None:
    generator = torch.Generator().manual_seed(0)
    background, moving = planted(400, 30, 1, 0.1)
    y = background[:, :1] + moving + 0.05 * torch.randn(400, 30, generator=generator)
    if time_axis == -3:
        y = y.mT.reshape(30, 20, 20)
    level = noise_level(torch.stack([y, 4 * y]), time_axis)
    torch.testing.assert_close(level, torch.tensor([0.05, 0.2]), rtol=0.05, atol=0)


def test_the_level_of_pure_noise_is_found() -> None:
    y = random_films(3.0)
    torch.testing.assert_close(noise_level(y, -3), torch.full((4,), 3.0), rtol=0.02, atol=0)
    assert not bool(noise_level(torch.ones(2, 5, 6, 6), -3).any())


def test_noise_weights_separate_a_film() -> None:
    generator = torch.Generator().manual_seed(1)
    background = torch.randn(1, 30, 20, generator=generator).expand(25, 30, 20)
    moving = torch.zeros(25, 30, 20)
    for t in range(25):
        moving[t, t : t + 4, 5:9] = 2.0
    y = background + moving + 0.1 * torch.randn(25, 30, 20, generator=generator)
    weights = noise_weights(y, time_axis=-3)
    parts = {"background": Component(NuclearNorm(weights.low_rank, 3)), "moving": Component(L1(weights.sparse, 3))}
    solution = Model(noise=Gaussian(weights.sigma), **parts).solve(y, tolerance=1e-3)
    found = solution["moving"] != 0
    assert float(found[moving == 0].float().mean()) < 0.01
    assert float(found[moving != 0].float().mean()) > 0.99
    # One direction, but for the shadow of what moves: an L1 norm leaves three sigma of it behind.
    values = torch.linalg.svdvals(solution["background"].flatten(1))
    assert float(values[1]) < 0.02 * float(values[0])
    assert float(torch.linalg.vector_norm(solution["background"] - background) / torch.linalg.vector_norm(background)) < 0.05


def test_errors_say_what_to_change() -> None:
    with pytest.raises(DataError, match="use Exact"):
        noise_weights(torch.ones(10, 5))
    with pytest.raises(ParameterError, match="standard deviations"):
        noise_weights(torch.randn(10, 5, generator=torch.Generator().manual_seed(0)), deviations=0.0)
    with pytest.raises(ShapeError, match="two or more frames"):
        noise_level(torch.ones(10, 1))
    with pytest.raises(ShapeError, match="two or more frames"):
        noise_level(torch.ones(10, 5), time_axis=0)
    with pytest.raises(ShapeError, match="matrices"):
        balanced_sparse_weight(torch.ones(10))
