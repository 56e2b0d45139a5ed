"""What is no lung sound: taken out where it is, lung sounds left where they are."""

from dataclasses import replace

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.files import Encoding, read_audio, write_audio
from foreknow.lung import SeparationSettings, WheezeSettings, separate, separate_file
from foreknow.lung.nuisance import NuisanceSeparator
from foreknow.lung.nuisance_stream import NuisanceStream, separate_nuisance
from foreknow.lung.scoring import match_events
from foreknow.lung.simulate import (
    COARSE,
    FINE,
    STRIDOR,
    WHEEZE,
    CrackleSettings,
    NuisanceSettings,
    SimulationSettings,
    simulate_recording,
)
from foreknow.lung.simulate.spectrum import limit_band

RATE = 4000


def draw(seed, **settings):
    chosen = SimulationSettings(seconds=12.0, rate=RATE, **settings)
    return simulate_recording(chosen, torch.Generator().manual_seed(seed))


def in_band(x):
    return limit_band(x, RATE, 100.0, 1000.0)


def decibel(signal, rest):
    return float(10 * torch.log10(signal.square().sum() / rest.square().sum()))


@pytest.mark.parametrize("kind", ["handling", "voice"])
def test_a_disturbance_is_taken_out_and_the_parts_sum(kind):
    gains = []
    for seed in range(4):
        settings = NuisanceSettings(handling=0, voice=0, clicks=0, handling_db=(12, 20), voice_db=(8, 15))
        drawn = draw(seed, nuisance=replace(settings, **{kind: 12.0}))
        if not drawn.disturbances:
            continue
        rest, nuisance = separate_nuisance(drawn.recording, RATE)
        assert torch.equal(rest, drawn.recording - nuisance)
        lung = in_band(drawn.recording - drawn.nuisance)
        gains.append(decibel(lung, in_band(rest) - lung) - decibel(lung, in_band(drawn.recording) - lung))
    assert len(gains) >= 3
    assert min(gains) > -1  # voices above 330 Hz are not told from wheezes, and stay
    assert sum(gains) / len(gains) > 2


def test_lung_sounds_stay_where_nothing_disturbs():
    for seed in range(3):
        drawn = draw(seed, continuous=(replace(WHEEZE, per_breath=1.0), replace(STRIDOR, per_breath=1.0)))
        _, nuisance = separate_nuisance(drawn.recording, RATE)
        for part in (drawn.breath + drawn.crackles + drawn.wheezes, drawn.crackles + drawn.wheezes):
            assert decibel(in_band(part), in_band(nuisance)) > 15


def test_what_is_below_the_lung_is_nuisance():
    time = torch.arange(8 * RATE, dtype=torch.float64) / RATE
    heart = 0.3 * torch.sin(2 * torch.pi * 40 * time)
    breath = draw(1).breath[: len(time)]
    _, nuisance = separate_nuisance(breath + heart, RATE)
    left = nuisance - heart
    assert decibel(heart[RATE:-RATE], limit_band(left, RATE, 30.0, 50.0)[RATE:-RATE]) > 20


def test_blocks_do_not_matter():
    recording = draw(2, nuisance=NuisanceSettings(handling=10.0)).recording
    whole = separate_nuisance(recording, RATE)[1]
    stream = NuisanceStream(RATE)
    pieces = [stream.push(block)[1] for block in recording.split(7777)] + [stream.finish()[1]]
    torch.testing.assert_close(torch.cat(pieces), whole, rtol=0, atol=0)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100])
def test_every_rate_gives_as_many_samples(rate):
    recording = 0.01 * torch.randn(rate, generator=torch.Generator().manual_seed(0))
    rest, nuisance = separate_nuisance(recording, rate)
    assert rest.shape == nuisance.shape == recording.shape
    assert rest.dtype == recording.dtype


@pytest.mark.parametrize("wheezes", [None, WheezeSettings(model="classical", iterations=2)])
def test_nuisance_is_a_part_of_its_own_in_files_that_sum_to_the_recording(tmp_path, wheezes):
    drawn = draw(3, nuisance=NuisanceSettings(handling=15.0, handling_db=(12, 20))).recording[: 9 * RATE]
    stored = Encoding.PCM_16.quantise(0.5 * drawn / drawn.abs().max())
    write_audio(tmp_path / "a.wav", stored, RATE, Encoding.PCM_16)
    settings = SeparationSettings(nuisance=True, wheezes=wheezes)
    result = separate_file(tmp_path / "a.wav", tmp_path / "out", settings, report=wheezes is None)
    names = ["crackles.wav", "breath.wav", "nuisance.wav", *([] if wheezes is None else ["wheezes.wav"])]
    assert {path.name for path in result.folder.glob("*.wav")} == set(names)
    parts = {name: read_audio(result.folder / name).samples for name in names}
    assert torch.equal(sum(parts.values()), stored)
    found = separate(stored, RATE, settings)
    torch.testing.assert_close(found.breath + found.crackles + found.wheezes + found.nuisance, stored, rtol=0, atol=1e-12)
    assert float((found.nuisance - parts["nuisance.wav"]).abs().max()) < 2 / 2**15
    if wheezes is None:
        assert "nuisance.wav" in (result.folder / "report.html").read_text(encoding="utf-8")
        again = separate_file(tmp_path / "a.wav", tmp_path / "out", overwrite=True, report=False)
        assert not (again.folder / "nuisance.wav").exists()


def test_less_of_a_rub_lands_among_the_crackles_if_it_is_taken_out_first():
    """Not all of it: what a rub leaves may still be counted as crackles."""
    settings = NuisanceSettings(handling=12.0, voice=0, clicks=0, handling_db=(15, 20))
    energies = {True: 0.0, False: 0.0}
    for seed in range(6, 9):
        drawn = draw(seed, nuisance=settings, crackles=())
        assert drawn.disturbances
        for first in energies:
            found = separate(drawn.recording, RATE, SeparationSettings(nuisance=first))
            energies[first] += float(found.crackles.square().sum())
    assert energies[True] < 0.9 * energies[False]


def test_silence_and_constants_stay_finite():
    for recording in (torch.zeros(RATE), torch.full((RATE,), 0.5), torch.zeros(10)):
        rest, nuisance = separate_nuisance(recording, RATE)
        assert bool(torch.isfinite(rest).all())
        assert bool(torch.isfinite(nuisance).all())
    assert not bool(separate_nuisance(torch.zeros(RATE), RATE)[1].any())


def test_too_low_a_rate_is_refused():
    with pytest.raises(ParameterError, match="400 Hz"):
        NuisanceSeparator(300)


def test_loud_crackles_are_not_taken_for_a_rub():
    loud = tuple(CrackleSettings(kind, 4.0, (12.0, 22.0)) for kind in (FINE, COARSE))
    for seed in (1, 2):
        drawn = draw(seed, crackles=loud)
        true = [event.peak for event in drawn.events]
        found = [separate(drawn.recording, RATE, SeparationSettings(nuisance=first)).events for first in (True, False)]
        first, without = (match_events([event.peak for event in events], true).f1 for events in found)
        assert without > 0.9
        assert first > without - 0.08
