"""Depth videos as folders of 16-bit PNG or TIFF images, with the camera and the times beside them."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.atomic import write_json_atomic, write_text_atomic
from foreknow.files.depth.arrays import USUAL_RATE, camera_of, number
from foreknow.files.depth.counts import USUAL_UNIT, require_size, to_counts, to_metres
from foreknow.files.depth.images import encode_png, read_depth_image
from foreknow.files.depth.video import DepthVideo, Intrinsics
from foreknow.files.names import display_name

CAMERA, TIMESTAMPS = "camera.json", "timestamps.csv"
_MATRIX = "camera-intrinsics.txt"  # as tsdf-fusion and its kin write it: three lines of three numbers
_SUFFIXES = frozenset({".png", ".tif", ".tiff"})


def read_folder(
    folder: str | Path, *, unit: float | None = None, rate: float | None = None, tick: float | None = None
) -> DepthVideo:
    """Read the images of a folder in the order of the last number in their names.

    ``timestamps.csv`` (columns ``file``, ``seconds``) gives the times where it is there; else the numbers times ``tick`` do, so
    that a gap in the numbers is a gap in time. ``camera.json`` (``unit``, ``fx``, ``fy``, ``cx``, ``cy``) or
    ``camera-intrinsics.txt`` (a 3 x 3 matrix) gives the camera. An image that is damaged is left out with a warning.

    Args:
        folder: the folder; folders inside it are not looked into.
        unit: metres of a count, where ``camera.json`` does not say; 0.001 is taken otherwise, with a warning.
        rate: frames per second: a tick is 1 / rate.
        tick: seconds that a number in a name counts: 0.001 where names are times in milliseconds.

    Raises:
        InputFileError: if there is no image in the folder that can be read, or sizes differ.
        ParameterError: if ``rate`` and ``tick`` are both given, or one is not positive.
        ForeknowError: if Pillow is not installed.
    """
    place = Path(folder)
    name = display_name(place)
    if (rate is not None and tick is not None) or (rate or 1) <= 0 or (tick or 1) <= 0:
        message = f"give a positive rate or a positive tick, not rate {rate} and tick {tick}"
        raise ParameterError(message)
    files = _files(place)
    warnings: list[str] = []
    images: list[tuple[Path, NDArray[np.generic]]] = []
    damaged = []
    for file in files:
        try:
            values = read_depth_image(file, display_name(file))
        except InputFileError as error:
            damaged.append(str(error))
            continue
        if images and values.shape != images[0][1].shape:
            message = f"{display_name(file)} has another size than {images[0][0].name}; give a folder of one recording"
            raise InputFileError(message)
        if not images:
            require_size((len(files), *values.shape), name)
        images.append((file, values))
    if not images:
        raise InputFileError(damaged[0])
    if damaged:
        warnings.append(f"{len(damaged)} of {len(files)} images of {name} cannot be read and were left out")
    height, width = images[0][1].shape
    stored_unit, camera = _camera(place, width, height)
    unit = unit if unit is not None else stored_unit
    if unit is None and images[0][1].dtype.kind in "iu":
        warnings.append(f"{name} does not say its depth unit; {USUAL_UNIT} m was taken")
    seconds = _seconds(place, [file for file, _ in images], rate, tick, warnings)
    order = np.argsort(seconds, kind="stable")
    frames = torch.stack([to_metres(images[index][1], unit, name) for index in order])
    return DepthVideo(frames, torch.from_numpy(seconds[order]), camera, unit, tuple(warnings))


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        message = f"{display_name(place)} is not a folder; check the spelling"
        raise InputFileError(message)
    files = [file for file in place.iterdir() if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")]
    if not files:
        message = f"the folder {display_name(place)} has no depth images in it; they end in .png or .tif"
        raise InputFileError(message)
    return sorted(files, key=lambda file: (_number(file) is None, _number(file) or 0, file.name))


def _number(file: Path) -> int | None:
    found = re.findall(r"\d{1,15}", file.stem)
    return int(found[-1]) if found else None


def _seconds(place: Path, files: list[Path], rate: float | None, tick: float | None, warnings: list[str]) -> NDArray[np.float64]:
    if (place / TIMESTAMPS).is_file():
        table = _table(place / TIMESTAMPS)
        missing = [file.name for file in files if file.name not in table]
        if missing:
            message = f"{display_name(place / TIMESTAMPS)} has no line for {display_name(missing[0])}; add it or remove the image"
            raise InputFileError(message)
        return np.array([table[file.name] for file in files])
    numbers = [_number(file) for file in files]
    if rate is None and tick is None:
        warnings.append(f"{display_name(place)} does not say when its frames were taken; {USUAL_RATE:g} a second were taken")
    step = tick or 1 / (rate or USUAL_RATE)
    if None in numbers or len(set(numbers)) < len(numbers):
        return np.arange(len(files), dtype=np.float64) * step
    counted = np.array(numbers, dtype=np.float64)
    return np.asarray((counted - counted[0]) * step, dtype=np.float64)


def _table(path: Path) -> dict[str, float]:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        table = {str(row["file"]): float(row["seconds"]) for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        message = f"{display_name(path)} is no table of the columns file and seconds; correct or remove it"
        raise InputFileError(message) from error
    if not all(abs(time) < float("inf") for time in table.values()):
        message = f"{display_name(path)} has a time that is not finite; correct or remove it"
        raise InputFileError(message)
    return table


def _camera(place: Path, width: int, height: int) -> tuple[float | None, Intrinsics | None]:
    if (place / CAMERA).is_file():
        name = display_name(place / CAMERA)
        try:
            content = json.loads((place / CAMERA).read_text(encoding="utf-8"))
            values = [content[key] for key in ("fx", "fy", "cx", "cy")] if "fx" in content else None
            unit = content.get("unit")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            message = f"{name} is no description of a camera (unit, fx, fy, cx, cy); correct or remove it"
            raise InputFileError(message) from error
        camera = None if values is None else camera_of(np.array(values, dtype=object), width, height, name)
        return (None if unit is None else number(unit, name)), camera
    if (place / _MATRIX).is_file():
        name = display_name(place / _MATRIX)
        try:
            matrix = np.loadtxt(place / _MATRIX, ndmin=2)
        except (OSError, ValueError, UnicodeDecodeError) as error:
            message = f"{name} is no 3 x 3 camera matrix; correct or remove it"
            raise InputFileError(message) from error
        return None, camera_of(matrix, width, height, name)
    return None, None


def write_folder(folder: str | Path, video: DepthVideo) -> None:
    """Write what `read_folder` reads: ``frame_000000.png`` ..., ``timestamps.csv`` and ``camera.json``, the last at the end.

    The folder is made if it is not there; write into a staged folder to have all files appear at once. Depth in metres is
    stored in steps of 0.1 mm.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    unit = video.unit or USUAL_UNIT / 10
    names = [f"frame_{index:06d}.png" for index in range(len(video.frames))]
    for name, counts in zip(names, to_counts(video.frames, unit), strict=True):
        (place / name).write_bytes(encode_png(counts))
    lines = [f"{name},{second:.6f}\n" for name, second in zip(names, video.timestamps.tolist(), strict=True)]
    write_text_atomic(place / TIMESTAMPS, "file,seconds\n" + "".join(lines))
    camera = video.intrinsics
    known = {} if camera is None else {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
    write_json_atomic(place / CAMERA, {"unit": unit, **known})
