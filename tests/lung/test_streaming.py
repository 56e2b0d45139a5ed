"""Signals in blocks: windows, queues, events, sums of parts. None of this depends on how crackles are told from breath."""

import itertools

import pytest
import torch

from foreknow.errors import ParameterError
from foreknow.files import Encoding
from foreknow.lung.event_stream import EventStream
from foreknow.lung.events import Crackle
from foreknow.lung.exact_parts import encoding_of_parts, store_parts
from foreknow.lung.overlap_add import OverlapAdd, mirror
from foreknow.lung.sample_queue import SampleQueue


def noise(count, seed=0):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(stream, signal, sizes):
    out, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= signal.shape[0]:
            break
        out.append(stream.push(signal[start : start + size]))
        start += size
    return torch.cat([*out, stream.finish()])


# ------------------------------------------------------------------------------------------------------------- overlap-add
@pytest.mark.parametrize("count", [1, 2, 7, 15, 16, 17, 47, 48, 49, 64, 200, 1001])
@pytest.mark.parametrize(("window", "overlap", "batch"), [(16, 4, 3), (16, 8, 1), (64, 16, 16), (10, 0, 2), (1, 0, 1)])
def test_a_process_that_changes_nothing_gives_the_signal_back(count, window, overlap, batch):
    signal = noise(count)
    out = run(OverlapAdd(window, overlap, lambda windows: windows, batch), signal, [5])
    assert out.shape == signal.shape
    torch.testing.assert_close(out, signal, rtol=0, atol=1e-14)


