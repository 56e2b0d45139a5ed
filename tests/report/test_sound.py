import time

import numpy as np
import pytest
import torch

from foreknow.errors import DataError
from foreknow.report import Figure
from foreknow.report.reduce import spectrogram, waveform_range
from foreknow.report.sound import Mark, Track, close_figure, sound_figure

RATE = 4000


def tone(hertz, seconds=2.0, amplitude=0.5):
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize(("count", "columns"), [(1, 10), (7, 10), (10, 10), (1001, 10), (100_000, 333)])
def test_the_range_of_a_waveform_keeps_every_peak(count, columns):
    samples = torch.randn(count, generator=torch.Generator().manual_seed(0))
    centres, low, high = waveform_range(samples, columns)
    assert len(centres) == len(low) == len(high) <= columns
    assert (np.diff(centres) > 0).all()
    assert centres[0] >= 0
    assert centres[-1] <= count - 1
    assert low.min() == pytest.approx(float(samples.min()))
    assert high.max() == pytest.approx(float(samples.max()))


def test_a_tone_stands_at_its_frequency_and_level_and_a_click_at_its_time():
    picture = spectrogram(tone(500), RATE, columns=100)
    assert picture.seconds == (0, 2)
    hertz = np.linspace(*picture.hertz, picture.power.shape[0] + 1)
    row = picture.power.mean(1).argmax()
    assert hertz[row] <= 500 <= hertz[row + 1]
    assert 10 * np.log10(picture.power.max()) == pytest.approx(10 * np.log10(0.5**2 / 2), abs=0.1)
    click = torch.zeros(2 * RATE)
    click[6000] = 1
    column = spectrogram(click, RATE, columns=100).power.sum(0).argmax()
    assert column == pytest.approx(75, abs=1)


@pytest.mark.parametrize("count", [1, 5, 127, 129])
def test_very_short_sound_is_drawn(count):
    assert np.isfinite(spectrogram(torch.rand(count), RATE, 50).power).all()
    figure = sound_figure([Track("a", torch.rand(count))], RATE)
    assert Figure(figure, "a").uri.startswith("data:image/png;base64,")


def test_an_hour_is_reduced_quickly():
    hour = torch.randn(3600 * RATE, generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    waveform_range(hour, 1400)
    picture = spectrogram(hour, RATE, 1400)
    assert time.perf_counter() - start < 10  # about half a second on a free machine
    assert picture.power.shape == (65, 1400)
    assert (picture.power > 0).all()


def test_sounds_share_one_time_axis_and_one_scale():
    marks = [Mark(0.5, 0.505, "fine_crackle"), Mark(1.0, 1.5, "wheeze")]
    figure = sound_figure([Track("input", tone(500), marks), Track("part $x$ <b>", tone(500, amplitude=0.1), marks)], RATE)
    waves, spectra = figure.axes[0:4:2], figure.axes[1:4:2]
    assert all(axes.get_xlim() == (0, 2) for axes in waves + spectra)
    assert len({axes.get_ylim() for axes in waves}) == 1
    assert len({axes.images[0].get_clim() for axes in spectra}) == 1
    assert spectra[0].get_ylim() == (0, 2)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["fine crackle (1)", "wheeze (1)"]
    assert Figure(figure, "a").uri.startswith("data:image/png;base64,")


def test_silence_and_towering_clicks_are_drawn():
    click = 0.01 * tone(300)
    click[100] = 1.0
    for samples in (torch.zeros(8000), click):
        Figure(sound_figure([Track("a", samples)], RATE), "a").uri.encode()
    assert sound_figure([Track("a", click)], RATE).axes[0].get_ylim()[0] > -0.1


def test_names_in_any_script_and_mathematics_are_drawn_as_text():
    for name in ("$\\frac{1}{0$", "録音 12", "\udcff"):
        if name.isprintable():
            figure = sound_figure([Track(name, tone(300), [Mark(0.1, 0.1, name)])], RATE)
            assert Figure(figure, name).uri


def test_a_close_look():
    tracks = [Track("input", tone(300)), Track("crackles", tone(100))]
    figure = close_figure(tracks, RATE, [0.0, 0.5, 1.999, 7.0, 1.0])
    assert sum(axes.axison for axes in figure.axes) == 5
    assert Figure(figure, "a").uri
    with pytest.raises(DataError, match="times"):
        close_figure(tracks, RATE, [])


def test_sounds_that_do_not_fit_together():
    for tracks in (
        [],
        [Track("a", tone(1)), Track("b", tone(1, 3.0))],
        [Track("a", torch.zeros(2, 5))],
        [Track("a", torch.zeros(0))],
    ):
        with pytest.raises(DataError, match="equal length"):
            sound_figure(tracks, RATE)
