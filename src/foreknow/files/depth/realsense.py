"""RealSense recordings of SDK 2.58 and later (``.db3``: a rosbag2 in SQLite), read without the SDK."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from foreknow.errors import InputFileError, ParameterError
from foreknow.files.depth.cdr import read_image, read_string
from foreknow.files.depth.counts import check_unit, require_size, to_metres
from foreknow.files.depth.video import DepthVideo, Intrinsics
from foreknow.files.integrity import require_regular_file
from foreknow.files.names import display_name

DB3 = ".db3"
_MAGIC = b"SQLite format 3\0"
_IMAGE_KINDS = ("sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image")


@dataclass(frozen=True, slots=True)
class _Topic:
    number: int
    name: str
    kind: str

    @property
    def stream(self) -> str:
        """The part of the name that all topics of the stream share: ``/device_0/sensor_0/Depth_0``."""
        return self.name.split("/image/", 1)[0]

    @property
    def sensor(self) -> str:
        return self.stream.rsplit("/", 1)[0]


def read_realsense(path: str | Path) -> DepthVideo:
    """Read the depth stream of a ``.db3`` recording: frames, the camera's timestamps, intrinsics and depth unit.

    A frame that is damaged is left out with a warning; the camera's own numbers of frames tell which are missing.

    Raises:
        InputFileError: if the file is missing, no recording of this kind, or has no depth that can be read.
        ForeknowError: if Pillow is not installed.
    """
    place = Path(path)
    require_regular_file(place)
    name = display_name(place)
    with place.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            old = place.suffix.lower() == ".bag"
            hint = "it is a recording of an older SDK; convert it with rs-convert" if old else "copy it again"
            message = f"{name} is no .db3 recording (no SQLite database); {hint}"
            raise InputFileError(message)
    try:
        with closing(sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            return _Recording(database, name).video()
    except (sqlite3.Error, TypeError, OverflowError) as error:
        message = f"{name} is a damaged or truncated recording; copy or record it again"
        raise InputFileError(message) from error


class _Recording:
    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database, self._name = database, name
        self._warnings: list[str] = []
        self._topics = [_Topic(*row) for row in database.execute("SELECT id, name, type FROM topics ORDER BY name")]

    def video(self) -> DepthVideo:
        topic = self._depth_topic()
        unit = self._unit(topic)
        times = self._camera_times(topic)
        frames: list[torch.Tensor] = []
        stamps: list[float] = []
        damaged = 0
        (count,) = self._database.execute("SELECT COUNT(*) FROM messages WHERE topic_id = ?", (topic.number,)).fetchone()
        for index, (stamp, data) in enumerate(self._messages(topic)):
            try:
                values = read_image(data, topic.kind, f"frame {index} of {self._name}")
            except InputFileError:
                damaged += 1
                continue
            if frames and values.shape != frames[0].shape[-2:]:
                damaged += 1
                continue
            if not frames:
                require_size((count, *values.shape), self._name)
            frames.append(to_metres(values, unit, self._name))
            stamps.append(times.get(stamp, stamp * 1e-9))
        if not frames:
            message = f"{self._name} has no depth frame that can be read; record it again"
            raise InputFileError(message)
        if damaged:
            self._warnings.append(f"{damaged} of {damaged + len(frames)} frames of {self._name} are damaged and were left out")
        seconds = torch.tensor(stamps, dtype=torch.float64)
        order = seconds.argsort(stable=True)
        stack = torch.stack([frames[place] for place in order.tolist()])
        return DepthVideo(stack, seconds[order], self._intrinsics(topic, stack), unit, tuple(self._warnings))

    def _depth_topic(self) -> _Topic:
        found = [topic for topic in self._topics if topic.kind in _IMAGE_KINDS and "/Depth_" in topic.name]
        if not found:
            message = f"{self._name} has no depth stream; switch the depth camera on and record again"
            raise InputFileError(message)
        if len(found) > 1:
            self._warnings.append(f"{self._name} has {len(found)} depth streams; {display_name(found[0].stream)} was used")
        return found[0]

    def _messages(self, topic: _Topic) -> Iterator[tuple[int, bytes]]:
        query = "SELECT timestamp, data FROM messages WHERE topic_id = ? ORDER BY timestamp, id"
        for stamp, data in self._database.execute(query, (topic.number,)):
            yield int(stamp), data if isinstance(data, bytes) else b""

    def _strings(self, name: str) -> Iterator[tuple[int, str]]:
        for topic in self._topics:
            if topic.name == name:
                for stamp, message in self._messages(topic):
                    try:
                        yield stamp, read_string(message)
                    except (ValueError, struct.error):
                        continue

    def _unit(self, topic: _Topic) -> float | None:
        """Metres of a count."""
        texts = [text for _, text in self._strings(f"{topic.sensor}/option/Depth_Units/value")]
        texts += [_fields(text).get("depth_units", "") for _, text in self._strings(f"{topic.stream}/image/metadata")]
        for text in texts:
            try:
                unit = float(text)
                check_unit(unit)
            except (ValueError, ParameterError):
                continue
            return unit
        self._warnings.append(f"{self._name} does not say its depth unit; 0.001 m was taken")
        return None

    def _camera_times(self, topic: _Topic) -> dict[int, float]:
        """Time in the recording (nanoseconds) -> the camera's time stamp (seconds)."""
        times = {}
        for stamp, text in self._strings(f"{topic.stream}/image/metadata"):
            try:
                times[stamp] = float(_fields(text)["timestamp"]) / 1000
            except (KeyError, ValueError):
                continue
        return times if len(times) > 1 and all(abs(time) < float("inf") for time in times.values()) else {}

    def _intrinsics(self, topic: _Topic, frames: torch.Tensor) -> Intrinsics | None:
        for _, text in self._strings(f"{topic.stream}/camera_info"):
            fields = _fields(text)
            try:
                fx, fy, cx, cy = (float(fields[key]) for key in ("fx", "fy", "ppx", "ppy"))
                width, height = int(fields["width"]), int(fields["height"])
                if (height, width) == frames.shape[1:]:
                    return Intrinsics(width, height, fx, fy, cx, cy)
            except (KeyError, ValueError):
                continue
        self._warnings.append(f"{self._name} does not say its camera's focal length; only depths are known, no widths")
        return None


def _fields(text: str) -> dict[str, str]:
    """``a=1;b=2`` -> its fields."""
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)
