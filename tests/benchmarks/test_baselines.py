import numpy as np
import pytest
import torch
from benchmarks.baselines.clicks import local_level, smooth
from benchmarks.baselines.frames import in_frames
from benchmarks.baselines.multiresolution import decompose, recompose
from benchmarks.baselines.teager import teager_energy
from benchmarks.baselines.two_dictionaries import TwoDictionaries
from benchmarks.baselines.wtst_nst import WtstNst
from benchmarks.lung_methods import BASELINES, contenders
from benchmarks.metrics import count_clicks, si_sdr

RATE = 4000


@pytest.fixture
def noise():
    return np.random.default_rng(7).standard_normal(4 * RATE)


def planted(rate, seconds=4.0, at=1.7):
    """Low-passed noise with one loud click; the recording, the click alone, the time of its largest deflection."""
    clock = np.arange(round(seconds * rate)) / rate
    breath = smooth(np.random.default_rng(3).standard_normal(len(clock)), rate, 0.006)
    since = np.maximum(clock - at, 0.0)
    click = np.exp(-since / 0.0015) * np.sin(2 * np.pi * 350 * since)
    click *= 20 * breath.std() / np.abs(click).max()
    return torch.from_numpy(breath + click), click, clock[np.argmax(np.abs(click))]


@pytest.mark.parametrize("rate", [4000, 8000])
@pytest.mark.parametrize("contender", contenders()[0], ids=lambda contender: contender.name)
def test_a_loud_click_is_found_and_separated(contender, rate):
    recording, click, peak = planted(rate)
    found = contender(recording, rate)
    assert found.crackles.shape == recording.shape
    assert count_clicks(found.times.numpy(), [peak]).found == 1
    assert si_sdr(found.crackles.numpy(), click) > si_sdr(recording.numpy(), click)


@pytest.mark.parametrize("method", BASELINES.values(), ids=BASELINES)
@pytest.mark.parametrize("kind", ["silent", "odd length", "short", "single precision"])
def test_awkward_recordings_are_answered(method, kind):
    recording, *_ = planted(RATE, seconds=2.0)
    recording = {
        "silent": torch.zeros(RATE, dtype=torch.float64),
        "odd length": recording[:7001],
        "short": recording[6500:7000],
        "single precision": recording.float(),
    }[kind]
    found = method(recording, RATE)
    assert found.crackles.shape == recording.shape
    assert found.crackles.isfinite().all()
    assert (found.times.diff() > 0).all()
    if kind == "silent":
        assert found.times.numel() == 0
        assert not found.crackles.any()


@pytest.mark.parametrize("method", BASELINES.values(), ids=BASELINES)
def test_the_scale_of_the_recording_does_not_matter(method):
    recording, *_ = planted(RATE, seconds=2.0)
    one, other = method(recording, RATE), method(1e-4 * recording, RATE)
    assert torch.allclose(one.times, other.times)
    assert torch.allclose(1e-4 * one.crackles, other.crackles, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("samples", [1, 5, 127, 128, 129, 1000])
def test_frames_that_are_left_alone_add_up_to_the_signal(samples):
    signal = np.random.default_rng(0).standard_normal(samples)
    assert np.allclose(in_frames(signal, 128, lambda frames: frames), signal)


def test_decomposition_is_orthonormal_to_the_last_level(noise):
    frames = noise[: 4 * 256].reshape(4, 256)
    bands = decompose(frames, "db4", 8)
    assert [band.shape[1] for band in bands] == [128, 64, 32, 16, 8, 4, 2, 1, 1]
    assert np.isclose(sum((band**2).sum() for band in bands), (frames**2).sum())
    assert np.allclose(recompose(bands, "db4"), frames)


def test_teager_energy_of_a_tone_is_amplitude_and_frequency_squared():
    tone = 3.0 * np.cos(0.2 * np.arange(200) + 0.4)
    assert np.allclose(teager_energy(tone)[1:-1], (3.0 * np.sin(0.2)) ** 2)


def test_the_local_level_follows_the_noise_and_not_the_clicks(noise):
    energy = noise**2
    level, _ = local_level(energy, RATE, 0.5)
    energy[::400] = 1e6
    with_clicks, _ = local_level(energy, RATE, 0.5)
    assert np.median(with_clicks / level) == pytest.approx(1.0, abs=0.1)
    assert (with_clicks < 3 * level).all()


def test_wtst_nst_leaves_a_remainder_without_outstanding_coefficients(noise):
    frames = noise[: 8 * 512].reshape(8, 512).copy()
    frames[3, 100:104] += 30.0
    method = WtstNst(epsilon=1e-12, rounds=500)
    part = method.crackle_part(frames)
    again = method.crackle_part(frames - part)
    assert (again**2).mean() < 1e-6
    assert (part[3] ** 2).sum() > 3 * (np.delete(part, 3, axis=0) ** 2).sum(axis=1).max()


def test_two_dictionaries_are_each_others_adjoint(noise):
    method = TwoDictionaries()
    frames, coefficients = noise[:512].reshape(2, 256), np.random.default_rng(1).standard_normal((2, 512))
    assert np.isclose((method._analyse(frames) * coefficients).sum(), (frames * method._synthesise(coefficients)).sum())


def test_two_dictionaries_reach_the_optimum_of_their_problem(noise):
    method = TwoDictionaries(iterations=4000)
    frames, tau = noise[:256].reshape(1, 256), np.array([[0.5]])
    found = method._fista(frames, np.zeros((1, 512)), tau)
    slope = method._analyse(frames - method._synthesise(found))  # |slope| <= tau, equal to tau * sign where not zero
    active = found != 0
    assert np.abs(slope).max() <= tau.item() * (1 + 1e-6)
    assert np.allclose(slope[active], tau.item() * np.sign(found[active]), atol=1e-6)