def test_a_constant_stays_constant():
    out = run(OverlapAdd(64, 16, lambda windows: windows), torch.ones(1000, dtype=torch.float64), [77])
    torch.testing.assert_close(out, torch.ones(1000, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("count", [3, 40, 777])
def test_any_block_size_gives_the_same_bits(count):
    def odd(windows):
        return torch.tanh(windows.cumsum(-1)) + windows.mean(0)  # depends on the whole batch

    signal = noise(count)
    whole = run(OverlapAdd(32, 8, odd, batch=4), signal, [count])
    for sizes in ([1], [7], [32], [1000], [3, 0, 50, 1]):
        assert torch.equal(run(OverlapAdd(32, 8, odd, batch=4), signal, sizes), whole)


def test_windows_are_given_whole_in_batches_and_once():
    seen = []

    def look(windows):
        seen.append(windows.clone())
        return windows

    signal = torch.arange(100, dtype=torch.float64)
    run(OverlapAdd(16, 4, look, batch=3), signal, [9])
    assert [windows.shape[0] for windows in seen] == [3, 3, 3]
    assert torch.equal(torch.cat(seen)[1], torch.arange(8, 24, dtype=torch.float64))


def test_results_come_while_the_signal_streams():
    stream = OverlapAdd(16, 4, lambda windows: windows, batch=2)
    given = sum(stream.push(noise(10, seed)).shape[0] for seed in range(100))
    assert 1000 - given <= 3 * 16


def test_no_signal_gives_no_result():
    stream = OverlapAdd(16, 4, lambda windows: windows)
    assert stream.push(torch.zeros(0)).shape == (0,)
    assert stream.finish().shape == (0,)


@pytest.mark.parametrize(("window", "overlap", "batch"), [(0, 0, 1), (16, 9, 1), (16, -1, 1), (16, 4, 0)])
def test_impossible_windows_are_refused(window, overlap, batch):
    with pytest.raises(ParameterError, match="windows need"):
        OverlapAdd(window, overlap, lambda windows: windows, batch)


def test_mirror():
    signal = torch.tensor([1.0, 2.0, 3.0])
    assert mirror(signal, 5, 4).tolist() == [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]
    assert mirror(torch.tensor([4.0]), 2, 2).tolist() == [4] * 5


# ------------------------------------------------------------------------------------------------------------------- queue
def test_the_queue_gives_samples_in_order():
    queue, signal = SampleQueue(), noise(50)
    for block in signal.split(7):
        queue.append(block)
    assert torch.equal(queue.peek(10), signal[:10])
    assert torch.equal(torch.cat([queue.take(n) for n in (0, 3, 20, 27)]), signal)
    assert len(queue) == 0
    with pytest.raises(ParameterError, match="holds 0"):
        queue.take(1)


# ------------------------------------------------------------------------------------------------------------------ events
def crackle(onset, peak):
    return Crackle(onset, peak, 0.0007, 0.005, 0.001, "fine", 1, 0.1, 1e-5, 10.0)


def find_ones(crackles, breath):
    assert crackles.shape == breath.shape
    return [crackle(float(index) / 100 - 0.002, float(index) / 100) for index in torch.nonzero(crackles).flatten()]


@pytest.mark.parametrize("sizes", [[1000], [1], [33], [250, 3]])
def test_events_are_found_once_wherever_chunks_and_blocks_meet(sizes):
    places = [0, 1, 99, 100, 101, 199, 200, 399, 400, 401, 950, 1233]
    signal = torch.zeros(1234, dtype=torch.float64)
    signal[places] = 1.0
    stream = EventStream(find_ones, rate=100, chunk=1.0, context=0.5)
    for block in itertools.chain.from_iterable(part.split(sizes[0]) for part in signal.split(sizes[-1])):
        stream.push(block, block)
    events = stream.finish()
    assert [event.peak for event in events] == pytest.approx([place / 100 for place in places])
    assert [event.onset for event in events] == pytest.approx([place / 100 - 0.002 for place in places])


@pytest.mark.parametrize("flip", [0, 1])
def test_an_event_seen_a_little_differently_from_both_sides_of_a_border_is_one_event(flip):
    calls = itertools.count(flip)

    def find(crackles, breath):
        jitter = 1e-6 * (-1) ** next(calls)  # for each chunk it is the other's, or for each its own
        return [crackle(event.onset, event.peak + jitter) for event in find_ones(crackles, breath)]

    signal = torch.zeros(300)
    signal[100] = 1.0
    stream = EventStream(find, rate=100, chunk=1.0, context=0.5)
    stream.push(signal, signal)
    assert len(stream.finish()) == 1


def test_every_chunk_has_context_at_both_sides():
    lengths = []

    def look(crackles, breath):
        lengths.append((crackles.shape[0] + breath.shape[0]) // 2)
        return []

    stream = EventStream(look, rate=100, chunk=2.0, context=0.5)
    for _ in range(10):
        stream.push(torch.zeros(100), torch.zeros(100))
    assert stream.finish() == ()
    assert lengths == [250, 300, 300, 300, 250]


# ------------------------------------------------------------------------------------------------------------- sum of parts
@pytest.mark.parametrize("encoding", [Encoding.PCM_16, Encoding.PCM_24, Encoding.PCM_32])
def test_integer_parts_sum_exactly_even_where_they_must_be_limited(encoding):
    scale = 2.0 ** (encoding.bits - 1)
    recording = torch.round(noise(5000).clamp(-1, 1) * scale).clamp(-scale, scale - 1) / scale
    crackles = 1.5 * noise(5000, seed=1)
    stored, breath = store_parts(recording, crackles, encoding)
    assert torch.equal(stored + breath, recording)
    for part in (stored, breath):
        assert torch.equal(part * scale, torch.round(part * scale))
        assert float(part.min()) >= -1
        assert float(part.max()) <= 1 - 1 / scale
    usual = (recording.abs() < 0.3) & (crackles.abs() < 0.3)
    assert float((stored - crackles)[usual].abs().max()) <= 0.5 / scale


def test_float_parts_sum_to_rounding():
    recording, crackles = 3 * noise(1000), noise(1000, seed=1)
    stored, breath = store_parts(recording, crackles, Encoding.FLOAT_32)
    assert torch.equal(stored, stored.float().double())
    torch.testing.assert_close(stored + breath, recording, rtol=0, atol=1e-6)


def test_parts_are_stored_as_the_recording_is():
    assert encoding_of_parts("WAV PCM_16") is Encoding.PCM_16
    assert encoding_of_parts("WAV PCM_U8") is Encoding.PCM_16
    assert encoding_of_parts("FLAC PCM_24") is Encoding.PCM_24
    assert encoding_of_parts("WAV PCM_32") is Encoding.PCM_32
    assert encoding_of_parts("MP3 MPEG_LAYER_III") is Encoding.FLOAT_32
    assert encoding_of_parts("WAV DOUBLE") is Encoding.FLOAT_32
