"""Depth videos as NumPy files: ``.npy`` (frames only) and ``.npz`` (frames, timestamps, camera, unit)."""

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.atomic import atomic_path
from foreknow.files.depth.counts import require_size, to_counts, to_metres
from foreknow.files.depth.video import DepthVideo, Intrinsics
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name

_FRAMES = ("frames", "depth", "arr_0")
_SMALL = 2**26  # bytes of an entry other than the frames
USUAL_RATE = 30.0
"""Frames per second where a file does not say."""


def read_npy(path: str | Path, *, unit: float | None = None, rate: float | None = None) -> DepthVideo:
    """Read an array (time, height, width) of counts or metres; it has no times, so ``rate`` gives them.

    Raises:
        InputFileError: if the file is missing, truncated, no array, has pickled objects in it, or another shape.
    """
    place = Path(path)
    require_regular_file(place)
    name = display_name(place)
    try:
        values = np.load(place, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError, SyntaxError) as error:
        message = f"{name} is no NumPy array that can be read to its end; save it again with numpy.save"
        raise InputFileError(message) from error
    return as_video(values, None, None, unit, rate, name)


def read_npz(path: str | Path, *, unit: float | None = None, rate: float | None = None) -> DepthVideo:
    """Read the entries ``frames`` (or ``depth``), and where they are there ``timestamps`` (s), ``unit`` (m) and ``intrinsics``.

    ``intrinsics`` is a 3 x 3 camera matrix or (fx, fy, cx, cy). ``unit`` and ``rate`` stand in for what is not there.

    Raises:
        InputFileError: if the file is missing, truncated, no such archive, or an entry has another form.
    """
    place = Path(path)
    require_regular_file(place)
    name = display_name(place)
    try:
        with zipfile.ZipFile(place) as archive:
            names = {Path(entry).stem: entry for entry in archive.namelist() if entry.endswith(".npy")}
            frames = _entry(archive, _frames_entry(names, name), name, frames=True)
            others = {key: _entry(archive, names[key], name) for key in ("timestamps", "unit", "intrinsics") if key in names}
    except InputFileError:
        raise
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        message = f"{name} is no NumPy archive that can be read to its end; save it again with numpy.savez"
        raise InputFileError(message) from error
    stored = others["unit"].reshape(-1)[:1] if "unit" in others else np.zeros(0)
    unit = unit if unit is not None or not stored.size else number(stored[0], name)
    return as_video(frames, others.get("timestamps"), others.get("intrinsics"), unit, rate, name)


def _frames_entry(names: dict[str, str], name: str) -> str:
    key = next((key for key in _FRAMES if key in names), None)
    if key is None:
        message = f"{name} has no entry named frames or depth; save it with numpy.savez(..., frames=...)"
        raise InputFileError(message)
    return names[key]


def _entry(archive: zipfile.ZipFile, entry: str, name: str, *, frames: bool = False) -> NDArray[np.generic]:
    """One array, its size checked before it is unpacked."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if frames:
        require_size(shape if len(shape) == 3 else (1, 1, 1), name)
    elif int(np.prod(shape, dtype=np.float64)) * dtype.itemsize > _SMALL:
        message = f"the entry {display_name(entry)} of {name} is too large; save it again"
        raise InputFileError(message)
    with archive.open(entry) as file:
        values: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    return values


def as_video(
    frames: NDArray[np.generic],
    timestamps: NDArray[np.generic] | None,
    intrinsics: NDArray[np.generic] | None,
    unit: float | None,
    rate: float | None,
    name: str,
) -> DepthVideo:
    """Arrays as a file holds them -> a video, everything checked.

    Raises:
        InputFileError: if something does not fit.
    """
    if frames.ndim != 3:
        message = f"{name} has frames of shape {frames.shape}; (time, height, width) is needed"
        raise InputFileError(message)
    require_size(frames.shape, name)
    warnings = []
    if unit is None and frames.dtype.kind in "iu":
        warnings.append(f"{name} does not say its depth unit; 0.001 m was taken")
    if timestamps is None:
        if rate is None:
            warnings.append(f"{name} does not say when its frames were taken; {USUAL_RATE:g} frames per second were taken")
        seconds = np.arange(len(frames)) / (rate or USUAL_RATE)
    else:
        seconds = numbers(timestamps, name)
    if seconds.shape != (len(frames),) or not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
        message = (
            f"the timestamps of {name} do not fit: one rising number of seconds for each of the {len(frames)} frames is needed"
        )
        raise InputFileError(message)
    camera = None if intrinsics is None else camera_of(intrinsics, frames.shape[2], frames.shape[1], name)
    return DepthVideo(to_metres(frames, unit, name), torch.from_numpy(seconds), camera, unit, tuple(warnings))


def number(value: Any, name: str) -> float:  # noqa: ANN401  (whatever a file holds)
    """A number out of a file.

    Raises:
        InputFileError: if it is none.
    """
    return float(numbers(np.asarray(value).reshape(1), name)[0])


def numbers(values: Any, name: str) -> NDArray[np.float64]:  # noqa: ANN401
    """Numbers out of a file as float64.

    Raises:
        InputFileError: if they are none.
    """
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name} holds something else where numbers are needed; save it again"
        raise InputFileError(message) from error


def camera_of(values: NDArray[np.generic], width: int, height: int, name: str) -> Intrinsics:
    """A 3 x 3 camera matrix or (fx, fy, cx, cy) -> the camera.

    Raises:
        InputFileError: if it is neither.
    """
    matrix = numbers(values, name)
    try:
        fx, fy, cx, cy = matrix[[0, 1, 0, 1], [0, 1, 2, 2]] if matrix.shape == (3, 3) else matrix.reshape(-1)
        return Intrinsics(width, height, float(fx), float(fy), float(cx), float(cy))
    except (ValueError, IndexError, ParameterError) as error:
        message = f"the intrinsics of {name} are no camera: a 3 x 3 matrix or fx, fy, cx, cy is needed"
        raise InputFileError(message) from error


def entries(video: DepthVideo) -> dict[str, NDArray[np.generic]]:
    """What a file holds: 16-bit counts where the video has a unit, else metres."""
    stored: dict[str, NDArray[np.generic]] = {"timestamps": video.timestamps.cpu().numpy()}
    if video.unit is None:
        stored["frames"] = video.frames.cpu().numpy()
    else:
        stored |= {"frames": to_counts(video.frames, video.unit), "unit": np.array(video.unit)}
    if (camera := video.intrinsics) is not None:
        stored["intrinsics"] = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    return stored


def write_npz(path: str | Path, video: DepthVideo) -> None:
    """Write what `read_npz` reads, compressed; atomic; the same video gives the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **entries(video))  # type: ignore[arg-type]
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def write_npy(path: str | Path, video: DepthVideo) -> None:
    """Write the frames alone; times, camera and unit are lost; atomic."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, entries(video)["frames"], allow_pickle=False)
