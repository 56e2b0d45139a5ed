"""A depth video from whatever holds it, and back into a file of a given kind."""

from collections.abc import Callable
from pathlib import Path

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.depth.arrays import read_npy, read_npz, write_npy, write_npz
from foreknow.files.depth.counts import check_unit
from foreknow.files.depth.folder import read_folder, write_folder
from foreknow.files.depth.hdf5 import read_hdf5, write_hdf5
from foreknow.files.depth.realsense import DB3, read_realsense
from foreknow.files.depth.realsense_camera import read_with_library
from foreknow.files.depth.video import DepthVideo
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name

BAG = ".bag"
HDF5_SUFFIXES = frozenset({".h5", ".hdf5", ".hdf"})


def read_depth(path: str | Path, *, unit: float | None = None, rate: float | None = None, tick: float | None = None) -> DepthVideo:
    """Read a depth video: a folder of 16-bit images, ``.npy``, ``.npz``, ``.h5``, or a RealSense ``.db3`` or ``.bag``.

    Args:
        path: the file or folder.
        unit: metres of a count, for files that do not say.
        rate: frames per second, for files that do not say.
        tick: seconds that a number in the name of an image counts (see `read_folder`).

    Raises:
        InputFileError: if it is missing, damaged, empty, or of another kind.
        ParameterError: if ``unit``, ``rate`` or ``tick`` is out of range.
        ForeknowError: if a library that it needs is not installed.
    """
    check_unit(unit)
    if rate is not None and not 0 < rate < float("inf"):
        message = f"the rate of frames must be positive, not {rate}"
        raise ParameterError(message)
    place = Path(path)
    if place.is_dir():
        return read_folder(place, unit=unit, rate=rate, tick=tick)
    suffix = place.suffix.lower()
    if suffix == ".npy":
        return read_npy(place, unit=unit, rate=rate)
    if suffix == ".npz":
        return read_npz(place, unit=unit, rate=rate)
    if suffix in HDF5_SUFFIXES:
        return read_hdf5(place, unit=unit, rate=rate)
    if suffix == DB3:
        return read_realsense(place)
    require_regular_file(place)
    if suffix == BAG:
        return read_with_library(place)
    message = f"{display_name(place)} is no depth video that can be read here; give a folder of 16-bit PNG, .npz, .h5, .db3 or .bag"
    raise InputFileError(message)


def write_depth(path: str | Path, video: DepthVideo) -> None:
    """Write a depth video as its name says: ``.npz``, ``.npy``, ``.h5``, and a folder of PNG images for a name without a suffix.

    Raises:
        ParameterError: for any other suffix.
        DataError: if a depth does not fit into 16 bits of the video's unit.
    """
    suffix = Path(path).suffix.lower()
    writers: dict[str, Callable[[str | Path, DepthVideo], None]] = {"": write_folder, ".npz": write_npz, ".npy": write_npy}
    writers |= dict.fromkeys(HDF5_SUFFIXES, write_hdf5)
    if suffix not in writers:
        message = f"depth is written as .npz, .npy, .h5 or a folder, not as {display_name(Path(path).name)}"
        raise ParameterError(message)
    writers[suffix](path, video)
