import statistics

import pytest
import torch

from foreknow.errors import DataError
from foreknow.files import read_audio, read_icbhi_cycles
from foreknow.lung.simulate import (
    FINE,
    BreathSettings,
    CrackleSettings,
    NuisanceSettings,
    SimulationSettings,
    fit_breath,
    fit_spectrum,
    simulate_recording,
)
from foreknow.lung.simulation_figure import RealSound, comparison_figure

RATE = 4000
SPECTRUM = ((30.0, -9.0), (60.0, 0.0), (120.0, 9.0), (480.0, -19.0), (1920.0, -99.0))  # knee 120 Hz, edge 480 Hz


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def simulated(settings, seed, seconds=20.0, **others):
    return simulate_recording(SimulationSettings(seconds=seconds, rate=RATE, breath=settings, **others), seeded(seed))


def true_cycle(drawn, settings):
    whole = [phase.end - phase.start for phase in drawn.phases if phase.kind == "inspiration"][1:-1]
    return statistics.median(whole) / settings.inspiration


@pytest.mark.parametrize(
    "settings",
    [BreathSettings(), BreathSettings(cycle=3.5, inspiration=0.35, expiration=0.50, expiration_level_db=-4.0)],
    ids=["child", "slow"],
)
def test_breathing_is_measured_back(settings):
    errors, shares, levels = [], [], []
    for seed in range(3):
        drawn = simulated(settings, seed, crackles=())
        fit = fit_breath(drawn.recording, RATE)
        errors.append(abs(fit.cycle / true_cycle(drawn, settings) - 1))
        shares.append(max(abs(fit.inspiration - settings.inspiration), abs(fit.expiration - settings.expiration)))
        levels.append(abs(fit.expiration_level_db - settings.expiration_level_db))
        assert fit.level_dbfs == pytest.approx(settings.level_dbfs, abs=4.0)
        starts = torch.tensor([phase.start for phase in drawn.phases if phase.kind == "inspiration"][1:-1])
        found = torch.tensor([phase.start for phase in fit.phases if phase.kind == "inspiration"])
        assert float((starts[:, None] - found).abs().min(1).values.median()) < 0.15
    assert statistics.median(errors) < 0.06
    assert statistics.median(shares) <= 0.051
    assert statistics.median(levels) <= 2.0


def test_crackles_and_clicks_do_not_mislead():
    drawn = simulated(BreathSettings(), 2, crackles=(CrackleSettings(FINE, 4.0),), nuisance=NuisanceSettings(0, 0, clicks=10))
    fit = fit_breath(drawn.recording, RATE)
    assert fit.cycle == pytest.approx(true_cycle(drawn, BreathSettings()), rel=0.1)
    assert fit.inspiration_to_expiration == pytest.approx(1.0, abs=0.25)
    assert fit.breaths_per_minute == pytest.approx(60 / fit.cycle)


def test_a_spectrum_of_lines_is_measured_back():
    settings = BreathSettings(inspiration_spectrum=SPECTRUM, expiration_spectrum=SPECTRUM, background_db=-30.0)
    knees, lows, highs, edges, steep = [], [], [], [], []
    for seed in range(3):
        fit = fit_breath(simulated(settings, seed, crackles=()).recording, RATE).inspiration_spectrum
        knees.append(fit.knee_hz)
        lows.append(fit.low_slope)
        highs.append(fit.high_slope)
        edges.append(fit.edge_hz)
        steep.append(fit.edge_slope)
        assert fit.residual_db < 1.5
    assert statistics.median(knees) == pytest.approx(120, rel=0.12)
    assert statistics.median(lows) == pytest.approx(9, abs=2.0)
    assert statistics.median(highs) == pytest.approx(-14, abs=1.5)
    assert statistics.median(edges) == pytest.approx(480, rel=0.12)
    assert statistics.median(steep) == pytest.approx(-40, abs=4)


def test_lines_over_a_floor_are_exact_without_noise():
    hertz = torch.fft.rfftfreq(1024, 1 / RATE, dtype=torch.float64)
    octaves = torch.log2(hertz.clamp(min=1))
    knee, edge = torch.log2(torch.tensor(150.0)), torch.log2(torch.tensor(700.0))
    level = 8 * (octaves - knee).clamp(max=0) - 13 * (octaves - knee).clamp(min=0) - 25 * (octaves - edge).clamp(min=0)
    fit = fit_spectrum(hertz, 10 ** (level / 10) + 1e-7)
    assert fit.knee_hz == pytest.approx(150, rel=0.06)
    assert fit.high_slope == pytest.approx(-13, abs=1)
    assert fit.edge_hz == pytest.approx(700, rel=0.1)
    assert fit.edge_slope == pytest.approx(-38, abs=4)
    (first, gain), (_, lowest) = fit.stethoscope
    assert (first, gain, lowest) == (fit.edge_hz, 0.0, -60.0)


def test_a_fit_makes_settings_that_are_fitted_alike():
    first = fit_breath(simulated(BreathSettings(cycle=2.8), 4).recording, RATE)
    drawn = simulated(first.settings(), 7)
    again = fit_breath(drawn.recording, RATE)
    assert again.cycle == pytest.approx(true_cycle(drawn, first.settings()), rel=0.1)
    assert again.inspiration_spectrum.knee_hz == pytest.approx(first.inspiration_spectrum.knee_hz, rel=0.25)
    assert again.inspiration_spectrum.high_slope == pytest.approx(first.inspiration_spectrum.high_slope, abs=3)
    assert again.level_dbfs == pytest.approx(first.level_dbfs, abs=4)


def test_what_cannot_be_measured():
    for samples, rate in (
        (torch.zeros(20_000), RATE),
        (torch.rand(4000), RATE),
        (torch.rand(20_000), 1000),
        (torch.rand(2, 20_000), RATE),
    ):
        with pytest.raises(DataError):
            fit_breath(samples, rate)


def test_the_picture_is_drawn():
    pytest.importorskip("matplotlib")
    drawn = simulated(BreathSettings(), 1, 6.0)
    other = simulate_recording(SimulationSettings(seconds=8.0, rate=8000), seeded(2))
    figure = comparison_figure(drawn, RealSound("$real$.wav", other.recording, 8000))
    assert len(figure.get_axes()) >= 6


@pytest.mark.data
def test_real_recordings(shared_data):
    knees, slopes = [], []
    for path in sorted((shared_data / "lung" / "sprsound").glob("*.wav"))[:4]:
        recording = read_audio(path, rate=RATE)
        fit = fit_breath(recording.samples, RATE)
        knees.append(fit.inspiration_spectrum.knee_hz)
        slopes.append(fit.inspiration_spectrum.edge_slope)
        assert -70 < fit.level_dbfs < -20
        simulate_recording(SimulationSettings(seconds=4.0, rate=RATE, breath=fit.settings()), seeded())
    assert 90 < statistics.median(knees) < 200  # INSPIRATION_SPECTRUM peaks at 125 Hz
    assert statistics.median(slopes) < -20  # the stethoscope's low-pass
    errors = []
    for path in sorted((shared_data / "lung" / "icbhi").glob("*.wav"))[::3]:
        cycles = read_icbhi_cycles(path.with_suffix(".txt")).events
        fit = fit_breath(read_audio(path, rate=RATE).samples, RATE)
        errors.append(abs(fit.cycle / statistics.median(cycle.duration for cycle in cycles) - 1))
    assert statistics.median(errors) < 0.25
