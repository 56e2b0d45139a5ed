import dataclasses
import itertools
import math
import subprocess
import sys

import pytest
import torch

from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.lung.simulate import (
    COARSE,
    FINE,
    BreathSettings,
    CrackleSettings,
    CrackleType,
    HeartSettings,
    LevelReference,
    SimulationSettings,
    crackle_form,
    largest_deflection,
    local_level,
    mix_at_snr,
    plant_crackles,
    simulate_breath,
    simulate_recording,
)
from foreknow.lung.simulate.spectrum import coloured_noise, fast_length, gain_at, limit_band

RATE = 4000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def db(ratio):
    return 10 * math.log10(float(ratio))


# -------------------------------------------------------------------------------------------------------------------- form
def measured_widths(crackle, rate):
    """(IDW, 2CD, LDW) in seconds of one noiseless crackle by its zero crossings, linearly interpolated."""
    inside = crackle.nonzero().squeeze(1)
    start, end = float(inside[0]) - 0.5, float(inside[-1]) + 0.5
    y = crackle[inside[0] : inside[-1] + 1]
    index = ((y[:-1] * y[1:]) < 0).nonzero().squeeze(1)
    crossings = inside[0] + index + y[index] / (y[index] - y[index + 1])
    edges = torch.cat((torch.tensor([start]), crossings, torch.tensor([end])))
    assert len(edges) == 5  # two cycles: four half-waves
    peak = float(inside[0] + y.abs().argmax())
    side = int((edges < peak).sum())
    return (float(edges[1]) - start) / rate, (end - start) / rate, float(edges[side] - edges[side - 1]) / rate


@pytest.mark.parametrize("kind", [FINE, COARSE], ids=lambda kind: kind.kind)
def test_widths_measured_back_are_the_requested_ones(kind):
    rate = 96_000
    breath = coloured_noise(rate, rate, ((100, 0), (1000, -30)), seeded())
    for seed in range(6):
        part, (event,) = plant_crackles(breath, rate, torch.tensor([0.3]), kind, 10.0, seeded(seed))
        width, duration, largest = measured_widths(part, rate)
        assert width == pytest.approx(event.initial_deflection_width, rel=0.05)
        assert duration == pytest.approx(event.two_cycle_duration, rel=0.05)
        assert largest == pytest.approx(event.largest_deflection_width, rel=0.05)
        assert float(part.abs().max()) == pytest.approx(event.amplitude, rel=0.005)
        assert float(part.abs().argmax()) / rate == pytest.approx(event.peak, abs=2 / rate)
        first = part[round((event.onset + event.initial_deflection_width / 2) * rate)]
        assert int(torch.sign(first)) == event.polarity
        assert float(part.square().sum()) / rate == pytest.approx(event.energy, rel=0.01)


@pytest.mark.parametrize(("idw", "duration", "peak"), [(0.7e-3, 5e-3, 393), (1.5e-3, 10e-3, 198)])
def test_spectral_peaks_are_the_published_ones(idw, duration, peak):
    rate = 192_000
    time = torch.arange(2**18, dtype=torch.float64) / rate
    form = crackle_form(time, torch.tensor(idw, dtype=torch.float64), torch.tensor(duration, dtype=torch.float64))
    assert int(torch.fft.rfft(form).abs().argmax()) * rate / 2**18 == pytest.approx(peak, abs=1)
    assert float(form.abs().max()) == pytest.approx(1, abs=0.002)
    power = torch.fft.rfft(form).abs().square()
    assert float(power[torch.fft.rfftfreq(2**18, 1 / rate) > 2000].sum() / power.sum()) < 3e-4


def test_the_form_is_a_pure_tone_where_the_ratio_is_a_quarter_and_vanishes_outside():
    time = torch.linspace(-0.01, 0.02, 3001, dtype=torch.float64)
    quarter = crackle_form(time, torch.tensor(0.0025, dtype=torch.float64), torch.tensor(0.01, dtype=torch.float64))
    u = (time / 0.01).clamp(0, 1)
    expected = torch.sin(4 * math.pi * u) * 0.5 * (1 + torch.cos(2 * math.pi * (u.sqrt() - 0.5)))
    assert torch.allclose(quarter, expected, atol=1e-12)
    assert bool((quarter[(time <= 0) | (time >= 0.01)] == 0).all())


