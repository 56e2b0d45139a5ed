"""The separator, the levels and whitening it rests on, and the search for crackles, on recordings whose truth is known."""

import math

import numpy as np
import pytest
import torch

from foreknow.lung import CrackleSeparator, SeparationSettings, find_crackles, separate
from foreknow.lung.form_fit import fit_forms
from foreknow.lung.neighbourhood import energy_nearby, smooth
from foreknow.lung.noise_level import local_level
from foreknow.lung.scoring import match_events, si_sdr
from foreknow.lung.simulate import (
    COARSE,
    FINE,
    BreathSettings,
    CrackleSettings,
    SimulationSettings,
    crackle_form,
    simulate_recording,
)
from foreknow.lung.whitening import Whitening
from foreknow.operators import STFT

RATE = 4000
SETTINGS = SeparationSettings()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def simulated():
    return simulate_recording(SimulationSettings(seconds=12.0, rate=RATE), generator(3))


@pytest.fixture(scope="module")
def separated(simulated):
    return separate(simulated.recording, RATE)


# ------------------------------------------------------------------------------------------------------------- separation
def test_crackles_are_found_and_separated(simulated, separated):
    score = match_events([event.peak for event in separated.events], [event.peak for event in simulated.events])
    assert score.f1 > 0.85
    before, after = si_sdr(simulated.recording, simulated.crackles), si_sdr(separated.crackles, simulated.crackles)
    assert after > before + 9


def test_parts_sum_to_the_recording(simulated, separated):
    assert torch.allclose(separated.crackles + separated.breath, simulated.recording, atol=1e-12)


def test_breath_alone_holds_few_crackles():
    quiet = SimulationSettings(seconds=12.0, rate=RATE, crackles=(CrackleSettings(FINE, 0.0), CrackleSettings(COARSE, 0.0)))
    drawn = simulate_recording(quiet, generator(4))
    assert not drawn.events
    found = separate(drawn.recording, RATE)
    assert len(found.events) <= 3
    assert found.crackles.norm() < 0.1 * drawn.recording.norm()


# Powers of two change no rounding. Others do, in single precision: thirty steps and new weights make 1e-4 of it, whatever the gain.
@pytest.mark.parametrize(("gain", "rounding"), [(2.0**-13, 1e-9), (32.0, 1e-9), (1e-4, 1e-3), (30.0, 1e-3)])
def test_the_level_of_the_recording_does_not_matter(simulated, separated, gain, rounding):
    scaled = separate(gain * simulated.recording, RATE)
    assert torch.allclose(scaled.crackles / gain, separated.crackles, atol=rounding * float(separated.crackles.abs().max()))
    assert len(scaled.events) == pytest.approx(len(separated.events), abs=1)


def test_polarity_does_not_matter(simulated, separated):
    assert torch.allclose(separate(-simulated.recording, RATE).crackles, -separated.crackles, atol=1e-6)


def test_a_batch_of_windows_is_separated_as_each_alone(simulated):
    separator = CrackleSeparator(SETTINGS, RATE)
    windows = simulated.recording[: 2 * separator.window_samples].reshape(2, -1)
    together = separator.separate(windows)
    alone = torch.cat([CrackleSeparator(SETTINGS, RATE).separate(window[None]) for window in windows])
    assert torch.allclose(together, alone, atol=1e-9)


def test_single_precision_agrees_with_double(simulated):
    separator = CrackleSeparator(SETTINGS, RATE)
    window = simulated.recording[None, : separator.window_samples]
    double, single = separator.separate(window), separator.separate(window.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), double, atol=1e-3 * float(double.abs().max()))


def test_silence_stays_silent():
    separator = CrackleSeparator(SETTINGS, RATE)
    assert not separator.separate(torch.zeros(2, separator.window_samples)).any()


