import os
import struct

import numpy as np
import pytest
import soundfile
import torch

from foreknow.errors import InputFileError, ParameterError
from foreknow.files import MeanOfChannels, OneChannel, describe_signal, inspect_audio, open_audio, parse_channel, read_audio
from foreknow.files.blocks import regroup

RATE = 8000


def noise(seconds=1.0, rate=RATE, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * rate))


def write(path, samples, rate=RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "bits"),
    [("a.wav", "PCM_U8", 8), ("a.wav", "PCM_16", 16), ("a.wav", "PCM_24", 24), ("a.wav", "PCM_32", 30), ("a.wav", "FLOAT", 24),
     ("a.wav", "DOUBLE", 30), ("a.flac", "PCM_16", 16), ("a.aiff", "PCM_16", 16)],
)  # fmt: skip
def test_lossless_formats_of_every_depth_are_read(tmp_path, name, subtype, bits):
    samples = noise()
    recording = read_audio(write(tmp_path / name, samples, subtype=subtype))
    assert recording.samples.dtype == torch.float64
    assert recording.rate == recording.info.rate == RATE
    assert recording.info.encoding.endswith(subtype)
    assert recording.seconds == 1.0
    assert recording.warnings == ()
    assert np.abs(recording.samples.numpy() - samples).max() <= 2.0 ** -(bits - 1)


@pytest.mark.parametrize(("name", "subtype"), [("a.ogg", "VORBIS"), ("a.mp3", "MPEG_LAYER_III")])
def test_lossy_formats_are_read(tmp_path, name, subtype):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(5 * 16000) / 16000)
    recording = read_audio(write(tmp_path / name, tone, 16000, subtype=subtype))
    assert recording.seconds == pytest.approx(5, abs=0.1)
    middle = recording.samples[16000:64000]
    assert float(middle.square().mean()) == pytest.approx(0.125, rel=0.1)


@pytest.mark.parametrize(("size", "overlap"), [(1000, 0), (1000, 250), (70000, 0), (7, 6), (40_000, 1)])
def test_blocks_with_their_overlap_removed_are_the_recording(tmp_path, size, overlap):
    path = write(tmp_path / "a.wav", noise(5 if size > 10 else 0.1), subtype="DOUBLE")
    whole = read_audio(path).samples
    with open_audio(path) as reader:
        blocks = list(reader.blocks(size, overlap))
    assert all(block.shape == (size,) for block in blocks[:-1])
    assert overlap < blocks[-1].numel() <= size or len(blocks) == 1
    assert torch.equal(torch.cat([blocks[0]] + [block[overlap:] for block in blocks[1:]]), whole)
    with open_audio(path) as reader, pytest.raises(ParameterError):
        next(reader.blocks(10, 10))


def test_regrouping_does_not_depend_on_the_pieces():
    signal = np.arange(1000.0)
    for cut in (1, 3, 999, 1000):
        blocks = list(regroup(np.array_split(signal, cut), 100, 30))
        assert all(np.array_equal(block, signal[70 * i : 70 * i + 100]) for i, block in enumerate(blocks))
        assert blocks[-1][-1] == 999
    assert list(regroup([], 10)) == []


@pytest.mark.parametrize("new_rate", [4000, 8000, 11025, 44100])
def test_blockwise_resampling_equals_resampling_at_once_and_keeps_a_tone(tmp_path, new_rate):
    time = np.arange(9 * RATE) / RATE
    path = write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), subtype="DOUBLE")
    recording = read_audio(path, rate=new_rate)
    assert recording.rate == new_rate
    assert recording.seconds == pytest.approx(9, abs=2 / new_rate)
    expected = 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(recording.samples.numel(), dtype=torch.float64) / new_rate)
    middle = slice(new_rate, 8 * new_rate)
    assert float((recording.samples - expected)[middle].abs().max()) < 1e-3
    with open_audio(path, rate=new_rate) as reader:
        blocks = torch.cat(list(reader.blocks(1000)))
    assert torch.equal(blocks, recording.samples)


