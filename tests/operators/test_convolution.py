"""Convolutions against scipy and against each other."""

import numpy as np
import pytest
import scipy.signal
import torch

from foreknow.errors import ParameterError, ShapeError
from foreknow.operators import Convolution, Dictionary, FFTConvolution


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [(4,), (5,), (2, 3), (3, 2, 2)])
@pytest.mark.parametrize("mode", ["same", "full"])
def test_linear_convolution_equals_scipy(size, mode):
    shape = (6, 5, 4)[: len(size)]
    x, kernel = draw(*shape), draw(*size, seed=1)
    expected = scipy.signal.convolve(x.numpy(), kernel.numpy(), mode=mode, method="direct")
    np.testing.assert_allclose(FFTConvolution(kernel, mode)(x).numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(Convolution(kernel[None, None], mode)(x[None])[0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("mode", ["circular", "same", "full"])
def test_direct_and_fourier_convolution_agree(mode):
    x, kernel = draw(2, 9, 8), draw(3, 4, seed=1)
    origin = None if mode == "full" else (2, 1)
    fourier, direct = FFTConvolution(kernel, mode, origin, (9, 8)), Convolution(kernel[None, None], mode, origin, (1, 9, 8))
    y = fourier(x)
    torch.testing.assert_close(direct(x[:, None])[:, 0], y)
    torch.testing.assert_close(direct.adjoint(y[:, None])[:, 0], fourier.adjoint(y))
    torch.testing.assert_close(direct.norm(), fourier.norm())


def test_an_impulse_response_is_causal_and_a_blur_is_centred():
    impulse = torch.zeros(7, dtype=torch.float64)
    impulse[3] = 1.0
    kernel = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(FFTConvolution(kernel, "same", origin=0)(impulse)[3:6], kernel)
    torch.testing.assert_close(FFTConvolution(kernel, "circular")(impulse)[2:5], kernel)


def test_dictionary_places_atoms_and_sums_them():
    atoms = draw(2, 3)
    maps = torch.zeros(2, 8, dtype=torch.float64)
    maps[0, 1], maps[1, 2] = 2.0, -1.0
    expected = torch.zeros(8, dtype=torch.float64)
    expected[1:4] += 2 * atoms[0]
    expected[2:5] -= atoms[1]
    torch.testing.assert_close(Dictionary(atoms, origin=0)(maps), expected)
    assert Dictionary(atoms).onto(8).domain == (2, 8)
    assert Dictionary(atoms, "full").onto(8).domain == (2, 6)


def test_wrong_kernels_and_events_are_refused():
    with pytest.raises(ShapeError, match="1 to 3 axes"):
        FFTConvolution(torch.zeros(1, 1, 1, 1))
    with pytest.raises(ShapeError, match="no longer than the event"):
        FFTConvolution(torch.ones(5), domain=4)
    with pytest.raises(ShapeError, match="kernel is longer"):
        FFTConvolution(torch.ones(5), "full").onto(4)
    with pytest.raises(ShapeError, match="channels"):
        Convolution(torch.ones(2, 3, 1)).on((2, 9))
    with pytest.raises(ShapeError, match="channels"):
        Convolution(torch.ones(2, 3, 1)).onto((3, 9))
    with pytest.raises(ShapeError, match="channels"):
        Dictionary(torch.ones(2, 3))(torch.ones(3, 9))
    with pytest.raises(ShapeError, match="axes"):
        Dictionary(torch.ones(3))
    with pytest.raises(ParameterError, match="outside the kernel"):
        FFTConvolution(torch.ones(5), origin=5)
    with pytest.raises(ParameterError, match="origin at 0"):
        FFTConvolution(torch.ones(5), "full", origin=1)
    with pytest.raises(ParameterError, match="one number for each"):
        FFTConvolution(torch.ones(5, 2), origin=(1,))
    with pytest.raises(ParameterError, match="mode"):
        FFTConvolution(torch.ones(5), "valid")


def test_the_norm_is_differentiable_in_the_kernel():
    kernel = torch.nn.Parameter(draw(4))
    FFTConvolution(kernel, domain=9).norm().backward()
    assert float(kernel.grad.norm()) > 0
