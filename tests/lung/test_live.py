"""Crackles while a recording is being made: bounded delay, nothing lost, however it is cut."""

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.lung import LiveSeparation, SeparationSettings, separate
from foreknow.lung.scoring import match_events, si_sdr
from foreknow.lung.simulate import SimulationSettings, simulate_recording


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
    assert all(reported - event.peak < delay + 0.06 + chunk / rate for event, reported in events)


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
