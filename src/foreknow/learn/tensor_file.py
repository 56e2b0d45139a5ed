"""Named tensors and a JSON text in one file (safetensors): nothing in it can run code, and it appears when it is complete."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from foreknow.errors import InputFileError
from foreknow.learn.durable import durable_path

Json = Any
"""What the module json reads and writes."""

_KEY = "foreknow"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Json) -> None:
    """Write tensors of any shape, dtype and device, and a JSON value; the file appears when it is complete.

    Raises:
        OSError: if it cannot be written.
        ValueError: if ``about`` holds a number that is NaN or infinite.
    """
    with durable_path(path) as temporary:
        fill_tensors(temporary, tensors, about)


def fill_tensors(path: Path, tensors: Mapping[str, Tensor], about: Json) -> None:
    """Write the content of such a file to a temporary path, which the caller makes durable."""
    plain = {name: _storable(tensor) for name, tensor in tensors.items()}
    complex_names = [name for name, tensor in tensors.items() if tensor.is_complex()]
    text = json.dumps({"about": about, "complex": complex_names}, allow_nan=False)
    path.touch()
    permissions = path.stat().st_mode  # as for any file of this user; the library would let only the owner read it
    save_file(plain, str(path), metadata={_KEY: text})
    path.chmod(permissions)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Json]:
    """What `write_tensors` wrote, on the CPU.

    Raises:
        InputFileError: if the file is missing, truncated, not of this kind, or otherwise unreadable.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        message = f"{path}: is missing or damaged ({_first_line(error)}); use a backup, or train again"
        raise InputFileError(message) from error
    try:
        content = json.loads(text or "")
        about, complex_names = content["about"], list(content["complex"])
        for name in complex_names:
            tensors[name] = torch.view_as_complex(tensors[name])
    except (ValueError, KeyError, TypeError, RecursionError, RuntimeError) as error:
        message = f"{path}: holds tensors, but was not written by foreknow; give the file that foreknow wrote"
        raise InputFileError(message) from error
    return tensors, about


def _storable(tensor: Tensor) -> Tensor:
    """A copy of its own on the CPU: safetensors refuses tensors that share memory."""
    detached = tensor.detach()
    if detached.is_complex():
        detached = torch.view_as_real(detached.resolve_conj())
    return detached.to("cpu", copy=True, memory_format=torch.contiguous_format)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
