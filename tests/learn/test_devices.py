"""Several processes learn the same as one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from learn_problems import spike_data, unrolled

from foreknow.learn import Compute, Settings, Silent, Supervised, Validation, fit
from foreknow.learn.checkpoint import load_checkpoint
from foreknow.learn.guards import L2SP, Replay

_PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
import test_devices
from foreknow.learn import Compute
test_devices.train(Compute("cpu", devices=2, strategy="ddp"), Path(sys.argv[2]))
"""


def train(compute: Compute, folder: Path) -> None:
    settings = Settings(epochs=3, batch_size=6, learning_rate=0.1)
    guards = [L2SP(0.1), Replay(spike_data(1, seed=8), Supervised(), batch_size=1)]  # one item, the same on both
    guards[1].data.draw = lambda indices, epoch: spike_data(1, seed=8).draw([0], 0)  # noqa: ARG005
    fit(
        unrolled(),
        Supervised(),
        spike_data(18),
        settings,
        folder=folder,
        validation=Validation(spike_data(5, seed=4)),
        guards=guards,
        compute=compute,
        progress=Silent(),
    )


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    command = [sys.executable, str(program), str(Path(__file__).parent), str(tmp_path / "two")]
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-3000:]
    train(Compute("cpu"), tmp_path / "one")
    one, two = load_checkpoint(tmp_path / "one"), load_checkpoint(tmp_path / "two")
    assert one is not None
    assert two is not None
    assert two.run["number of devices"] == 2
    assert [row.step for row in two.position.epochs] == [row.step for row in one.position.epochs]
    for ours, theirs in zip(one.position.epochs, two.position.epochs, strict=True):
        assert theirs.loss == pytest.approx(ours.loss, rel=1e-4)
        assert theirs.validation == pytest.approx(ours.validation, rel=1e-4)
    for name, tensor in one.tensors["network"].items():
        torch.testing.assert_close(two.tensors["network"][name], tensor, rtol=1e-4, atol=1e-6)
