"""Training takes nothing of those who do not train."""

import subprocess
import sys


def test_neither_foreknow_nor_the_parts_of_training_import_fabric_or_tensorboard() -> None:
    program = (
        "import sys, foreknow\n"
        "assert not [name for name in sys.modules if name.startswith(('foreknow.learn', 'safetensors', 'lightning'))]\n"
        "import foreknow.learn, foreknow.learn.guards\n"
        "assert not [name for name in sys.modules if name.startswith(('lightning', 'tensorboard'))]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
