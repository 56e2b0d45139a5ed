import numpy as np
import pytest
import soundfile
import torch

from foreknow.errors import DataError, ParameterError
from foreknow.files import AudioWriter, Encoding, encode_wav, read_audio, write_audio
from foreknow.files.wav import wav_header

RATE = 4000


def noise(count=4001, seed=0, channels=()):
    return torch.rand(*channels, count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 1.8 - 0.9


@pytest.mark.parametrize(
    ("encoding", "subtype"), [(Encoding.PCM_16, "PCM_16"), (Encoding.PCM_24, "PCM_24"), (Encoding.FLOAT_32, "FLOAT")]
)
def test_what_is_written_is_read_back_on_the_encodings_grid(tmp_path, encoding, subtype):
    samples = noise()
    assert write_audio(tmp_path / "a.wav", samples, RATE, encoding) == 0
    recording = read_audio(tmp_path / "a.wav")
    assert recording.info.encoding == f"WAV {subtype}"
    assert recording.rate == RATE
    assert torch.equal(recording.samples, encoding.quantise(samples))
    assert float((recording.samples - samples).abs().max()) <= 2.0 ** -(16 if encoding is Encoding.PCM_16 else 24)
    assert (tmp_path / "a.wav").read_bytes() == encode_wav(samples, RATE, encoding)


def test_sixteen_bit_files_pass_through_unchanged(tmp_path):
    integers = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", integers, RATE)
    write_audio(tmp_path / "b.wav", read_audio(tmp_path / "a.wav").samples, RATE)
    assert np.array_equal(soundfile.read(tmp_path / "b.wav", dtype="int16")[0], integers)


def test_a_quantised_part_and_the_rest_sum_to_the_input_exactly(tmp_path):
    mixture = Encoding.PCM_16.quantise(noise())
    part = Encoding.PCM_16.quantise(0.3 * noise(seed=1))
    write_audio(tmp_path / "a.wav", part, RATE)
    write_audio(tmp_path / "b.wav", mixture - part, RATE, clip=True)
    files = [soundfile.read(tmp_path / name, dtype="int16")[0].astype(int) for name in ("a.wav", "b.wav")]
    unclipped = (mixture - part).abs() < 1
    assert np.array_equal((files[0] + files[1])[unclipped], (mixture * 32768).numpy().astype(int)[unclipped])


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("channels", [1, 3])
def test_written_in_blocks_is_the_same_file(tmp_path, encoding, channels):
    samples = noise(channels=(channels,) if channels > 1 else ())
    write_audio(tmp_path / "whole.wav", samples, RATE, encoding)
    with AudioWriter(tmp_path / "blocks.wav", RATE, channels, encoding) as writer:
        for block in samples.split(123, dim=-1):
            writer.write(block)
    assert writer.frames == 4001
    assert (tmp_path / "blocks.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()
    back, _ = soundfile.read(tmp_path / "blocks.wav")
    assert back.shape == ((4001, channels) if channels > 1 else (4001,))
    assert (tmp_path / "whole.wav").stat().st_size % 2 == 0


def test_values_beyond_full_scale_are_an_error_unless_clipping_is_allowed(tmp_path):
    loud = torch.tensor([0.0, 1.0, -1.0, 1.2, -1.3], dtype=torch.float64)
    with pytest.raises(DataError, match=r"2 samples .* beyond full scale \(the largest is 1.3\)"):
        write_audio(tmp_path / "a.wav", loud, RATE)
    assert list(tmp_path.iterdir()) == []
    assert write_audio(tmp_path / "a.wav", loud, RATE, clip=True) == 2
    assert soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [0, 32767, -32768, 32767, -32768]
    assert write_audio(tmp_path / "a.wav", loud, RATE, Encoding.FLOAT_32) == 0
    assert torch.allclose(read_audio(tmp_path / "a.wav").samples, loud, atol=1e-7)


def test_a_failing_block_leaves_the_old_file(tmp_path):
    write_audio(tmp_path / "a.wav", noise(), RATE)
    old = (tmp_path / "a.wav").read_bytes()
    writer = AudioWriter(tmp_path / "a.wav", RATE)

    def fail():
        with writer:
            writer.write(noise(100))
            writer.write(torch.tensor([float("nan")]))

    with pytest.raises(DataError, match="NaN"):
        fail()
    assert (tmp_path / "a.wav").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    with pytest.raises(DataError, match="not open"):
        writer.write(noise(100))


def test_impossible_files(tmp_path):
    with pytest.raises(ParameterError):
        AudioWriter(tmp_path / "a.wav", 0)
    with pytest.raises(DataError, match="shape"):
        encode_wav(torch.zeros(2, 2, 2), RATE)
    with AudioWriter(tmp_path / "a.wav", RATE, 2) as writer, pytest.raises(DataError, match="2 channels, but a block has 1"):
        writer.write(noise())
    with pytest.raises(DataError, match="4 GiB"):
        wav_header(RATE, 2, 2**30, Encoding.PCM_16)
