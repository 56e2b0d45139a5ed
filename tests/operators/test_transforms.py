"""Cosine and short-time Fourier transforms against scipy and torch, and frames that are exactly Parseval."""

import math

import numpy as np
import pytest
import scipy.fft
import torch

from foreknow.errors import DataError, ParameterError
from foreknow.operators import DCT, STFT, LocalCosine
from foreknow.operators.axes import fast_length, overlap_add


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15, 100, 101])
def test_cosine_transform_equals_scipy(size):
    x = draw(4, size)
    transform = DCT(size)
    np.testing.assert_allclose(transform(x).numpy(), scipy.fft.dct(x.numpy(), norm="ortho"), atol=1e-13)
    np.testing.assert_allclose(transform.adjoint(x).numpy(), scipy.fft.idct(x.numpy(), norm="ortho"), atol=1e-13)


def test_cosine_transform_of_several_axes_equals_scipy():
    x = draw(2, 5, 6, 7)
    np.testing.assert_allclose(DCT((5, 6, 7))(x).numpy(), scipy.fft.dctn(x.numpy(), axes=(1, 2, 3), norm="ortho"), atol=1e-13)


@pytest.mark.parametrize("length", [1, 7, 64, 97])
@pytest.mark.parametrize(
    ("window", "hop"), [(16, 4), (16, 16 // 2), (15, 7), (16, 15), (16, 1), (torch.ones(9), 9), (1 + torch.rand(6), 5)]
)
def test_frames_reconstruct_and_keep_the_energy(length, window, hop):
    x = draw(length)
    for kind in (STFT, LocalCosine):
        frame = kind(window, hop, length)
        coefficients = frame(x)
        assert (frame.T(coefficients) - x).abs().max() <= 1e-13 * length
        assert abs(float(coefficients.abs().square().sum() / x.square().sum()) - 1) <= 1e-13


def test_short_time_spectrum_is_that_of_torch_up_to_a_constant():
    x = draw(400)
    size, hop = 32, 8
    transform = STFT(size, hop, 400)
    window = torch.hann_window(size, dtype=torch.float64)
    padded = torch.nn.functional.pad(x, (size - hop, size))
    reference = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)[:, : transform.range[1]]
    constant = float(transform.window[size // 2]) / math.sqrt(size)
    torch.testing.assert_close(transform(x)[1:-1], math.sqrt(2) * constant * reference[1:-1])
    torch.testing.assert_close(transform(x)[[0, -1]], constant * reference[[0, -1]])


def test_a_tone_shows_at_its_time_and_frequency():
    rate = 1000.0
    time = torch.arange(1000, dtype=torch.float64) / rate
    x = torch.sin(2 * math.pi * 200 * time) * (time > 0.5)
    transform = STFT(100, 25, 1000)
    power = transform(x).abs()
    assert float(transform.frequencies(rate)[power.sum(1).argmax()]) == 200.0
    loud = power.sum(0) > 0.5 * power.sum(0).max()
    assert 0.45 < float(transform.times(rate)[loud].min()) < 0.55
    assert transform.frequencies(rate).shape == (transform.range[0],)
    assert transform.times(rate).shape == (transform.range[1],)


def test_block_cosine_is_orthonormal():
    transform = LocalCosine(torch.ones(8), 8, 24)
    x = draw(24)
    np.testing.assert_allclose(transform(x).numpy().T, scipy.fft.dct(x.numpy().reshape(3, 8), norm="ortho"), atol=1e-13)


@pytest.mark.parametrize(
    ("window", "hop", "words"),
    [(16, 16, "uncovered"), (16, 17, "hop"), (16, 0, "hop"), (0, None, "length"), (torch.ones(2, 2), 1, "axis")],
)
def test_windows_that_lose_samples_are_refused(window, hop, words):
    with pytest.raises(ParameterError, match=words):
        STFT(window, hop)


def test_complex_signals_are_refused_in_words():
    with pytest.raises(DataError, match="one-sided"):
        STFT(8, 4)(torch.zeros(16, dtype=torch.complex64))


@pytest.mark.parametrize(("size", "hop", "count"), [(5, 2, 4), (3, 3, 2), (2, 5, 3), (4, 1, 6), (7, 3, 1)])
def test_overlap_add_is_the_adjoint_of_unfold(size, hop, count):
    x, y = draw((count - 1) * hop + size), draw(count, size, seed=1)
    torch.testing.assert_close((x.unfold(0, size, hop) * y).sum(), (x * overlap_add(y, hop)).sum())


def test_fast_lengths_are_the_next_smooth_numbers():
    def smooth(number):
        for prime in (2, 3, 5):
            while number % prime == 0:
                number //= prime
        return number == 1

    for length in range(1, 700):
        assert fast_length(length) == next(n for n in range(length, 2 * length + 1) if smooth(n))
