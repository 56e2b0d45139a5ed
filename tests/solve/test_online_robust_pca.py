"""Robust PCA of a stream: the solution of all frames at once, in bounded memory."""

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Gaussian, GroupL2, Model, NonNegative, NuclearNorm
from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.priors import TotalVariation
from foreknow.solve import OnlineRobustPCA
from foreknow.solve.leading_subspace import LeadingSubspace

SIGMA, HEIGHT, WIDTH = 0.05, 16, 20
LOW_RANK = NuclearNorm((HEIGHT * WIDTH) ** 0.5 / SIGMA + 50**0.5 / SIGMA, event_dims=3)
SPARSE = L1(3 / SIGMA, event_dims=2)


def film(frames: int, seed: int = 0, *, changing: bool = False) -> tuple[Tensor, Tensor]:
    """A still background (or one under changing light) with something bright that crosses it, and noise; and the background."""
    generator = torch.Generator().manual_seed(seed)
    background = 1.0 + 0.3 * torch.randn(HEIGHT, WIDTH, generator=generator)
    light = torch.randn(HEIGHT, WIDTH, generator=generator)
    strength = 0.3 * torch.sin(torch.arange(frames) / 3) if changing else torch.zeros(frames)
    background = background + strength[:, None, None] * light
    moving = torch.zeros(frames, HEIGHT, WIDTH)
    for t in range(frames):
        row, column = (3 * t) % (HEIGHT - 3), (5 * t) % (WIDTH - 3)
        moving[t, row : row + 3, column : column + 3] = 2.0
    return background + moving + SIGMA * torch.randn(moving.shape, generator=generator), background


def separated(frames: Tensor, stream: OnlineRobustPCA, first: int = 20) -> tuple[Tensor, Tensor]:
    parts = list(stream.separate(frames, first))
    return torch.stack([part.background for part in parts]), torch.stack([part.sparse for part in parts])


def distance(x: Tensor, y: Tensor) -> float:
    return float(torch.linalg.vector_norm(x - y) / torch.linalg.vector_norm(y))


@pytest.mark.parametrize("changing", [False, True], ids=["still", "changing light"])
def test_the_stream_agrees_with_the_solution_of_all_frames(*, changing: bool) -> None:
    y, truth = film(50, changing=changing)
    model = Model(background=Component(LOW_RANK), moving=Component(L1(3 / SIGMA, event_dims=3)), noise=Gaussian(SIGMA))
    solution = model.solve(y, tolerance=1e-5)
    background, sparse = separated(y, OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), rank=4))
    assert background.shape == sparse.shape == y.shape
    assert distance(background[-15:], solution["background"][-15:]) < 0.015
    assert distance(background[-15:], truth[-15:]) < 0.05
    same = (sparse[-15:] != 0) == (solution["moving"][-15:] != 0)
    assert float(same.float().mean()) > 0.995


def test_a_batch_is_its_items() -> None:
    first, second = film(30, seed=1)[0], 2.0 * film(30, seed=2)[0]
    sigma = torch.tensor([SIGMA, 2 * SIGMA]).reshape(2, 1, 1, 1)
    together = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(sigma), rank=3)
    background, sparse = separated(torch.stack([first, second], dim=1), together, 10)
    for index, (item, level) in enumerate(((first, SIGMA), (second, 2 * SIGMA))):
        alone = separated(item, OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(level), rank=3), 10)
        torch.testing.assert_close(background[:, index], alone[0], rtol=0, atol=0.02)
        assert float(((sparse[:, index] != 0) == (alone[1] != 0)).float().mean()) > 0.995


def test_memory_is_bounded() -> None:
    y, _ = film(200)
    stream = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), rank=3)
    state, _ = stream.init(y[:10])
    for frame in y[10:]:
        state, _ = stream.step(state, frame)
        assert state.basis.shape == (HEIGHT * WIDTH, 3)
        assert state.values.shape == (3,)
    assert state.count == 200
    identity = state.basis.mT @ state.basis
    torch.testing.assert_close(identity, torch.eye(3), rtol=0, atol=1e-5)


def test_missing_pixels_are_filled_in() -> None:
    y, truth = film(40)
    stream = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), rank=3)
    state, _ = stream.init(y[:20])
    mask = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    mask[4:9, 6:12] = False
    for frame in y[20:]:
        holed = torch.where(mask, frame, torch.nan)
        state, part = stream.step(state, holed, mask)
        assert not bool(part.sparse[~mask].any())
    assert distance(part.background[~mask], truth[39][~mask]) < 0.05


