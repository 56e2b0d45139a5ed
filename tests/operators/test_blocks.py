"""Operators on tuples, stacks, and the algebra's own errors."""

import copy
import math

import pytest
import torch
from torch import nn

from foreknow.errors import ShapeError, UnboundError
from foreknow.operators import (
    DCT,
    STFT,
    Batched,
    BlockColumn,
    BlockRow,
    Diagonal,
    FFTConvolution,
    FiniteDifference,
    Identity,
    Matrix,
    Stack,
    TimeShift,
    Wavelet,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rows():
    return BlockRow(Identity(6), Matrix(draw(6, 4)), DCT(6).T)


def test_block_row_sums_and_its_adjoint_is_the_column_of_adjoints():
    row = rows()
    parts = (draw(2, 6), draw(2, 4, seed=1), draw(2, 6, seed=2))
    y = draw(2, 6, seed=3)
    expected = sum(operator(part) for operator, part in zip(row, parts, strict=True))
    torch.testing.assert_close(row(parts), expected)
    back = row.adjoint(y)
    torch.testing.assert_close((row(parts) * y).sum(), sum((a * b).sum() for a, b in zip(parts, back, strict=True)))
    assert row.domains == ((6,), (4,), (6,))
    assert row.range == (6,)
    assert len(row) == 3
    for mine, other in zip(back, row.T(y), strict=True):
        torch.testing.assert_close(mine, other)
    torch.testing.assert_close(row.T.T(parts), row(parts))
    torch.testing.assert_close(row.T.adjoint(parts), row(parts))


def test_block_norms_bound_the_dense_ones():
    row = rows()
    dense = torch.cat([operator(torch.eye(size, dtype=torch.float64)).T for operator, size in zip(row, (6, 4, 6), strict=True)], 1)
    assert float(torch.linalg.matrix_norm(dense, 2)) <= float(row.norm()) * (1 + 1e-12)
    torch.testing.assert_close(row.norm(), row.T.norm())
    orthonormal = BlockRow(Identity(6), 2.0 * DCT(6).T)
    assert orthonormal.cogram_scale == pytest.approx(5.0)
    assert float(orthonormal.norm()) == pytest.approx(math.sqrt(5))
    assert orthonormal.T.gram_scale == pytest.approx(5.0)
    assert row.cogram_scale is None


def test_a_row_binds_all_its_operators():
    row = BlockRow(Identity(), STFT(8, 2).T, Wavelet("db2", 2).T, FFTConvolution(nn.Parameter(draw(3)), "full"))
    assert not row.bound
    bound = row.onto(16)
    assert bound.bound
    assert bound.domains == ((16,), (5, 11), (16,), (14,))
    assert [id(p) for p in bound.parameters()] == [id(p) for p in row.parameters()]
    with pytest.raises(UnboundError):
        _ = row.domains
    again = BlockRow(Identity(), DCT(16), TimeShift(1))
    assert again.domains == ((16,), (16,), (16,))
    assert BlockRow(Identity(), DCT()).on([8, 8]).range == (8,)


def test_column_gives_a_tuple_and_back():
    column = BlockColumn(FiniteDifference(), Identity(5))
    x = draw(3, 5)
    difference, same = column(x)
    assert difference.shape == (3, 1, 5)
    torch.testing.assert_close(same, x)
    parts = (draw(3, 1, 5, seed=1), draw(3, 5, seed=2))
    torch.testing.assert_close((difference * parts[0]).sum() + (same * parts[1]).sum(), (x * column.adjoint(parts)).sum())
    assert column.domain == (5,)
    assert column.ranges == ((1, 5), (5,))
    assert BlockColumn(FiniteDifference(), Identity()).onto([(1, 5), 5]).domain == (5,)
    assert BlockColumn(DCT(), Identity()).on(7).gram_scale == pytest.approx(2.0)
    assert column.bound
    assert len(column) == 2


@pytest.mark.parametrize("kind", [BlockRow, BlockColumn, Stack])
def test_blocks_refuse_what_does_not_fit(kind):
    with pytest.raises(ShapeError, match="at least one"):
        kind()
    with pytest.raises(ShapeError, match=r"\(4,\) and \(6,\)"):
        kind(Identity(6), Identity(4))
    with pytest.raises(ShapeError, match="1 and 2 axes"):
        kind(Identity(), Identity(domain_dims=2))


def test_blocks_count_their_parts():
    with pytest.raises(ShapeError, match="2 parts were given for 3"):
        rows()((draw(6), draw(4)))
    with pytest.raises(ShapeError, match="1 parts were given for 3"):
        rows().T.adjoint((draw(6),))
    with pytest.raises(ShapeError, match="domains"):
        rows().on([6])
    with pytest.raises(ShapeError, match="input of Matrix"):
        rows()((draw(6), draw(6), draw(6)))


def test_blocks_copy_and_save():
    row = BlockRow(Diagonal(nn.Parameter(draw(4))), Identity(4))
    twin = copy.deepcopy(row)
    with torch.no_grad():
        next(twin.parameters()).zero_()
    twin.load_state_dict(row.state_dict())
    parts = (draw(4), draw(4))
    torch.testing.assert_close(twin(parts), row(parts))


def test_stack_needs_one_range():
    with pytest.raises(ShapeError, match="use BlockColumn"):
        Stack(Identity(6), Matrix(torch.ones(3, 6)))
    with pytest.raises(ShapeError, match="cannot give the range"):
        Stack(Identity(), DCT()).onto((3, 8))
    assert Stack(Identity(), DCT()).onto((2, 8)).domain == (8,)


def test_sums_and_compositions_refuse_what_does_not_fit():
    with pytest.raises(ShapeError, match="cannot add"):
        _ = Identity(6) + Matrix(torch.ones(3, 6))
    with pytest.raises(ShapeError, match="cannot compose"):
        _ = DCT() @ FiniteDifference()
    with pytest.raises(TypeError):
        _ = DCT() @ torch.ones(3)
    with pytest.raises(TypeError):
        _ = DCT() * "two"


def test_composition_binds_through_its_neighbour():
    operator = Matrix(torch.ones(3, 5)) @ DCT()
    assert operator.domain == (5,)
    assert (DCT() @ Matrix(torch.ones(3, 5))).range == (3,)
    assert (FiniteDifference() @ DCT()).on(9).range == (1, 9)
    assert (FiniteDifference() @ DCT()).onto((1, 9)).domain == (9,)


def test_batched_makes_batch_axes_part_of_the_event():
    operator = Batched(DCT(), item_dims=2).on((2, 3, 8))
    x = draw(2, 3, 8)
    torch.testing.assert_close(operator(x), DCT()(x))
    assert operator.gram_scale == 1.0
    with pytest.raises(ShapeError, match="bound operator"):
        Batched(DCT(), 3)
