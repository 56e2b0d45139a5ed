"""RealSense cameras and their recordings through the vendor's library pyrealsense2: one pipeline for both."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from foreknow.errors import ForeknowError, InputFileError
from foreknow.files.depth.counts import to_metres
from foreknow.files.depth.video import DepthVideo, Intrinsics
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name

WIDTH, HEIGHT, RATE = 848, 480, 30
"""What is asked of a camera."""

_WAIT_MS = 3000


def realsense_library() -> Any:  # noqa: ANN401  (an untyped library)
    """The module pyrealsense2.

    Raises:
        ForeknowError: if it, or the system's library that it needs, is not installed; it says which.
    """
    try:
        return importlib.import_module("pyrealsense2")
    except ImportError as error:
        if "libusb" in str(error):
            message = "RealSense cameras need the system's library libusb-1.0; on Debian install it with: apt install libusb-1.0-0"
        else:
            message = "RealSense cameras need the library pyrealsense2; install it with: pip install 'foreknow[realsense]'"
        raise ForeknowError(message) from error


class RealSensePipeline:
    """The depth stream of a camera, or of a recording, frame by frame.

    Use it as a context::

        with RealSensePipeline() as camera:
            for frame, seconds in camera:
                ...

    Args:
        file: a recording (``.bag`` or ``.db3``) to be played; None for the camera.
        realtime: whether a recording is played at its own pace.
        library: the module pyrealsense2.

    Attributes:
        intrinsics: of the camera.
        unit: metres of a count.

    Raises:
        ForeknowError: if the library is missing, or no camera is connected.
        InputFileError: if the recording cannot be played.
    """

    def __init__(self, file: str | Path | None = None, *, realtime: bool = False, library: Any = None) -> None:  # noqa: ANN401
        rs = realsense_library() if library is None else library
        self._name = "the camera" if file is None else display_name(Path(file))
        self._recorded = file is not None
        self._pipeline, configuration = rs.pipeline(), rs.config()
        if file is None:
            configuration.enable_stream(rs.stream.depth, WIDTH, HEIGHT, rs.format.z16, RATE)
        else:
            require_regular_file(Path(file))
            configuration.enable_device_from_file(str(file), repeat_playback=False)
            configuration.enable_stream(rs.stream.depth)
        try:
            profile = self._pipeline.start(configuration)
        except RuntimeError as error:
            if file is None:
                message = f"no RealSense camera can be used ({_first_line(error)}); connect it to a USB 3 port and try again"
                raise ForeknowError(message) from error
            message = f"{self._name} is no RealSense recording with a depth stream that can be played; record it again"
            raise InputFileError(message) from error
        device = profile.get_device()
        if self._recorded:
            device.as_playback().set_real_time(realtime)
        stream = profile.get_stream(rs.stream.depth).as_video_stream_profile()
        found = stream.get_intrinsics()
        self.intrinsics = Intrinsics(found.width, found.height, found.fx, found.fy, found.ppx, found.ppy)
        self.unit = self._unit(device)

    def _unit(self, device: Any) -> float | None:  # noqa: ANN401
        for sensor in device.query_sensors():
            with contextlib.suppress(RuntimeError, AttributeError):
                return float(sensor.as_depth_sensor().get_depth_scale())
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        with contextlib.suppress(RuntimeError):
            self._pipeline.stop()

    def __iter__(self) -> Iterator[tuple[torch.Tensor, float]]:
        """Frames (height, width) in metres with NaN where nothing is seen, and their time stamps in seconds.

        Raises:
            InputFileError: if the camera stops to deliver.
        """
        while True:
            fine, frames = self._pipeline.try_wait_for_frames(_WAIT_MS)
            if not fine:
                if self._recorded:
                    return
                message = f"{self._name} delivers no more frames; check its cable"
                raise InputFileError(message)
            depth = frames.get_depth_frame()
            if not depth:
                continue
            counts = np.asanyarray(depth.get_data())
            unit = self.unit or float(depth.get_units())
            yield to_metres(counts, unit, self._name), float(depth.get_timestamp()) / 1000


def read_with_library(path: str | Path) -> DepthVideo:
    """Read a whole ``.bag`` or ``.db3`` recording with the vendor's library.

    Raises:
        ForeknowError: if the library is missing.
        InputFileError: if the recording cannot be played or has no frames.
    """
    name = display_name(Path(path))
    with RealSensePipeline(path) as pipeline:
        pairs = [(frame, seconds) for frame, seconds in pipeline]
        intrinsics, unit = pipeline.intrinsics, pipeline.unit
    if not pairs:
        message = f"{name} has no depth frame that can be read; record it again"
        raise InputFileError(message)
    pairs.sort(key=lambda pair: pair[1])
    seconds = torch.tensor([time for _, time in pairs], dtype=torch.float64)
    return DepthVideo(torch.stack([frame for frame, _ in pairs]), seconds, intrinsics, unit)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
