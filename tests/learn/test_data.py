"""Data sets: what is drawn depends on seed, epoch and number alone."""

import pytest
import torch
from learn_problems import spike_data, spikes

from foreknow.errors import ParameterError, ShapeError
from foreknow.learn import Example, Examples, RandomCrops, Simulated, UnequalExamples
from foreknow.learn.order import batches, steps_per_epoch


def test_simulated_items_are_functions_of_seed_epoch_and_number() -> None:
    alone = spike_data().draw([5], epoch=3)
    among = spike_data().draw([1, 5, 2], epoch=3)
    assert torch.equal(alone.y[0], among.y[1])
    assert torch.equal(alone.truth["signal"][0], among.truth["signal"][1])
    for other in (spike_data(seed=1).draw([5], 3), spike_data().draw([5], 4), spike_data().draw([6], 3)):
        assert not torch.equal(alone.y, other.y)


def test_crops_cut_data_and_truth_at_the_same_place_and_elsewhere_in_the_next_epoch() -> None:
    y = torch.arange(2 * 9 * 40.0).reshape(2, 9, 40)
    data = RandomCrops(Examples(y, {"signal": -y}), (4, 7), crops=3)
    assert len(data) == 6
    drawn = data.draw([0, 1, 5], epoch=0)
    assert drawn.y.shape == (3, 4, 7)
    assert torch.equal(drawn.y, -drawn.truth["signal"])
    assert drawn.y[0, 0, 0] < 360 <= drawn.y[2, 0, 0]  # crops 0 to 2 are of item 0, 3 to 5 of item 1
    assert torch.equal(drawn.y[0] - drawn.y[0, 0, 0], torch.arange(4)[:, None] * 40.0 + torch.arange(7))  # a contiguous part
    starts = {tuple(data.draw([0], epoch).y[0, 0, :1].tolist()) for epoch in range(20)}
    assert len(starts) > 10
    assert torch.equal(data.draw([5], 2).y, data.draw([4, 5], 2).y[1:])


def test_crops_reach_every_place() -> None:
    data = RandomCrops(Examples(torch.arange(5.0)[None]), 3)
    assert {float(data.draw([0], epoch).y[0, 0]) for epoch in range(60)} == {0.0, 1.0, 2.0}


def test_recordings_of_different_lengths_make_batches_of_crops() -> None:
    recordings = UnequalExamples([Example(torch.zeros(50)), Example(torch.ones(30))])
    assert RandomCrops(recordings, 20).draw([0, 1], 0).y.tolist() == [[0.0] * 20, [1.0] * 20]
    with pytest.raises(ShapeError, match="RandomCrops"):
        recordings.draw([0, 1], 0)
    with pytest.raises(ShapeError, match="do not fit item 1"):
        RandomCrops(recordings, 40).draw([0, 1], 0)


def test_fingerprints_tell_data_apart() -> None:
    y = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    changed = y.clone()
    changed[2, 3] += 1e-6
    marks = [
        Examples(y).fingerprint(),
        Examples(changed).fingerprint(),
        Examples(y, {"a": y}).fingerprint(),
        Examples(y.reshape(3, 2, 2)).fingerprint(),
        UnequalExamples([Example(y)]).fingerprint() + "u",
        RandomCrops(Examples(y), 2).fingerprint(),
        RandomCrops(Examples(y), 2, seed=1).fingerprint(),
        spike_data().fingerprint(),
        spike_data(seed=1).fingerprint(),
    ]
    assert len(set(marks)) == len(marks)
    assert Examples(y.clone()).fingerprint() == marks[0]


def test_every_item_is_learned_from_once_an_epoch() -> None:
    for ranks in (1, 2):
        found = batches(23, 4, seed=0, epoch=1, ranks=ranks)
        assert len(found) == steps_per_epoch(23, 4, ranks) == 6
        usable = 23 - 23 % ranks
        assert len({index for batch in found for index in batch}) == sum(map(len, found)) == usable
        assert all(len(batch) % ranks == 0 for batch in found)
    assert batches(23, 4, 0, 1) == batches(23, 4, 0, 1) != batches(23, 4, 0, 2)
    with pytest.raises(ParameterError, match="multiple of 2"):
        batches(23, 5, 0, 0, ranks=2)


def test_unfit_data_are_refused_by_name() -> None:
    with pytest.raises(ShapeError, match=r"'part'.*3 items"):
        Examples(torch.zeros(3, 4), {"part": torch.zeros(2, 4)})
    with pytest.raises(ShapeError, match="at least one item"):
        Examples(torch.zeros(0, 4))
    with pytest.raises(ParameterError, match="at least one item"):
        Simulated(spikes, 0)
    with pytest.raises(ShapeError, match="'part'"):
        RandomCrops(Examples(torch.zeros(1, 9), {"part": torch.zeros(1, 8)}), 3).draw([0], 0)
    mixed = UnequalExamples([Example(torch.zeros(4)), Example(torch.zeros(4), {"part": torch.zeros(4)})])
    with pytest.raises(ShapeError, match="that others lack"):
        mixed.draw([0, 1], 0)
