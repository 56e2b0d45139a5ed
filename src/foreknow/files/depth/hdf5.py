"""Depth videos as HDF5 files: datasets ``frames`` and ``timestamps``, attributes ``unit`` and ``intrinsics``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreknow.errors import ForeknowError, InputFileError
from foreknow.files.atomic import atomic_path
from foreknow.files.depth.arrays import as_video, entries, number
from foreknow.files.depth.counts import require_size
from foreknow.files.depth.video import DepthVideo
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name


def _library() -> Any:  # noqa: ANN401  (an untyped library)
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        message = "HDF5 files need the library h5py; install it with: pip install 'foreknow[swallow]'"
        raise ForeknowError(message) from error


def read_hdf5(path: str | Path, *, unit: float | None = None, rate: float | None = None) -> DepthVideo:
    """Read the dataset ``frames`` or ``depth`` (or the only one of three axes) and what is known of it.

    ``timestamps`` (s), ``unit`` (m) and ``intrinsics`` are datasets of the file, or attributes of it or of the frames.

    Raises:
        InputFileError: if the file is missing, truncated, no HDF5, or has no such dataset.
        ForeknowError: if h5py is not installed.
    """
    place = Path(path)
    library = _library()
    require_regular_file(place)
    name = display_name(place)
    try:
        with library.File(place, "r") as file:
            found = _frames(file, library, name)
            require_size(found.shape, name)
            frames: NDArray[np.generic] = np.asarray(found)
            known = {key: _known(file, found, key, library) for key in ("timestamps", "unit", "intrinsics")}
    except InputFileError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        message = f"{name} is no HDF5 file that can be read to its end; copy or export it again"
        raise InputFileError(message) from error
    stored = known["unit"]
    chosen = unit if unit is not None or stored is None else number(np.ravel(stored)[0] if np.size(stored) else stored, name)
    return as_video(frames, known["timestamps"], known["intrinsics"], chosen, rate, name)


def _frames(file: Any, library: Any, name: str) -> Any:  # noqa: ANN401
    stacks = {key: item for key, item in file.items() if isinstance(item, library.Dataset) and item.ndim == 3}
    found = stacks.get("frames", stacks.get("depth", next(iter(stacks.values())) if len(stacks) == 1 else None))
    if found is None:
        message = f"{name} has no dataset named frames or depth; save the frames (time, height, width) under that name"
        raise InputFileError(message)
    return found


def _known(file: Any, frames: Any, key: str, library: Any) -> NDArray[np.generic] | None:  # noqa: ANN401
    if isinstance(file.get(key), library.Dataset):
        return np.asarray(file[key])
    holder = next((holder for holder in (file, frames) if key in holder.attrs), None)
    return None if holder is None else np.asarray(holder.attrs[key])


def write_hdf5(path: str | Path, video: DepthVideo) -> None:
    """Write what `read_hdf5` reads, compressed frame by frame; atomic.

    Raises:
        ForeknowError: if h5py is not installed.
    """
    library, stored = _library(), entries(video)
    frames = stored.pop("frames")
    with atomic_path(path) as temporary, library.File(temporary, "w") as file:
        file.create_dataset(
            "frames", data=frames, chunks=(1, *frames.shape[1:]), compression="gzip", shuffle=True, track_times=False
        )
        file.create_dataset("timestamps", data=stored.pop("timestamps"), track_times=False)
        for key, value in stored.items():
            file.attrs[key] = value
