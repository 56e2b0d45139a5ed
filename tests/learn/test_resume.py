"""A run that was interrupted anywhere and goes on is bit by bit the run that never was."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from learn_problems import SIGMA, dense, spike_data
from torch import nn

from foreknow.errors import InputFileError
from foreknow.learn import (
    UNSURE,
    Compute,
    CSVLog,
    Data,
    Example,
    History,
    OtherRunError,
    Settings,
    Silent,
    Supervised,
    Validation,
    fit,
)
from foreknow.learn.checkpoint import FILE_NAME
from foreknow.learn.guards import L2SP, Replay, SelectiveDecay
from foreknow.learn.identity import describe, layout

CPU = Compute("cpu")
SETTINGS = Settings(epochs=4, batch_size=6, learning_rate=0.02, seed=3, checkpoint_seconds=0)


class UnpluggedError(Exception):
    """Stands for a power cut."""


class Interrupted(Data):
    """Data that fail when they are asked for the n-th time."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __len__(self) -> int:
        return 20

    def draw(self, indices: list[int], epoch: int) -> Example:
        self.left -= 1
        if self.left < 0:
            raise UnpluggedError
        return spike_data(20).draw(indices, epoch)

    def fingerprint(self) -> str:
        return "spikes"


def _run(network: nn.Module, folder: Path | None, after: int = 10**9, log: Path | None = None) -> History:
    """All that has a state: dropout, momentum, a moving multiplier, guards with anchors, replay, the best weights."""
    return fit(
        network,
        UNSURE(sigma=2 * SIGMA),
        Interrupted(after),
        SETTINGS,
        folder=folder,
        validation=Validation(spike_data(7, seed=4), Supervised()),
        guards=[L2SP(0.1), SelectiveDecay(), Replay(spike_data(5, seed=8), Supervised(), batch_size=2)],
        optimizer=partial(torch.optim.Adam, betas=(0.8, 0.99)),
        compute=CPU,
        logs=[] if log is None else [CSVLog(log)],
        progress=Silent(),
    )


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("after", [0, 1, 3, 4, 5, 11, 15])  # an epoch has four steps
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, after: int) -> None:
    straight = dense()
    history = _run(straight, None)
    broken = dense()
    with pytest.raises(UnpluggedError):
        _run(broken, tmp_path, after)
    assert not _same(broken, straight)
    resumed = dense()  # as the same program would make it again
    assert _run(resumed, tmp_path, log=tmp_path / "log.csv") == history
    assert _same(resumed, straight)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + SETTINGS.epochs


def test_a_run_that_ended_gives_its_result_again_without_a_step(tmp_path: Path) -> None:
    first, again = dense(), dense()
    history = _run(first, tmp_path)
    assert _run(again, tmp_path, after=0) == history
    assert _same(first, again)


def test_a_run_that_is_interrupted_twice_goes_on(tmp_path: Path) -> None:
    straight, broken = dense(), dense()
    history = _run(straight, None)
    for after in (5, 3):
        with pytest.raises(UnpluggedError):
            _run(broken, tmp_path, after)
        broken = dense(seed=1)  # the checkpoint decides, not what the program made
    assert _run(broken, tmp_path) == history
    assert _same(broken, straight)


_PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_resume
draw = test_resume.Interrupted.draw
def slow(self, indices, epoch):
    time.sleep(0.1)
    return draw(self, indices, epoch)
test_resume.Interrupted.draw = slow
test_resume._run(test_resume.dense(), Path({folder!r}))
"""


def test_after_a_kill_the_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    program = _PROGRAM.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    variables = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([sys.executable, "-c", program], env=variables)  # noqa: S603
    checkpoint = tmp_path / FILE_NAME
    end = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.45)  # some steps more
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run was to be killed in the middle"
    resumed, straight = dense(), dense()
    reached = []
    history = _watched(resumed, tmp_path, reached)
    assert 0 < reached[0] < 16
    assert history == _run(straight, None)
    assert _same(resumed, straight)


def _watched(network: nn.Module, folder: Path, reached: list[int]) -> History:
    from foreknow.learn.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None
    reached.append(checkpoint.position.step)
    return _run(network, folder)


def test_a_checkpoint_of_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    run = partial(fit, dense(), Supervised(), spike_data(), compute=CPU, progress=Silent(), folder=tmp_path)
    run(Settings(epochs=1))
    for settings, sentence in ((Settings(epochs=2), r"'epochs': 1.*'epochs': 2"), (Settings(epochs=1, seed=1), "settings")):
        with pytest.raises(OtherRunError, match=f"{sentence}.*another folder"):
            run(settings)
    with pytest.raises(OtherRunError, match="data simulated by spikes"):
        fit(dense(), Supervised(), spike_data(seed=1), Settings(epochs=1), compute=CPU, progress=Silent(), folder=tmp_path)
    with pytest.raises(OtherRunError, match="holds a run with network"):
        fit(nn.Linear(24, 24), Supervised(), spike_data(), Settings(epochs=1), compute=CPU, progress=Silent(), folder=tmp_path)
    with pytest.raises(OtherRunError, match="guards"):
        run(Settings(epochs=1), guards=[L2SP(1.0)])


def test_a_run_is_known_by_all_that_it_is_made_of() -> None:
    made = [
        L2SP(0.1),
        L2SP(0.2),
        SelectiveDecay(0.1),
        Replay(spike_data(5), Supervised()),
        Replay(spike_data(5, seed=1), Supervised()),
        Replay(spike_data(5), UNSURE(1.0)),
        torch.optim.Adam,
        partial(torch.optim.Adam, betas=(0.8, 0.99)),
    ]
    assert len({describe(thing) for thing in made}) == len(made)
    assert describe(L2SP(0.1)) == "L2SP(strength=0.1)"
    assert describe(made[-1]) == "Adam(betas=(0.8, 0.99))"
    assert layout(dense()) == layout(dense(seed=1))
    frozen = dense()
    frozen[0].weight.requires_grad_(False)
    assert len({layout(dense()), layout(frozen), layout(dense().double()), layout(nn.Linear(2, 2))}) == 4


def test_damaged_checkpoints_are_refused_in_one_sentence(tmp_path: Path) -> None:
    _run(dense(), tmp_path)
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:5],
        whole[: len(whole) // 2],
        b"\xff" * 100,
        b"PK\x03\x04" + whole,
        whole.replace(b'\\"version\\"', b'\\"Version\\"'),
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputFileError, match=FILE_NAME):
            _run(dense(), tmp_path)
    path.write_bytes(whole)
    _run(dense(), tmp_path, after=0)


def test_a_checkpoint_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnpluggedError):
        _run(dense(), tmp_path, after=6)
    before = (tmp_path / FILE_NAME).read_bytes()

    def full(descriptor: int) -> None:  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        _run(dense(), tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]