def test_the_report_is_honest_about_the_optimum(simulated):
    rough, fine = (CrackleSeparator(SeparationSettings(iterations=count, tolerance=1e-3), RATE) for count in (5, 150))
    window = simulated.recording[None, : rough.window_samples]
    for separator in (rough, fine):
        separator.separate(window)
        assert separator.report.windows == 1
        assert separator.report.solves == SETTINGS.rounds
        assert 0 <= separator.report.median_gap <= separator.report.worst_gap
    assert fine.report.worst_gap < 0.5 * rough.report.worst_gap


def test_the_model_is_declared():
    text = str(CrackleSeparator(SETTINGS, RATE).model)
    assert "StationaryWavelet^* x_crackles" in text
    assert "STFT^* x_breath" in text


# ------------------------------------------------------------------------------------------------------- levels, whitening
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_level_of_noise_is_its_root_mean_square(dtype):
    noise = 0.3 * torch.randn(2, 3, 20000, dtype=dtype, generator=generator())
    assert (local_level(noise, 1000) / 0.3).mean().item() == pytest.approx(1.0, abs=0.05)


def test_the_level_follows_the_breath_and_ignores_crackles():
    envelope = torch.linspace(1.0, 3.0, 20000, dtype=torch.float64)
    noise = envelope * torch.randn(20000, dtype=torch.float64, generator=generator())
    clicks = torch.zeros(20000, dtype=torch.float64)
    clicks[::400] = 100.0
    level = local_level((noise + clicks)[None], 1000)[0]
    assert (level / envelope - 1).abs().mean() < 0.15


def test_smoothing_keeps_constants_and_its_width():
    assert torch.allclose(smooth(torch.full((2, 50), 3.0, dtype=torch.float64), 4.0), torch.tensor(3.0, dtype=torch.float64))
    pulse = torch.zeros(401, dtype=torch.float64)
    pulse[200] = 1.0
    place = torch.arange(401, dtype=torch.float64) - 200
    assert (smooth(pulse, 8.0) * place**2).sum().sqrt().item() == pytest.approx(8.0, rel=0.01)


def test_energy_nearby_counts_bands_without_the_coarsest():
    coefficients = torch.ones(1, 5, 200, dtype=torch.float64)
    assert torch.allclose(energy_nearby(coefficients, 0.5 * coefficients, RATE), torch.tensor(16.0, dtype=torch.float64))


def test_whitening_flattens_and_is_undone():
    n, slope = 16384, torch.linspace(0.0, 1.0, 8193, dtype=torch.float64)
    shaped = torch.fft.irfft(torch.fft.rfft(torch.randn(n, dtype=torch.float64, generator=generator())) * 10 ** (-2 * slope), n)
    whitening = Whitening(shaped[None], STFT(256, 64, n), 1000)
    white = whitening(shaped[None])
    power = torch.fft.rfft(white[0]).abs().square().reshape(-1)[1:].reshape(16, -1).mean(dim=-1)
    assert 10 * torch.log10(power.max() / power.min()) < 2.5
    assert torch.allclose(whitening.inverse(white)[0], shaped, atol=1e-10)