def test_largest_deflection_of_the_fine_form():
    peak, height, width = largest_deflection(torch.tensor([0.7e-3], dtype=torch.float64), torch.tensor([5e-3], dtype=torch.float64))
    assert 0.7e-3 < float(peak) < 1.87e-3  # the second half-wave: crossings at 0.698 and 1.870 ms
    assert float(height) == pytest.approx(1, abs=0.002)
    assert float(width) == pytest.approx(1.171e-3, rel=0.01)


def test_types_vary_as_declared():
    widths, durations = FINE.draw_widths(20_000, seeded())
    assert float(durations.median()) == pytest.approx(5e-3, rel=0.01)
    assert float(durations.log().std()) == pytest.approx(FINE.spread, rel=0.03)
    assert float((widths / durations).max()) <= 0.24
    assert float(widths.median()) == pytest.approx(0.7e-3, rel=0.01)
    exact = dataclasses.replace(FINE, spread=0.0, ratio_spread=0.0)
    assert [float(part[0]) for part in exact.draw_widths(1)] == pytest.approx([0.7e-3, 5e-3])
    assert float(FINE.draw_positions(20_000, seeded()).mean()) == pytest.approx(0.75, abs=0.01)
    assert float(COARSE.draw_positions(20_000, seeded()).mean()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("values", [(2e-3, 5e-3), (0.0, 5e-3), (1e-3, 0.0), (-1e-3, 5e-3)])
def test_impossible_types(values):
    with pytest.raises(ParameterError):
        CrackleType("x", *values)


# ---------------------------------------------------------------------------------------------------------- planting, levels
def test_planted_level_is_the_definition():
    breath = torch.cat((torch.full((RATE,), 0.01), torch.full((RATE,), 0.1))).double() * coloured_noise(
        2 * RATE, RATE, ((200, 0),), seeded()
    )
    onsets = torch.tensor([1.6, 0.4], dtype=torch.float64)
    levels = torch.tensor([20.0, 6.0])
    part, events = plant_crackles(breath, RATE, onsets, COARSE, levels, seeded())
    assert [event.onset for event in events] == [0.4, 1.6]
    assert [event.level_db for event in events] == [6.0, 20.0]
    band = limit_band(breath, RATE, 100, 1000)
    for event in events:
        centre = round(event.peak * RATE)
        rms = band[centre - 400 : centre + 401].square().mean().sqrt()
        assert 20 * math.log10(event.amplitude / float(rms)) == pytest.approx(event.level_db, abs=1e-6)
        assert float(part[centre - 60 : centre + 60].abs().max()) == pytest.approx(event.amplitude, rel=0.05)
    assert part.dtype == breath.dtype


def test_onsets_between_samples_are_exact_and_crackles_at_the_end_are_cut():
    breath = coloured_noise(RATE, RATE, ((200, 0),), seeded())
    exact = dataclasses.replace(FINE, spread=0.0, ratio_spread=0.0)
    for shift in (0.0, 0.3, 0.9):
        part, (event,) = plant_crackles(breath, RATE, torch.tensor([0.5 + shift / RATE], dtype=torch.float64), exact, 0.0, seeded())
        time = torch.arange(RATE, dtype=torch.float64) / RATE - event.onset
        form = crackle_form(time, torch.tensor(0.7e-3), torch.tensor(5e-3)) * event.polarity * event.amplitude
        assert torch.allclose(part, form, rtol=0.003, atol=1e-9)
    part, events = plant_crackles(breath, RATE, torch.tensor([0.999]), FINE, 0.0, seeded())
    assert len(events) == 1
    assert float(part[3996:].abs().max()) > 0
    assert float(part[:3995].abs().max()) == 0
    part, events = plant_crackles(breath, RATE, torch.zeros(0), FINE, 0.0)
    assert events == []
    assert float(part.abs().max()) == 0


def test_planting_where_it_makes_no_sense():
    breath = coloured_noise(RATE, RATE, ((200, 0),), seeded())
    with pytest.raises(ParameterError, match="within the recording"):
        plant_crackles(breath, RATE, torch.tensor([1.5]), FINE, 0.0)
    with pytest.raises(ShapeError):
        plant_crackles(breath[None], RATE, torch.tensor([0.5]), FINE, 0.0)
    with pytest.raises(ShapeError):
        plant_crackles(breath, RATE, torch.tensor([0.5]), FINE, torch.zeros(2))
    with pytest.raises(DataError, match="silent"):
        plant_crackles(torch.zeros(RATE), RATE, torch.tensor([0.5]), FINE, 0.0)


def test_local_level_of_a_tone_and_of_what_is_outside_the_band():
    time = torch.arange(4 * RATE, dtype=torch.float64) / RATE
    tone, rumble = torch.sin(2 * math.pi * 400 * time), 10 * torch.sin(2 * math.pi * 40 * time)
    levels = local_level(tone + rumble, RATE, torch.tensor([1.0, 2.0, 3.0]))
    assert torch.allclose(levels, torch.full((3,), 0.5**0.5, dtype=torch.float64), rtol=0.01)
    assert float(local_level(rumble, RATE, torch.tensor([2.0]), LevelReference(low=0, high=2000))) == pytest.approx(
        50**0.5, rel=0.01
    )


@pytest.mark.parametrize("snr", [-20.0, 0.0, 7.5])
def test_mixing_at_a_ratio_is_exact(snr):
    drawn = simulate_recording(generator=seeded())
    mixture, scaled = mix_at_snr(drawn.crackles, drawn.breath, snr)
    assert db(scaled.square().sum() / drawn.breath.square().sum()) == pytest.approx(snr, abs=1e-9)
    assert torch.equal(mixture, scaled + drawn.breath)
    support = drawn.crackles != 0
    _, scaled = mix_at_snr(drawn.crackles, drawn.breath, snr, support)
    assert db(scaled[support].square().sum() / drawn.breath[support].square().sum()) == pytest.approx(snr, abs=1e-9)


def test_mixing_batches_and_what_cannot_be_mixed():
    crackles, breath = torch.rand(3, 50, generator=seeded()), torch.rand(3, 50, generator=seeded(1))
    _, scaled = mix_at_snr(crackles, breath, 3.0)
    for row in range(3):
        assert db(scaled[row].square().sum() / breath[row].square().sum()) == pytest.approx(3, abs=1e-4)
    with pytest.raises(DataError, match="energy"):
        mix_at_snr(torch.zeros(3, 50), breath, 3.0)
    with pytest.raises(ShapeError):
        mix_at_snr(crackles[0], breath, 3.0)


# ------------------------------------------------------------------------------------------------------------------- breath
def test_coloured_noise_has_its_spectrum_and_level():
    spectrum = ((100, 0), (200, -6), (400, -30))
    noise = coloured_noise(60 * RATE, RATE, spectrum, seeded())
    assert float(noise.square().mean()) == pytest.approx(1, rel=0.05)
    frames = noise[: 400 * 512].reshape(400, 512) * torch.hann_window(512, dtype=torch.float64)
    power = torch.fft.rfft(frames).abs().square().mean(0)
    hertz = torch.fft.rfftfreq(512, 1 / RATE)

    def level(at):
        return db(power[(hertz - at).abs().argmin()])

    assert level(200) - level(100) == pytest.approx(-6, abs=1.5)
    assert level(400) - level(200) == pytest.approx(-24, abs=1.5)
    assert level(1500) - level(400) == pytest.approx(0, abs=2)
    gain = gain_at(spectrum, torch.tensor([0.0, 50, 100, 141.42135, 5000], dtype=torch.float64))
    assert torch.allclose(20 * gain[1:].log10(), torch.tensor([0, 0, -3, -30], dtype=torch.float64), atol=1e-5)
    assert float(gain[0]) == 0
    for bad in ((), ((0, 1),), ((100, 0), (50, 0))):
        with pytest.raises(ParameterError):
            gain_at(bad, hertz)
    assert [fast_length(count) for count in (1, 5, 7, 1000, 17, 1024)] == [2, 6, 8, 1024, 18, 1024]


def test_breath_follows_its_phases_and_levels():
    settings = BreathSettings(level_spread_db=0.0, background_db=-60.0)
    breath, phases = simulate_breath(settings, 120, RATE, seeded())
    assert breath.shape == (120 * RATE,)
    energy = {"inspiration": [], "expiration": []}
    for phase in phases[2:-2]:
        part = breath[round(phase.start * RATE) : round(phase.end * RATE)]
        energy[phase.kind].append(float(part.square().mean()))
    inspiration, expiration = (sum(values) / len(values) for values in energy.values())
    assert db(inspiration) == pytest.approx(settings.level_dbfs, abs=0.7)
    assert db(expiration / inspiration) == pytest.approx(settings.expiration_level_db, abs=0.7)
    starts = torch.tensor([phase.start for phase in phases if phase.kind == "inspiration"][1:])
    assert float(starts.diff().median()) == pytest.approx(settings.cycle, rel=0.06)
    assert all(0 <= phase.start < phase.end <= 120 for phase in phases)
    assert all(before.end <= after.start + 1e-9 for before, after in itertools.pairwise(phases))


def test_breath_resembles_the_real_ones_in_its_dynamics():
    spans = []
    for seed in range(5):
        breath, _ = simulate_breath(BreathSettings(), 15, RATE, seeded(seed))
        levels = 10 * breath.reshape(-1, 400).square().mean(1).log10()
        spans.append(float(levels.quantile(0.9) - levels.quantile(0.1)))
    assert 11 < sorted(spans)[2] < 18  # 13 SPRSound and 4 KAUH normal recordings: 10 to 18.8 dB, median 14.9


# ---------------------------------------------------------------------------------------------------------------- recording
def test_a_recording_is_the_sum_of_its_parts_and_reproducible():
    first, second, other = (simulate_recording(generator=seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.recording, first.breath + first.crackles)
    assert torch.equal(first.recording, second.recording)
    assert first.events == second.events
    assert first.phases == second.phases
    assert not torch.equal(first.recording, other.recording)
    assert first.rate == RATE
    assert first.recording.shape == (15 * RATE,)
    assert float(first.recording.abs().max()) < 1


def test_crackles_lie_where_they_belong_and_carry_the_energy_they_say():
    drawn = simulate_recording(SimulationSettings(seconds=120), seeded())
    inspirations = [phase for phase in drawn.phases if phase.kind == "inspiration"]
    positions = {"fine": [], "coarse": []}
    for event in drawn.events:
        phase = min(inspirations, key=lambda phase: max(phase.start - event.onset, event.onset - phase.end))
        positions[event.kind].append((event.onset - phase.start) / (phase.end - phase.start))
    assert sum(positions["fine"]) / len(positions["fine"]) == pytest.approx(0.75, abs=0.06)
    assert sum(positions["coarse"]) / len(positions["coarse"]) == pytest.approx(0.25, abs=0.08)
    assert len(positions["fine"]) == pytest.approx(4 * len(inspirations), rel=0.15)
    for kind in ("fine", "coarse"):
        onsets = torch.tensor([event.onset for event in drawn.events if event.kind == kind], dtype=torch.float64)
        assert float(onsets.diff().min()) >= 0.015 - 1e-9
    assert all(8 <= event.level_db <= 18 for event in drawn.events)
    assert {event.polarity for event in drawn.events} == {-1, 1}


def test_heart_sounds_are_low_and_part_of_the_breath():
    heart = simulate_recording(SimulationSettings(crackles=(), heart=HeartSettings(level_db=20)), seeded())
    without = simulate_recording(SimulationSettings(crackles=()), seeded())
    assert heart.events == ()
    assert torch.equal(heart.recording, heart.breath)
    beats = heart.breath - without.breath
    low = limit_band(beats, RATE, 0, 100)
    assert float(low.square().sum() / beats.square().sum()) > 0.9
    assert 20 * math.log10(float(beats.abs().max())) == pytest.approx(-45 + 20, abs=3)


def test_settings_out_of_range():
    for bad in (
        lambda: SimulationSettings(rate=2000),
        lambda: BreathSettings(cycle=0),
        lambda: BreathSettings(inspiration=0.7, expiration=0.7),
        lambda: CrackleSettings(FINE, per_breath=-1),
        lambda: CrackleSettings(FINE, level_db=(3, 1)),
        lambda: HeartSettings(beats_per_minute=0),
        lambda: LevelReference(window=0),
        lambda: simulate_recording(SimulationSettings(seconds=0)),
    ):
        with pytest.raises(ParameterError):
            bad()


def test_importing_the_simulator_imports_no_application_library():
    code = (
        "import sys, foreknow.lung.simulate; heavy = {'soundfile', 'soxr', 'matplotlib', 'jinja2', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


@pytest.mark.data
def test_crackles_planted_in_a_real_normal_breath(shared_data):
    from foreknow.files import read_audio

    path = shared_data / "lung" / "sprsound" / "40794825_4.2_0_p3_691.wav"
    recording = read_audio(path, rate=RATE)
    onsets = torch.arange(1.5, 8.0, 0.5, dtype=torch.float64)
    part, events = plant_crackles(recording.samples, RATE, onsets, FINE, 12.0, seeded())
    assert len(events) == len(onsets)
    measured = local_level(recording.samples, RATE, torch.tensor([event.peak for event in events]))
    amplitudes = torch.tensor([event.amplitude for event in events], dtype=torch.float64)
    assert torch.allclose(20 * (amplitudes / measured).log10(), torch.full_like(measured, 12.0), atol=1e-6)
    assert float(part.abs().max()) == pytest.approx(float(amplitudes.max()), rel=0.06)