def test_forgetting_follows_a_background_that_changes() -> None:
    """One direction is not enough for the background of 60 frames and the one of the 15 frames after."""
    before, _ = film(60, seed=3)
    after, truth = film(15, seed=4)
    errors = []
    for forgetting in (1.0, 0.8):
        stream = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), rank=1, forgetting=forgetting)
        background, _ = separated(torch.cat([before, after]), stream)
        errors.append(distance(background[-1], truth[-1]))
    assert errors[1] < 0.1
    assert errors[1] < 0.5 * errors[0]


def test_the_sparse_prior_may_be_any_of_one_frame() -> None:
    y, truth = film(30)
    for prior in (SPARSE & NonNegative(2), GroupL2(3 / SIGMA, axes=-1, event_dims=2), L1(3 / SIGMA)):
        background, sparse = separated(y, OnlineRobustPCA(LOW_RANK, prior, Gaussian(SIGMA), rank=3))
        assert distance(background[-1], truth[-1]) < 0.1
        assert int((sparse[-1] != 0).sum()) > 0


def test_short_and_empty_streams() -> None:
    y, _ = film(3)
    stream = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA))
    assert len(list(stream.separate(y, first=10))) == 3
    assert list(stream.separate(iter(()), first=10)) == []
    assert len(list(stream.separate(y, first=1))) == 3
    zeros = separated(torch.zeros(5, HEIGHT, WIDTH), stream, first=2)
    assert not any(bool(part.any()) for part in zeros)


def test_errors_say_what_is_wrong() -> None:
    y, _ = film(12)
    stream = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA))
    state, _ = stream.init(y[:10])
    with pytest.raises(ShapeError, match="cannot follow frames"):
        stream.step(state, y[10, :5])
    with pytest.raises(DataError, match="leave them out by a mask"):
        stream.step(state, torch.full((HEIGHT, WIDTH), torch.nan))
    with pytest.raises(ParameterError, match="one frame or more"):
        next(stream.separate(y, first=0))
    with pytest.raises(ParameterError, match="forgetting"):
        OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), forgetting=1.5)
    with pytest.raises(UnsupportedError, match="over 3"):
        OnlineRobustPCA(LOW_RANK, L1(1.0, event_dims=3), Gaussian(SIGMA))


def test_total_variation_of_a_frame() -> None:
    """A prior whose proximal map is iterative works as well, if slower."""
    y, truth = film(12)
    stream = OnlineRobustPCA(LOW_RANK, TotalVariation(1 / SIGMA), Gaussian(SIGMA), rank=2, tolerance=1e-2, max_iterations=10)
    state, _ = OnlineRobustPCA(LOW_RANK, SPARSE, Gaussian(SIGMA), rank=2).init(y[:10])
    _, part = stream.step(state, y[10])
    assert distance(part.background, truth[10]) < 0.2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex128], ids=str)
def test_a_subspace_that_keeps_all_directions_is_the_decomposition(dtype: torch.dtype) -> None:
    matrix = torch.randn(2, 30, 9, generator=torch.Generator().manual_seed(0), dtype=dtype)
    matrix[..., 5] = matrix[..., 2]  # a column that brings no new direction
    matrix[..., 6] = 0.0
    state = LeadingSubspace.of(matrix[..., :3], rank=9)
    for index in range(3, 9):
        state = state.with_column(matrix[..., index : index + 1], rank=9)
    left, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(state.values, values.double(), rtol=0, atol=10 * tolerance)
    live = state.values[0] > 1e-3
    found = state.basis[..., live] @ state.basis[..., live].mH
    expected = left[..., live] @ left[..., live].mH
    torch.testing.assert_close(found, expected, rtol=0, atol=10 * tolerance)


def test_forgetting_scales_what_was_known() -> None:
    matrix = torch.randn(10, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state = LeadingSubspace.of(matrix[:, :3], rank=4).with_column(matrix[:, 3:], rank=4, forgetting=0.5)
    expected = torch.linalg.svdvals(torch.cat([0.5 * matrix[:, :3], matrix[:, 3:]], dim=1))
    torch.testing.assert_close(state.values, expected)