def test_a_choice_of_channel(tmp_path):
    left, right = noise(seed=1), noise(seed=2)
    stereo = write(tmp_path / "stereo.wav", np.stack([left, right], 1), subtype="DOUBLE")
    assert np.allclose(read_audio(stereo).samples, (left + right) / 2)
    assert np.array_equal(read_audio(stereo, channel=OneChannel(1)).samples, left)
    assert np.array_equal(read_audio(stereo, channel=parse_channel("2")).samples, right)
    with pytest.raises(InputFileError, match="has 2 channels, so channel 3 cannot be used; choose one from 1 to 2"):
        read_audio(stereo, channel=OneChannel(3))
    eight = write(tmp_path / "eight.wav", np.stack([noise(seed=n) for n in range(8)], 1), subtype="DOUBLE")
    with pytest.raises(InputFileError, match="has 8 channels"):
        read_audio(eight)
    assert np.array_equal(read_audio(eight, channel=OneChannel(8)).samples, noise(seed=7))
    assert np.allclose(read_audio(eight, channel=MeanOfChannels()).samples, np.mean([noise(seed=n) for n in range(8)], 0))


def test_words_for_a_channel():
    assert parse_channel(" Mean ") == MeanOfChannels()
    assert parse_channel("3") == OneChannel(3)
    for word in ("0", "-1", "left", "", "²"):
        with pytest.raises(ParameterError):
            parse_channel(word)


def test_channels_that_cancel_are_said(tmp_path):
    left = noise()
    recording = read_audio(write(tmp_path / "a.wav", np.stack([left, -left], 1)))
    assert len(recording.warnings) == 1
    assert "cancel" in recording.warnings[0]
    one_silent = read_audio(write(tmp_path / "b.wav", np.stack([left, 0 * left], 1)))
    assert one_silent.warnings == ()


