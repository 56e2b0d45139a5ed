"""The score of wheezes over time: paths by their mean, and voices told from wheezes."""

import itertools
from dataclasses import replace

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.lung import WheezeSettings
from foreknow.lung.path_mean import path_mean
from foreknow.lung.simulate import RHONCHUS, STRIDOR, WHEEZE, RespiratoryPhase, draw_continuous, simulate_breath
from foreknow.lung.simulate.breath import BreathSettings
from foreknow.lung.voice import voiced_frames
from foreknow.lung.wheezes import find_wheezes, wheeze_activity
from foreknow.operators import STFT

RATE = 4000
SETTINGS = WheezeSettings()


def breath(seconds, seed=0):
    return simulate_breath(BreathSettings(), seconds, RATE, torch.Generator().manual_seed(seed))[0]


def speech(seconds, start, end, pitch=180.0, level=0.05):
    """A gliding pitch with ten harmonics, as a vowel has."""
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    turns = ((pitch * (1 - 0.15 * (time - start).clamp(0, end - start))) / RATE).cumsum(0)
    wave = sum(torch.cos(2 * torch.pi * order * turns + order) / order**0.5 for order in range(1, 11))
    return level * wave * ((time >= start) & (time < end))


def brute_force(x, length, slope):
    bins, frames = x.shape
    best = torch.full((frames,), -torch.inf, dtype=x.dtype)
    for first in range(frames - length + 1):
        for path in itertools.product(range(bins), repeat=length):
            if all(abs(a - b) <= slope for a, b in itertools.pairwise(path)):
                mean = sum(x[b, first + k] for k, b in enumerate(path)) / length
                best[first : first + length] = torch.maximum(best[first : first + length], mean)
    return best


@pytest.mark.parametrize(("length", "slope"), [(1, 1), (2, 1), (3, 1), (4, 2), (3, 0)])
def test_best_mean_is_that_of_all_paths(length, slope):
    x = torch.rand(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    torch.testing.assert_close(path_mean(x, length, slope), brute_force(x, length, slope))


def test_path_mean_takes_batches_and_short_spectrograms():
    x = torch.rand(2, 3, 5, 6)
    assert path_mean(x, 4).shape == (2, 3, 6)
    torch.testing.assert_close(path_mean(x, 4)[1, 2], path_mean(x[1, 2], 4))
    torch.testing.assert_close(path_mean(x, 40), path_mean(x, 6))
    with pytest.raises(ParameterError, match="one frame or more"):
        path_mean(x, 0)


def test_a_faint_wheeze_raises_the_score_where_it_is():
    sound = breath(8.0)
    part, sounds = draw_continuous(
        replace(WHEEZE, per_breath=1.0), [RespiratoryPhase("expiration", 3.0, 5.0)], sound, RATE, torch.Generator().manual_seed(1)
    )
    scores = []
    for scale in (0.0, 0.5, 1.0, 2.0):
        score, times = wheeze_activity(sound + scale * part, rate=RATE, settings=SETTINGS)
        inside = (times > sounds[0].onset) & (times < sounds[0].end)
        scores.append(float(score[inside].mean() - score[~inside].mean()))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.5


@pytest.mark.parametrize("pitch", [120.0, 180.0, 300.0])
def test_speech_is_told_from_breath(pitch):
    sound = breath(6.0) + speech(6.0, 2.0, 3.0, pitch)
    stft = STFT(256, 64, len(sound))
    voiced, times = voiced_frames(sound, stft, RATE), stft.times(RATE)
    assert float(voiced[(times > 2.1) & (times < 2.9)].double().mean()) > 0.9
    assert not bool(voiced[(times < 1.6) | (times > 3.4)].any())


@pytest.mark.parametrize("kind", [WHEEZE, RHONCHUS, STRIDOR])
def test_continuous_lung_sounds_are_no_voice(kind):
    sound = breath(8.0, seed=3)
    part, _ = draw_continuous(
        replace(kind, per_breath=1.0), [RespiratoryPhase(kind.phase, 2.0, 6.0)], sound, RATE, torch.Generator().manual_seed(3)
    )
    assert bool(part.any())
    voiced = voiced_frames(sound + part, STFT(256, 64, len(sound)), RATE)
    assert float(voiced.double().mean()) < 0.02


def test_a_voice_is_not_scored_as_a_wheeze():
    sound = breath(8.0, seed=5)
    spoken = sound + speech(8.0, 3.0, 4.0)
    plain, times = wheeze_activity(sound, rate=RATE, settings=SETTINGS)
    score, _ = wheeze_activity(spoken, rate=RATE, settings=SETTINGS)
    inside = (times > 3.0) & (times < 4.0)
    assert float(score[inside].mean()) < float(plain.mean()) + 0.2
    assert not [
        wheeze for wheeze in find_wheezes(torch.zeros_like(spoken), spoken, rate=RATE, settings=SETTINGS) if 3 < wheeze.onset < 4
    ]


def test_a_score_of_nothing_and_of_voice_only_is_finite():
    for signal in (torch.zeros(RATE), speech(1.0, 0.0, 1.0)):
        assert bool(torch.isfinite(wheeze_activity(signal, rate=RATE, settings=SETTINGS)[0]).all())


def tone(first, last, start, end, seconds, amplitude):
    """A tone that glides evenly."""
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    since = (time - start).clamp(0, end - start)
    turns = first * since + 0.5 * (last - first) / (end - start) * since.square()
    ends = torch.minimum(time - start, end - time).clamp(0, 0.03) / 0.03
    return amplitude * ends * torch.sin(2 * torch.pi * turns)


def test_lines_that_cross_are_two_events():
    sound = breath(4.0, seed=7)
    loud = 4 * float(sound.std())
    crossing = tone(300.0, 520.0, 1.0, 2.2, 4.0, loud) + tone(560.0, 330.0, 1.0, 2.2, 4.0, loud)
    found = [wheeze for wheeze in find_wheezes(crossing, sound, rate=RATE, settings=SETTINGS) if wheeze.duration > 0.8]
    courses = sorted((wheeze.hertz[0], wheeze.hertz[-1]) for wheeze in found)
    assert [round(low) for low, _ in courses] == pytest.approx([300, 560], abs=25)
    assert [round(high) for _, high in courses] == pytest.approx([520, 330], abs=25)
    assert all(wheeze.voices == 2 for wheeze in found)


def test_a_loud_line_is_followed_to_its_end():
    sound = breath(6.0, seed=8)
    long = tone(400.0, 420.0, 2.0, 3.6, 6.0, 30 * float(sound.std()))
    found = [wheeze for wheeze in find_wheezes(long, sound, rate=RATE, settings=SETTINGS) if wheeze.strength > 5]
    assert len(found) == 1
    assert (found[0].onset, found[0].end) == pytest.approx((2.0, 3.6), abs=0.06)
