"""Differences, films, masks, shifts, warps and patches, where the answer is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators import (
    Casorati,
    Diagonal,
    FiniteDifference,
    FractionalShift,
    Mask,
    Matrix,
    Patches,
    Sampling,
    TimeShift,
    Warp,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_differences_are_differences():
    x = draw(4, 5)
    gradient = FiniteDifference((4, 5))(x)
    np.testing.assert_allclose(gradient[0, :-1].numpy(), np.diff(x.numpy(), axis=0))
    np.testing.assert_allclose(gradient[1, :, :-1].numpy(), np.diff(x.numpy(), axis=1))
    assert float(gradient[0, -1].abs().max()) == 0.0
    assert float(gradient[1, :, -1].abs().max()) == 0.0
    periodic = FiniteDifference((4, 5), boundary="periodic")(x)
    torch.testing.assert_close(periodic[0, -1], x[0] - x[-1])


def test_norm_of_differences_has_its_known_limits():
    assert float(FiniteDifference((1000, 1000)).norm()) == pytest.approx(math.sqrt(8), rel=1e-5)
    assert float(FiniteDifference((10, 10), boundary="periodic").norm()) == pytest.approx(math.sqrt(8), rel=1e-14)
    assert float(FiniteDifference(1).norm()) == pytest.approx(0.0, abs=1e-15)


def test_differences_refuse_unknown_boundaries_and_axes():
    with pytest.raises(ParameterError, match="boundary"):
        FiniteDifference(5, boundary="mirror")
    for axes in ((0,), (-3,), ()):
        with pytest.raises(ParameterError, match="axes"):
            FiniteDifference((5, 5), axes=axes)
    with pytest.raises(ShapeError):
        FiniteDifference(domain_dims=2).onto((3, 5, 5))


def test_casorati_has_one_frame_a_column():
    film = draw(3, 4, 5)
    operator = Casorati(film.shape)
    matrix = operator(film)
    assert matrix.shape == (20, 3)
    for frame in range(3):
        torch.testing.assert_close(matrix[:, frame], film[frame].flatten())
    assert torch.equal(operator.adjoint(matrix), film)
    with pytest.raises(ShapeError, match="bind it with"):
        Casorati().onto((20, 3))
    with pytest.raises(ShapeError, match="at least two"):
        Casorati(domain_dims=1)


def test_masks_keep_and_select():
    mask = torch.tensor([1, 0, 1, 1])
    x = draw(2, 4)
    torch.testing.assert_close(Mask(mask)(x), x * mask)
    torch.testing.assert_close(Sampling(mask)(x), x[:, [0, 2, 3]])
    torch.testing.assert_close(Sampling(mask).T(Sampling(mask)(x)), Mask(mask)(x))
    for kind in (Mask, Sampling):
        with pytest.raises(ParameterError, match="Diagonal"):
            kind(torch.tensor([0.5, 1.0]))
    with pytest.raises(ParameterError, match="at least one"):
        Sampling(torch.zeros(3))
    with pytest.raises(ShapeError, match="takes events of that shape"):
        Sampling(mask).on(5)
    with pytest.raises(ShapeError, match="does not broadcast"):
        Mask(mask, domain=(2, 5))


def test_tensors_of_the_wrong_shape_are_refused():
    with pytest.raises(ShapeError, match="two axes"):
        Matrix(torch.ones(3))
    with pytest.raises(ShapeError, match="takes events of shape"):
        Matrix(torch.ones(3, 4)).on(3)
    with pytest.raises(ShapeError, match="does not broadcast"):
        Diagonal(torch.ones(3, 4), domain=4)


def test_parameters_are_shared_and_tensors_are_fixed():
    weight = nn.Parameter(draw(3, 3))
    assert Matrix(weight).matrix is weight
    assert not list(Matrix(weight.detach()).parameters())
    assert "matrix" in Matrix(weight.detach()).state_dict()


def test_integer_and_fractional_shifts_agree_on_whole_samples():
    for size in (8, 9):
        x = draw(2, size)
        torch.testing.assert_close(FractionalShift(3.0)(x), TimeShift(3)(x))
        torch.testing.assert_close(FractionalShift(-2.0)(x), x.roll(-2, -1))
    torch.testing.assert_close(TimeShift(2, "zero")(torch.arange(1.0, 5.0)), torch.tensor([0.0, 0.0, 1.0, 2.0]))
    torch.testing.assert_close(TimeShift(-1, "zero")(torch.arange(1.0, 5.0)), torch.tensor([2.0, 3.0, 4.0, 0.0]))


def test_a_fractional_shift_delays_a_sinusoid_exactly_and_is_learnable():
    time = torch.arange(32, dtype=torch.float64)

    def wave(delay):
        return torch.sin(2 * math.pi * 3 * (time - delay) / 32)

    torch.testing.assert_close(FractionalShift(0.37)(wave(0.0)), wave(0.37))
    shift = FractionalShift(nn.Parameter(torch.tensor(0.0, dtype=torch.float64)))
    optimiser = torch.optim.LBFGS(shift.parameters(), max_iter=30)

    def closure():
        optimiser.zero_grad()
        loss = (shift(wave(0.0)) - wave(1.25)).square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert float(shift.samples.detach()) == pytest.approx(1.25, abs=1e-5)
    with pytest.raises(ParameterError, match="one number"):
        FractionalShift(torch.ones(2))
    with pytest.raises(ParameterError, match="boundary"):
        TimeShift(1, "mirror")


def test_warp_reads_at_displaced_positions():
    x = torch.arange(5, dtype=torch.float64)
    quarter = torch.full((1, 5), 0.25, dtype=torch.float64)
    torch.testing.assert_close(Warp(quarter)(x), torch.tensor([0.25, 1.25, 2.25, 3.25, 3.0], dtype=torch.float64))
    torch.testing.assert_close(Warp(quarter, "edge")(x), torch.tensor([0.25, 1.25, 2.25, 3.25, 4.0], dtype=torch.float64))
    image = draw(4, 6)
    whole = torch.zeros(2, 4, 6, dtype=torch.float64)
    whole[0], whole[1] = 1.0, -2.0
    expected = torch.zeros_like(image)
    expected[:3, 2:] = image[1:, :4]
    torch.testing.assert_close(Warp(whole)(image), expected)
    torch.testing.assert_close(Warp(torch.zeros_like(whole))(image), image)
    assert float(Warp(torch.zeros_like(whole)).norm()) == 1.0


def test_warp_refuses_wrong_displacements():
    with pytest.raises(ShapeError, match="displacement"):
        Warp(torch.zeros(1, 4, 5))
    with pytest.raises(ShapeError, match="does not fit"):
        Warp(torch.zeros(1, 4)).on(5)
    with pytest.raises(ParameterError, match="boundary"):
        Warp(torch.zeros(1, 4), "mirror")


def test_patches_are_windows_of_the_image():
    image = draw(5, 7)
    operator = Patches((2, 3), (2, 1), domain=(5, 7))
    windows = np.lib.stride_tricks.sliding_window_view(image.numpy(), (2, 3))[::2, ::1]
    np.testing.assert_array_equal(operator(image).numpy(), windows.reshape(-1, 2, 3))
    ones = torch.ones(5, 7, dtype=torch.float64)
    counts = operator.adjoint(operator(ones))
    assert float(counts[0, 0]) == 1.0
    assert float(counts[0, 3]) == 3.0
    assert float(counts[4].abs().max()) == 0.0  # the last row is in no patch
    assert float(operator.norm()) == pytest.approx(math.sqrt(3))


def test_periodic_patches_are_a_tight_frame():
    operator = Patches(4, 2, "periodic", 10)
    assert operator.gram_scale == 2.0
    x = draw(10)
    torch.testing.assert_close(operator.adjoint(operator(x)), 2 * x)
    assert Patches(3, 2, "periodic", 10).gram_scale is None
    assert Patches(3, domain=10).range == (3, 3)


def test_patches_refuse_what_does_not_fit():
    with pytest.raises(ShapeError, match="do not fit"):
        Patches(5, domain=4)
    with pytest.raises(ShapeError, match="divides"):
        Patches(2, 2, "periodic", 5)
    with pytest.raises(ParameterError, match="positive"):
        Patches(2, 0)
    with pytest.raises(ParameterError, match="boundary"):
        Patches(2, 1, "mirror")