# ---------------------------------------------------------------------------------------------- files that are not in order
def sentence(path, **options):
    """The one sentence that reading ``path`` fails with."""
    with pytest.raises(InputFileError) as caught:
        read_audio(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name.split("\n")[0] in text
    assert ";" in text or "choose" in text  # what is wrong; what to do
    return text


def test_no_file_no_sound(tmp_path):
    assert "does not exist" in sentence(tmp_path / "missing.wav")
    assert "is a folder" in sentence(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "empty (0 bytes)" in sentence(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("onset,duration\n" * 100)
    assert "holds text, not sound" in sentence(tmp_path / "text.wav")
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    assert "holds no sound" in sentence(tmp_path / "noise.wav")
    (tmp_path / "a.zsa").write_bytes(np.random.default_rng(0).bytes(5000))
    assert "Littmann" in sentence(tmp_path / "a.zsa")
    assert "holds no samples" in sentence(write(tmp_path / "zero.wav", np.zeros(0)))
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a regular file" in sentence(tmp_path / "pipe.wav")
    assert "cannot be looked at" in sentence(tmp_path / ("n" * 300 + ".wav"))


def test_a_name_with_a_line_break_makes_one_line(tmp_path):
    assert "line\\nbreak" in sentence(tmp_path / "line\nbreak.wav".replace("\n", "\n"), minimum_seconds=0)


def header(path, raw, **changes):
    places = {"channels": (22, "<H"), "rate": (24, "<I"), "size": (40, "<I"), "riff": (4, "<I")}
    raw = bytearray(raw)
    for key, value in changes.items():
        offset, form = places[key]
        raw[offset : offset + struct.calcsize(form)] = struct.pack(form, value)
    path.write_bytes(raw)
    return path


def test_absurd_headers(tmp_path):
    raw = write(tmp_path / "good.wav", noise()).read_bytes()
    path = tmp_path / "bad.wav"
    assert "damaged" in sentence(header(path, raw, rate=0))
    assert "1000000000 Hz" in sentence(header(path, raw, rate=1_000_000_000))
    assert "damaged" in sentence(header(path, raw, channels=0))
    assert "damaged" in sentence(header(path, raw, channels=5000))
    assert "holds no samples" in sentence(header(path, raw, size=0))
    path.write_bytes(raw[:20])
    assert "damaged" in sentence(path)
    path.write_bytes(raw[:44])
    assert "cut off after its header" in sentence(path)


def test_a_header_of_unknown_length_reads_what_is_there(tmp_path):
    raw = write(tmp_path / "good.wav", noise()).read_bytes()
    recording = read_audio(header(tmp_path / "stream.wav", raw, size=0xFFFFFFFF, riff=0xFFFFFFFF))
    assert recording.samples.numel() == RATE
    assert recording.warnings == ()


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("a.mp3", "MPEG_LAYER_III")]
)
def test_a_truncated_file_is_used_and_said(tmp_path, name, subtype):
    path = write(tmp_path / name, noise(30), subtype=subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recording = read_audio(path)
    assert 5 < recording.seconds < 25
    assert len(recording.warnings) == 1
    assert "truncated" in recording.warnings[0]
    assert path.name in recording.warnings[0]
    with open_audio(path) as reader:
        assert sum(block.numel() for block in reader.blocks(1000)) == recording.samples.numel()
        assert reader.warnings == recording.warnings


def test_samples_that_are_no_numbers_are_named_by_their_time(tmp_path):
    for bad in (np.nan, np.inf):
        samples = noise(10)
        samples[6 * RATE] = bad
        assert "NaN or infinite at 6.000 s" in sentence(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
        stereo = np.stack([noise(10), samples], 1)
        path = write(tmp_path / "b.wav", stereo, subtype="FLOAT")
        assert "6.000 s" in sentence(path)
        # 0 * NaN is NaN: an unused channel must not matter
        assert read_audio(path, channel=OneChannel(1)).seconds == 10


def test_too_short(tmp_path):
    path = write(tmp_path / "a.wav", noise(0.5))
    assert read_audio(path, minimum_seconds=0.5).seconds == 0.5
    assert "lasts 0.5 s, but at least 1 s" in sentence(path, minimum_seconds=1)
    path = write(tmp_path / "b.wav", noise(10))
    path.write_bytes(path.read_bytes()[:4000])
    assert "at least 1 s" in sentence(path, minimum_seconds=1)


def test_metadata_tags_are_not_kept(tmp_path):
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        file.title = file.artist = "Jane Doe 1950-01-01"
        file.write(noise())
    assert "Jane" not in repr(inspect_audio(path))
    assert "Jane" not in repr(read_audio(path))


# ----------------------------------------------------------------------------------------------------------------- quality
def test_quality_of_good_silent_constant_clipped_and_offset_sound():
    good = torch.from_numpy(noise(10))
    quality = describe_signal(good, RATE)
    assert (quality.seconds, quality.silent_fraction, quality.clipped_fraction) == (10, 0, 0)
    assert quality.warnings() == ()
    quality.require_usable("a.wav")
    for silent, word in ((torch.zeros(RATE), "silent"), (torch.full((RATE,), 0.25), "constant 0.25")):
        with pytest.raises(InputFileError, match=word):
            describe_signal(silent, RATE).require_usable("a.wav")
    with pytest.raises(InputFileError, match="no samples"):
        describe_signal(torch.zeros(0), RATE)
    tone = torch.sin(2 * torch.pi * 50 * torch.arange(10 * RATE, dtype=torch.float64) / RATE)
    clipped = describe_signal((2 * tone).clamp(-0.7, 0.7), RATE)
    assert clipped.clipped_fraction == pytest.approx(0.75, abs=0.03)  # |2 sin| > 0.7 for 77 %, less 2 samples a top
    assert "clipped" in clipped.warnings()[0]
    assert describe_signal(tone, RATE).clipped_fraction < 1e-3
    assert "offset" in describe_signal(0.01 * tone + 0.2, RATE).warnings()[0]
    assert "very soft" in describe_signal(1e-4 * tone, RATE).warnings()[0]
    half = torch.cat((good[: 5 * RATE], torch.zeros(5 * RATE)))
    assert describe_signal(half, RATE).silent_fraction == pytest.approx(0.5, abs=0.01)


def test_quality_does_not_depend_on_the_blocks():
    from foreknow.files import SignalMeter

    signal = torch.from_numpy(np.concatenate([np.zeros(3000), np.clip(3 * noise(3), -0.9, 0.9), np.zeros(1000), 0.1 * noise(2)]))
    whole = describe_signal(signal, RATE)
    meter = SignalMeter(RATE)
    for block in signal.split(777):
        meter.update(block)
    blockwise = meter.result()
    for name in ("seconds", "peak", "rms", "offset", "range", "clipped_fraction", "silent_fraction"):
        assert getattr(blockwise, name) == pytest.approx(getattr(whole, name), rel=1e-9)
    assert whole.clipped_fraction > 0.005
    assert whole.silent_fraction > 0


@pytest.mark.data
def test_every_real_recording_is_read(shared_data):
    files = sorted((shared_data / "lung").rglob("*.wav"))
    assert len(files) == 84
    for path in files[::6]:
        recording = read_audio(path, rate=4000)
        describe_signal(recording.samples, recording.rate).require_usable(path)
        assert recording.warnings == ()
        assert recording.seconds > 1