# ------------------------------------------------------------------------------------------------------------------ events
@pytest.mark.parametrize(("initial", "duration"), [(0.0007, 0.005), (0.0015, 0.010), (0.0010, 0.007)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("late", [0.0, 0.37])
def test_the_form_of_a_drawn_crackle_is_measured(initial, duration, sign, late):
    size, onset = 4096, (2000 + late) / RATE
    time = torch.arange(size, dtype=torch.float64) / RATE - onset
    form = sign * crackle_form(time, torch.tensor(initial, dtype=torch.float64), torch.tensor(duration, dtype=torch.float64))
    noise = 0.02 * torch.randn(size, generator=generator(), dtype=torch.float64)
    spectrum = torch.ones(size // 2 + 1, dtype=torch.float64)
    (found,) = fit_forms(form + noise, spectrum, [int(form.abs().argmax())], RATE)
    assert found.onset == pytest.approx(onset, abs=0.0002)
    assert found.two_cycle_duration == pytest.approx(duration, rel=0.06)
    assert found.initial_deflection_width == pytest.approx(initial, rel=0.1)
    assert found.polarity == sign


def test_a_form_is_measured_in_coloured_breath_sound_as_in_white():
    size = 8192
    shape = 10 ** (-2 * torch.linspace(0.0, 1.0, size // 2 + 1, dtype=torch.float64))
    time = torch.arange(size, dtype=torch.float64) / RATE - 1.0
    form = crackle_form(time, torch.tensor(0.0007, dtype=torch.float64), torch.tensor(0.005, dtype=torch.float64))
    white = torch.randn(size, generator=generator(), dtype=torch.float64)
    breath = torch.fft.irfft(torch.fft.rfft(white) * shape, size)
    (found,) = fit_forms(form + 0.5 * breath, shape, [int(form.abs().argmax())], RATE)
    assert found.two_cycle_duration == pytest.approx(0.005, rel=0.1)
    assert found.initial_deflection_width == pytest.approx(0.0007, rel=0.15)


def test_widths_are_within_ten_percent_of_the_truth(simulated):
    """Of the measurement alone: the crackle part is the true one, the breath sound is there."""
    found = find_crackles(simulated.crackles, simulated.breath, rate=RATE, settings=SETTINGS)
    pairs = [(event, true) for event in found for true in simulated.events if abs(event.peak - true.peak) < 0.001]
    assert len(pairs) > 0.9 * len(simulated.events)
    for field in ("initial_deflection_width", "two_cycle_duration", "largest_deflection_width"):
        errors = [abs(getattr(event, field) / getattr(true, field) - 1) for event, true in pairs]
        assert float(np.median(errors)) < 0.1
    assert np.mean([event.polarity == true.polarity for event, true in pairs]) > 0.9


def test_events_have_the_truth_of_their_crackles(simulated, separated):
    pairs = [(found, true) for found in separated.events for true in simulated.events if abs(found.peak - true.peak) < 0.001]
    assert len(pairs) > 0.6 * len(simulated.events)
    ratio = [found.amplitude / true.amplitude for found, true in pairs]
    assert 0.5 < float(np.median(ratio)) < 1.3
    durations = np.array([(found.two_cycle_duration, true.two_cycle_duration) for found, true in pairs])
    assert np.corrcoef(durations.T)[0, 1] > 0.5
    for found, _ in pairs:
        assert found.onset - 0.003 <= found.peak <= found.onset + found.two_cycle_duration + 0.003
        assert found.kind == ("coarse" if found.two_cycle_duration > 0.010 else "fine")


def test_a_minimum_level_drops_faint_crackles(separated):
    settings = SeparationSettings(minimum_level_db=12.0)
    loud = find_crackles(separated.crackles, separated.breath, rate=RATE, settings=settings)
    assert 0 < len(loud) < len(separated.events)
    assert all(event.level_db >= 12.0 for event in loud)


def test_nothing_is_found_in_nothing():
    assert find_crackles(torch.zeros(4000), torch.randn(4000, generator=generator()), rate=RATE, settings=SETTINGS) == []


def test_ringing_after_a_loud_crackle_is_not_another_one():
    breath = simulate_recording(
        SimulationSettings(seconds=4.0, rate=RATE, breath=BreathSettings(), crackles=()), generator(5)
    ).recording
    crackles = torch.zeros_like(breath)
    time = torch.arange(80, dtype=torch.float64) / RATE
    crackles[8000:8080] = 30 * breath.std() * torch.exp(-time / 0.003) * torch.sin(2 * math.pi * 400 * time)
    events = find_crackles(crackles, breath, rate=RATE, settings=SETTINGS)
    assert len([event for event in events if abs(event.peak - 2.0) < 0.03]) == 1
