"""Wavelets against PyWavelets, and the algebra of the lattice."""

import math

import numpy as np
import pytest
import pywt
import torch

from foreknow.errors import ParameterError
from foreknow.operators import FilterBank, StationaryWavelet, Wavelet, WaveletPacket

ORTHOGONAL = [name for family in ("haar", "db", "sym", "coif") for name in pywt.wavelist(family, kind="discrete")]


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_every_orthogonal_filter_loads_as_exactly_as_it_is_orthonormal(name):
    low, high = np.array(pywt.Wavelet(name).rec_lo), np.array(pywt.Wavelet(name).rec_hi)
    correlation = np.correlate(low, low, "full")[low.size - 1 :: 2]
    table_error = np.abs(correlation - np.eye(low.size // 2)[0]).max()
    # The tables of the sym family are orthonormal to 1e-12 ... 1e-11 only, all others to rounding of a sum of so many products
    # (processors add them in different orders).
    tolerance = 1e-15 + 5 * table_error
    assert table_error < (2e-11 if name.startswith("sym") else low.size * np.finfo(np.float64).eps)
    bank = FilterBank.named(name)
    assert bank.taps == low.size
    assert np.abs(bank.scaling_filter.detach().numpy() - low).max() < tolerance
    assert np.abs(bank.wavelet_filter.detach().numpy() - high).max() < tolerance


def test_published_lattice_angles():
    torch.testing.assert_close(FilterBank.named("haar").angles.detach(), torch.tensor([math.pi / 4], dtype=torch.float64))
    torch.testing.assert_close(
        FilterBank.named("db2").angles.detach(), torch.tensor([math.pi / 3, -math.pi / 12], dtype=torch.float64)
    )


@pytest.mark.parametrize("name", ["dmey", "bior2.2", "db99", "morl"])
def test_what_is_not_an_orthogonal_wavelet_is_refused(name):
    with pytest.raises(ParameterError, match=r"orthogonal|orthonormal|pywt\.wavelist"):
        Wavelet(name, 2)


@pytest.mark.parametrize("taps", [[1.0], [1.0, 1.0], [0.5, 0.5, 0.5], []])
def test_taps_that_are_not_orthonormal_are_refused(taps):
    with pytest.raises(ParameterError):
        FilterBank.from_taps(taps)


@pytest.mark.parametrize("angles", [[], [math.nan], [[0.1, 0.2]]])
def test_angles_that_are_no_angles_are_refused(angles):
    with pytest.raises(ParameterError, match="finite angles"):
        FilterBank(angles)


def test_levels_and_boundary_are_checked():
    with pytest.raises(ParameterError, match="levels"):
        Wavelet("haar", 0)
    with pytest.raises(ParameterError, match="boundary"):
        Wavelet("haar", 1, boundary="mirror")
    with pytest.raises(ParameterError, match="even"):
        FilterBank.random(5)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize(
    ("name", "levels", "size"), [("haar", 5, 32), ("db4", 3, 64), ("db10", 4, 48), ("sym5", 2, 20), ("db20", 3, 16)]
)
def test_signal_coefficients_equal_pywavelets(name, levels, size):
    x = draw(3, size)
    wavelet = Wavelet(name, levels, size)
    expected = pywt.wavedec(x.numpy(), name, mode="periodization", level=levels)
    coefficients = wavelet(x).detach()
    np.testing.assert_allclose(coefficients.numpy(), np.concatenate(expected, -1), atol=2e-11)
    for band, reference in zip(wavelet.bands(), expected, strict=True):
        np.testing.assert_allclose(band.read(coefficients).numpy(), reference, atol=2e-11)
    assert [(band.level, band.kind) for band in wavelet.bands()] == [(levels, "a")] + [
        (level, "d") for level in range(levels, 0, -1)
    ]


@pytest.mark.filterwarnings("ignore:Level value")
def test_image_coefficients_equal_pywavelets():
    x = draw(24, 16)
    wavelet = Wavelet("db3", 3, (24, 16))
    expected = pywt.wavedec2(x.numpy(), "db3", mode="periodization", level=3)
    coefficients = wavelet(x).detach()
    np.testing.assert_allclose(coefficients.numpy(), pywt.coeffs_to_array(expected)[0], atol=1e-12)
    references = [expected[0]] + [part for level in expected[1:] for part in level]  # horizontal, vertical, diagonal
    for band, reference in zip(wavelet.bands(), references, strict=True):
        np.testing.assert_allclose(band.read(coefficients).numpy(), reference, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Level value")
def test_packets_equal_pywavelets_in_the_order_of_frequency():
    x = draw(48)
    tree = pywt.WaveletPacket(x.numpy(), "db4", mode="periodization", maxlevel=4)
    nodes = tree.get_level(4, order="freq")
    packet = WaveletPacket("db4", 4, 48)
    coefficients = packet(x).detach()
    assert [band.kind for band in packet.bands()] == [node.path for node in nodes]
    for band, node in zip(packet.bands(), nodes, strict=True):
        np.testing.assert_allclose(band.read(coefficients).numpy(), node.data, atol=1e-12)


def test_packet_bands_rise_in_frequency():
    packet = WaveletPacket("db20", 3, 1024)
    time = torch.arange(1024, dtype=torch.float64)
    for number in range(8):
        tone = torch.cos(math.pi * (number + 0.5) / 8 * time)
        energy = torch.stack([band.read(packet(tone)).square().sum() for band in packet.bands()])
        assert int(energy.argmax()) == number


def test_image_packet_bands_name_both_paths():
    packet = WaveletPacket("haar", 1, (4, 6))
    assert [band.kind for band in packet.bands()] == ["a,a", "a,d", "d,a", "d,d"]
    assert packet.bands()[1].read(packet(torch.ones(4, 6))).shape == (2, 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("boundary", ["periodic", "symmetric"])
@pytest.mark.parametrize("size", [64, 61, 5])
def test_reconstruction_is_perfect_for_random_angles(seed, boundary, size):
    angles = 10 * draw(7, seed=seed)
    x = draw(size, seed=seed)
    for kind in (Wavelet, WaveletPacket):
        wavelet = kind(angles, 3, size, boundary=boundary)
        assert (wavelet.T(wavelet(x)) - x).abs().max() <= 1e-12
        assert abs(float(wavelet(x).norm() / x.norm()) - 1) <= 1e-12


def test_periodic_transform_without_padding_is_declared_orthonormal():
    free = Wavelet("db2", 2)
    assert free.cogram_scale is None
    assert free.on(16).cogram_scale == 1.0
    assert free.on(18).cogram_scale is None
    assert free.on(16).on(18).cogram_scale is None
    assert Wavelet("db2", 2, 16, boundary="symmetric").cogram_scale is None
    assert free.on(18).range == (20,)


@pytest.mark.parametrize("seed", range(3))
def test_tied_angles_give_a_wavelet_of_zero_mean_throughout_learning(seed):
    bank = FilterBank.random(12, torch.Generator().manual_seed(seed), learnable=True)
    for _ in range(3):
        assert abs(float(bank.wavelet_filter.detach().sum())) <= 1e-14
        assert abs(float(bank.scaling_filter.detach().sum()) - math.sqrt(2)) <= 1e-14
        with torch.no_grad():
            bank.free_angles += draw(5, seed=seed + 10)
    free = FilterBank.random(12, torch.Generator().manual_seed(seed), zero_mean=False)
    assert abs(float(free.wavelet_filter.detach().sum())) > 1e-3


def test_tying_does_not_change_a_filter_that_has_zero_mean():
    plain, tied = FilterBank.named("db5"), FilterBank.named("db5", zero_mean=True)
    assert tied.free_angles.shape == (4,)
    assert plain.free_angles.shape == (5,)
    torch.testing.assert_close(plain.scaling_filter, tied.scaling_filter, atol=1e-14, rtol=0)


def test_learning_finds_the_wavelet_that_made_a_sparse_signal():
    generator = torch.Generator().manual_seed(0)
    truth = Wavelet(FilterBank([1.0, math.pi / 4 - 1.0]), 3, 128)
    sparse = torch.where(torch.rand(64, 128, generator=generator) < 0.05, torch.randn(64, 128, generator=generator), 0.0).double()
    x = truth.T(sparse).detach()
    wavelet = Wavelet(FilterBank([0.8, 0.0], zero_mean=True, learnable=True), 3, 128)
    optimiser = torch.optim.Adam(wavelet.parameters(), lr=0.02)
    for _ in range(80):
        optimiser.zero_grad()
        loss = wavelet(x).abs().mean()
        loss.backward()
        optimiser.step()
    torch.testing.assert_close(wavelet.scaling_filter, truth.scaling_filter, atol=0.02, rtol=0)


def test_learnable_is_declared_and_a_filter_bank_is_shared():
    assert not Wavelet("db4", 2).filter_bank.free_angles.requires_grad
    assert Wavelet("db4", 2, learnable=True).filter_bank.free_angles.requires_grad
    bank = FilterBank.named("db4", learnable=True)
    first, second = Wavelet(bank, 2), WaveletPacket(bank, 3)
    assert first.filter_bank is second.filter_bank
    loss = first(draw(16)).abs().sum() + second(draw(16)).abs().sum()
    loss.backward()
    assert bank.free_angles.grad is not None
    assert bool(torch.isfinite(bank.free_angles.grad).all())


def test_single_precision_angles_stay_orthonormal():
    wavelet = Wavelet(draw(5), 2, 16).float()
    low = wavelet.scaling_filter.detach()
    assert low.dtype == torch.float64
    assert abs(float(low.square().sum()) - 1) <= 1e-14


def test_symmetric_ends_see_no_jump():
    ramp = torch.linspace(-1, 1, 128, dtype=torch.float64)
    fine = [Wavelet("db2", 3, 128, boundary=boundary) for boundary in ("periodic", "symmetric")]
    periodic, symmetric = (float(wavelet.bands()[-1].read(wavelet(ramp)).abs().max()) for wavelet in fine)
    assert symmetric < 0.05 * periodic


@pytest.mark.filterwarnings("ignore:Level value")
def test_stationary_transform_is_shift_invariant_and_has_the_decimated_one_inside():
    x = draw(32)
    stationary = StationaryWavelet("db3", 2, 32)
    torch.testing.assert_close(stationary(x.roll(5)), stationary(x).roll(5, -1))
    assert stationary.kinds() == [(2, "a"), (2, "d"), (1, "d")]
    fine = Wavelet("db3", 1, 32).bands()[1].read(Wavelet("db3", 1, 32)(x))
    shifted = x.roll(2)  # the decimated transform centres its filters: taps / 2 - 1 samples
    torch.testing.assert_close(stationary(shifted)[2, ::2] * math.sqrt(2), fine)
