"""Checkpoints: all that a run needs to go on as if it had never been interrupted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from foreknow.errors import ForeknowError, InputFileError
from foreknow.learn.position import Position
from foreknow.learn.tensor_file import read_tensors, write_tensors

FILE_NAME = "checkpoint.safetensors"
_VERSION = 1


class OtherRunError(ForeknowError, ValueError):
    """A folder holds the checkpoint of a run with other settings."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    There is no state of random generators: all randomness of a run is a function of its seed and the position.

    Attributes:
        run: what was decided before the run began (settings, data, network ...), as JSON by name.
        position: where the run is.
        optimizer: what the optimiser keeps besides tensors, as JSON.
        tensors: by group (network, best, optimizer, objective, guard 0, guard 1 ...) and name.
    """

    run: Mapping[str, Any]
    position: Position
    optimizer: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the checkpoint of a folder; one that was there stays until the new one is complete and on disk.

        Raises:
            OSError: if it cannot be written.
        """
        flat = {f"{group}/{name}": tensor for group, named in self.tensors.items() for name, tensor in named.items()}
        about = {
            "version": _VERSION,
            "run": dict(self.run),
            "position": self.position.as_json(),
            "optimizer": dict(self.optimizer),
            "groups": list(self.tensors),
        }
        write_tensors(folder / FILE_NAME, flat, about)

    def require_run(self, run: Mapping[str, Any], folder: Path) -> None:
        """Check that it belongs to this run.

        Raises:
            OtherRunError: naming the first difference.
        """
        for name, value in run.items():
            if self.run.get(name) != value:
                message = (
                    f"{folder}: holds a run with {name} {_short(self.run.get(name))}, but this one has {_short(value)}; "
                    "go on with the same, or give another folder"
                )
                raise OtherRunError(message)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint of a folder; None if there is none.

    Raises:
        InputFileError: if it is damaged, or of another version of the format.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    tensors, about = read_tensors(path)
    version = about.get("version") if isinstance(about, dict) else None
    if version != _VERSION:
        message = f"{path}: has the format {version}, but this foreknow reads format {_VERSION}; use the foreknow that wrote it"
        raise InputFileError(message)
    try:
        groups: dict[str, dict[str, Tensor]] = {group: {} for group in about["groups"]}
        for key, tensor in tensors.items():
            group, _, name = key.partition("/")
            groups[group][name] = tensor
        return Checkpoint(dict(about["run"]), Position.from_json(about["position"]), dict(about["optimizer"]), groups)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{path}: is not a checkpoint of a training run; give the folder that `fit` was given"
        raise InputFileError(message) from error


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
