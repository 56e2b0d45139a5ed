"""Crackles while a recording is being made: bounded delay, nothing lost, however it is cut."""

from dataclasses import replace

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.lung import LiveSeparation, SeparationSettings, WheezeSettings, separate
from foreknow.lung.scoring import match_events, si_sdr
from foreknow.lung.simulate import WHEEZE, SimulationSettings, simulate_recording


def drawn(seconds, rate, seed=3):
    return simulate_recording(SimulationSettings(seconds=seconds, rate=rate), torch.Generator().manual_seed(seed))


def run(recording, rate, chunk):
    """All parts, all events, and the longest time that a sample had to wait."""
    live, parts, events, given, taken, waited = LiveSeparation(rate), [], [], 0, 0, 0.0
    for piece in recording.split(chunk):
        part = live.push(piece)
        given, taken = given + piece.shape[0], taken + part.recording.shape[0]
        waited = max(waited, (given - taken) / rate)
        now = given / rate
        events += [(event, now) for event in part.events]
        parts.append(part)
    part = live.finish()
    events += [(event, given / rate) for event in part.events]
    return [*parts, part], events, waited, live.delay


@pytest.mark.parametrize(("rate", "chunk"), [(4000, 2000), (8000, 4000), (44100, 22050)])
def test_chunks_come_back_within_the_delay_that_is_stated(rate, chunk):
    recording = drawn(9.0, rate).recording
    parts, events, waited, delay = run(recording, rate, chunk)
    assert delay < 1.5
    assert waited <= delay
    assert torch.equal(torch.cat([part.recording for part in parts]), recording)
    assert sum(part.crackles.shape[0] for part in parts) == recording.shape[0]
    assert events
    bound = LiveSeparation(rate).crackle_delay + chunk / rate
    assert all(reported - event.peak < bound for event, reported in events)


def test_live_and_afterwards_find_the_same():
    simulated = drawn(12.0, 4000)
    parts, events, _, _ = run(simulated.recording, 4000, 2000)
    crackles = torch.cat([part.crackles for part in parts])
    true = [event.peak for event in simulated.events]
    assert match_events([event.peak for event, _ in events], true).f1 > 0.85
    after = separate(simulated.recording, 4000)
    assert si_sdr(crackles, simulated.crackles) > si_sdr(after.crackles, simulated.crackles) - 2
    assert len({round(event.peak, 3) for event, _ in events}) == len(events)


@pytest.mark.parametrize("chunk", [777, 9000])
def test_results_do_not_depend_on_the_chunks(chunk):
    recording = drawn(6.0, 4000).recording
    one, other = (torch.cat([part.crackles for part in run(recording, 4000, size)[0]]) for size in (2000, chunk))
    assert torch.equal(one, other)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.6])
def test_short_recordings_are_given_back(seconds):
    recording = 0.01 * torch.randn(round(4000 * seconds), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    live = LiveSeparation(4000)
    parts = [live.push(recording), live.finish()]
    assert torch.equal(torch.cat([part.recording for part in parts]), recording)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="half a window"):
        LiveSeparation(4000, hop=3.0)
    with pytest.raises(ParameterError, match="half a window"):
        LiveSeparation(4000, SeparationSettings(), ahead=0.0)


@pytest.fixture(scope="module")
def wheezing():
    kinds = (replace(WHEEZE, per_breath=0.8, level_db=(8.0, 14.0)),)
    settings = SimulationSettings(seconds=12.0, rate=4000, crackles=(), continuous=kinds)
    return simulate_recording(settings, torch.Generator().manual_seed(8))


def follow(recording, chunk, model="unet"):
    """All parts, and wheezes with the time at which they were told."""
    live = LiveSeparation(4000, SeparationSettings(wheezes=WheezeSettings(model=model)))
    parts, told, given = [], [], 0
    for piece in recording.split(chunk):
        parts.append(live.push(piece))
        given += piece.shape[0]
        told += [(event, given / 4000) for event in parts[-1].wheeze_events]
    parts.append(live.finish())
    told += [(event, given / 4000) for event in parts[-1].wheeze_events]
    return live, parts, told


def alike(one, other):
    overlap = min(one.end, other.end) - max(one.onset, other.onset)
    longer = max(one.end, other.end) - min(one.onset, other.onset)
    return overlap > 0.5 * longer and abs(one.fundamental / other.fundamental - 1) < 0.1


def test_wheezes_are_told_once_soon_after_their_end_and_are_those_found_afterwards(wheezing):
    pytest.importorskip("monai")
    live, parts, told = follow(wheezing.recording, 2000, "unet")
    after = separate(wheezing.recording, 4000, live.settings)
    events = [event for event, _ in told]
    assert len(after.wheeze_events) >= 4
    found = [any(alike(event, other) for event in events) for other in after.wheeze_events]
    assert sum(found) >= 0.8 * len(found)
    known = [any(alike(event, other) for other in after.wheeze_events) for event in events]
    assert sum(known) >= 0.8 * len(known)
    assert all(now - event.end < live.wheeze_delay + 0.5 for event, now in told)
    assert not any(alike(one, other) for place, one in enumerate(events) for other in events[:place])
    assert torch.equal(torch.cat([part.recording for part in parts]), wheezing.recording)
    wheezes = torch.cat([part.wheezes for part in parts])
    assert si_sdr(wheezes, wheezing.wheezes) > 10
    assert si_sdr(wheezes, wheezing.wheezes) > si_sdr(after.wheezes, wheezing.wheezes) - 6
    assert live.wheeze_delay < 3


def test_wheezes_do_not_depend_on_the_chunks(wheezing):
    pytest.importorskip("monai")
    recording = wheezing.recording[: 5 * 4000]
    (_, one, told), (_, other, again) = (follow(recording, chunk) for chunk in (2000, 9000))
    assert told
    assert torch.equal(torch.cat([part.wheezes for part in one]), torch.cat([part.wheezes for part in other]))
    assert [event for event, _ in told] == [event for event, _ in again]
