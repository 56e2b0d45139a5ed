"""The path of a RealSense camera, through the vendor's library: frames of its software device, recorded and played back."""

import sys
import types

import numpy as np
import pytest
import torch

from foreknow.errors import ForeknowError, InputFileError
from foreknow.files.depth import read_depth
from foreknow.files.depth.realsense_camera import RealSensePipeline, read_with_library, realsense_library
from foreknow.swallow.live import LiveTest, Paced, Phase
from foreknow.swallow.settings import CountSettings
from foreknow.swallow.simulate import TrialSettings, preset, simulate_trial
from foreknow.swallow.simulate.varied import with_pixels

UNIT = 0.0001


@pytest.fixture
def library():
    try:
        return realsense_library()
    except ForeknowError as error:
        pytest.skip(str(error))


def record(rs, path, video):
    """Push the frames of a video into a software device that a recorder listens to."""
    camera = video.intrinsics
    device = rs.software_device()
    sensor = device.add_sensor("Depth")
    found = rs.intrinsics()
    found.width, found.height, found.model = camera.width, camera.height, rs.distortion.none
    found.fx, found.fy, found.ppx, found.ppy, found.coeffs = camera.fx, camera.fy, camera.cx, camera.cy, [0.0] * 5
    stream = rs.video_stream()
    stream.type, stream.fmt, stream.index, stream.uid = rs.stream.depth, rs.format.z16, 0, 0
    stream.width, stream.height, stream.fps, stream.bpp, stream.intrinsics = camera.width, camera.height, 30, 2, found
    profile = sensor.add_video_stream(stream)
    sensor.add_read_only_option(rs.option.depth_units, UNIT)
    recorder = rs.recorder(str(path), device)
    recorded = recorder.query_sensors()[0]
    queue = rs.frame_queue(256)
    recorded.open(profile)
    recorded.start(queue)
    counts = (video.frames / UNIT).nan_to_num(0.0).round().numpy().astype(np.uint16)
    for number, (pixels, seconds) in enumerate(zip(counts, video.timestamps.tolist(), strict=True)):
        frame = rs.software_video_frame()
        frame.pixels, frame.stride, frame.bpp = np.ascontiguousarray(pixels), 2 * camera.width, 2
        frame.timestamp, frame.frame_number = 1000 * seconds, number
        frame.domain, frame.profile, frame.depth_units = rs.timestamp_domain.system_time, profile.as_video_stream_profile(), UNIT
        sensor.on_video_frame(frame)
        queue.wait_for_frame(1000)
    recorded.stop()
    recorded.close()
    return counts


def short_trial(seconds=2.0):
    settings = with_pixels(preset("normal"), 64)
    return simulate_trial(TrialSettings(seconds=seconds, camera=settings.camera, noise=settings.noise), 3)


def test_frames_that_were_recorded_come_back_through_the_pipeline(library, tmp_path):
    video = short_trial().video
    counts = record(library, tmp_path / "a.db3", video)
    read = read_with_library(tmp_path / "a.db3")
    assert len(read.frames) == len(counts)
    assert np.array_equal((read.frames / UNIT).nan_to_num(0).round().numpy().astype(np.uint16), counts)
    assert read.unit == pytest.approx(UNIT)
    assert read.intrinsics.fx == pytest.approx(video.intrinsics.fx, rel=1e-5)
    assert torch.allclose(read.timestamps.diff(), video.timestamps.diff(), atol=2e-3)
    own = read_depth(tmp_path / "a.db3")  # our own reader, without the library
    assert torch.equal(own.frames.nan_to_num(0), read.frames.nan_to_num(0))


def test_a_live_test_runs_on_the_pipeline(library, tmp_path):
    record(library, tmp_path / "a.db3", short_trial().video)
    with RealSensePipeline(tmp_path / "a.db3") as pipeline:
        test = LiveTest(pipeline.intrinsics, settings=CountSettings(seconds=1.0), countdown=0.0)
        states = list(test.run(Paced(pipeline, wait=False, patient=True)))
    assert states[-1].phase in {Phase.TEST, Phase.DONE}
    assert states[-1].distance == pytest.approx(500, abs=150)
    assert test.result().quality.fill > 0.5


@pytest.mark.usefixtures("library")
def test_damaged_recordings_and_absent_cameras_say_so(tmp_path):
    (tmp_path / "a.bag").write_bytes(b"#ROSBAG V2.0\nrest is missing")
    with pytest.raises(InputFileError, match=r"a\.bag"):
        read_depth(tmp_path / "a.bag")
    with pytest.raises(ForeknowError, match="no RealSense camera"):
        RealSensePipeline()


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(ForeknowError, match=r"foreknow\[realsense\]"):
        realsense_library()


def test_without_libusb_one_sentence_says_what_to_install(monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(name, *_):
            if name == "pyrealsense2":
                message = "libusb-1.0.so.0: cannot open shared object file: No such file or directory"
                raise ImportError(message)

    monkeypatch.delitem(sys.modules, "pyrealsense2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(ForeknowError, match=r"apt install libusb-1\.0-0"):
        realsense_library()


def test_a_camera_that_is_unplugged_is_said():
    class Pipeline:
        def start(self, _):
            return types.SimpleNamespace(get_device=Device, get_stream=lambda _: Stream())

        def try_wait_for_frames(self, _):
            return False, None

        def stop(self):
            raise RuntimeError

    class Device:
        def query_sensors(self):
            return []

    class Stream:
        def as_video_stream_profile(self):
            return self

        def get_intrinsics(self):
            return types.SimpleNamespace(width=8, height=8, fx=9.0, fy=9.0, ppx=3.5, ppy=3.5)

    names = types.SimpleNamespace(depth=0)
    rs = types.SimpleNamespace(
        pipeline=Pipeline,
        config=lambda: types.SimpleNamespace(enable_stream=lambda *_: None),
        stream=names,
        format=types.SimpleNamespace(z16=0),
    )
    with RealSensePipeline(library=rs) as camera, pytest.raises(InputFileError, match="no more frames"):
        list(camera)
