import json
import sqlite3
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from foreknow.errors import DataError, ForeknowError, InputFileError, ParameterError, ShapeError
from foreknow.files.depth import DepthVideo, Intrinsics, inspect_depth, read_depth, write_depth
from foreknow.files.depth.images import encode_png

UNIT = 0.0001


def counts(frames=6, height=12, width=16):
    values = np.random.default_rng(0).integers(3000, 9000, (frames, height, width)).astype(np.uint16)
    values[:, :2] = 0
    return values


def video(**changes):
    values = torch.from_numpy(counts().astype(np.float32)) * UNIT
    values[values == 0] = torch.nan
    known = {"intrinsics": Intrinsics(16, 12, 61.0, 60.5, 7.5, 5.25), "unit": UNIT} | changes
    return DepthVideo(values, torch.arange(6, dtype=torch.float64) / 15, **known)


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


# ------------------------------------------------------------------------------------------------------------ a synthetic .db3
def cdr(*parts):
    """Parts (kind, value) as CDR, little-endian; ``s`` is a string, ``b`` a sequence of bytes."""
    data = b""
    for kind, value in parts:
        if kind in "sb":
            content = value.encode() + b"\0" if kind == "s" else value
            data += b"\0" * (-len(data) % 4) + struct.pack("<I", len(content)) + content
        else:
            data += b"\0" * (-len(data) % struct.calcsize(kind)) + struct.pack("<" + kind, value)
    return b"\0\1\0\0" + data


def compressed(values):
    content = bytes(12) + encode_png(values)
    return cdr(("i", 0), ("I", 0), ("s", "Depth"), ("s", "16UC1; compressedDepth png"), ("b", content))


def plain(values):
    height, width = values.shape
    head = (("i", 0), ("I", 0), ("s", "Depth"), ("I", height), ("I", width), ("s", "mono16"), ("B", 0), ("I", 2 * width))
    return cdr(*head, ("b", values.tobytes()))


def write_db3(path, values, *, encode=compressed, kind="sensor_msgs/msg/CompressedImage", damage=(), unit="0.000100", camera=True):
    stream = "/device_0/sensor_0/Depth_0"
    topics = {
        1: (f"{stream}/image/data/compressedDepth", kind),
        2: (f"{stream}/image/metadata", "std_msgs/msg/String"),
        3: (f"{stream}/camera_info", "std_msgs/msg/String"),
        4: ("/device_0/sensor_0/option/Depth_Units/value", "std_msgs/msg/String"),
    }
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT)")
        database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)")
        database.executemany("INSERT INTO topics VALUES (?, ?, ?)", [(key, *value) for key, value in topics.items()])
        rows = [(4, 0, cdr(("s", unit)))]
        if camera:
            rows.append((3, 0, cdr(("s", "width=16;height=12;fx=61;ppx=7.5;fy=60.5;ppy=5.25;model=None;coeffs=0,0,0,0,0"))))
        for index, frame in enumerate(values):
            rows.append((1, 1000 * index, b"\0\1\0\0ab" if index in damage else encode(frame)))
            rows.append((2, 1000 * index, cdr(("s", f"Frame number={index};timestamp={1000 + index * 1000 / 15:.6f};"))))
        database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    database.close()
    return path


# ------------------------------------------------------------------------------------------------------------------ round trips
@pytest.mark.parametrize("name", ["clip.npz", "clip.h5", "clip"])
def test_what_was_written_is_read_back_exactly(tmp_path, name):
    given = video()
    write_depth(tmp_path / name, given)
    read = read_depth(tmp_path / name)
    assert torch.equal(read.frames.nan_to_num(0), given.frames.nan_to_num(0))
    assert torch.equal(read.valid, given.valid)
    assert torch.allclose(read.timestamps, given.timestamps, atol=1e-6)
    assert read.intrinsics == given.intrinsics
    assert read.unit == UNIT
    assert read.warnings == ()


def test_metres_are_kept_as_metres(tmp_path):
    given = DepthVideo(video().frames, video().timestamps)
    for name in ("a.npz", "a.h5"):
        write_depth(tmp_path / name, given)
        assert torch.equal(read_depth(tmp_path / name).frames.nan_to_num(0), given.frames.nan_to_num(0))
    write_depth(tmp_path / "a.npy", given)
    read = read_depth(tmp_path / "a.npy")
    assert torch.equal(read.valid, given.valid)
    assert "30 frames per second" in read.warnings[0]


def test_the_same_video_gives_the_same_bytes(tmp_path):
    for name in ("a.npz", "a.h5"):
        write_depth(tmp_path / name, video())
        first = (tmp_path / name).read_bytes()
        write_depth(tmp_path / name, video())
        assert (tmp_path / name).read_bytes() == first
    assert not list(tmp_path.glob(".*"))


def test_depth_that_does_not_fit_and_unknown_kinds(tmp_path):
    far = DepthVideo(torch.full((1, 2, 2), 9.0), torch.zeros(1, dtype=torch.float64), unit=UNIT)
    with pytest.raises(DataError, match="16 bits"):
        write_depth(tmp_path / "a.npz", far)
    with pytest.raises(ParameterError, match=r"\.npz"):
        write_depth(tmp_path / "a.mp4", video())
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------------------ RealSense
def test_db3_frames_times_unit_and_camera(tmp_path):
    for encode, kind in ((compressed, "sensor_msgs/msg/CompressedImage"), (plain, "sensor_msgs/msg/Image")):
        path = write_db3(tmp_path / f"{encode.__name__}.db3", counts(), encode=encode, kind=kind)
        read = read_depth(path)
        assert torch.equal(read.frames.nan_to_num(0), video().frames.nan_to_num(0))
        assert torch.allclose(read.timestamps, 1 + torch.arange(6, dtype=torch.float64) / 15, atol=1e-6)
        assert read.intrinsics == video().intrinsics
        assert read.unit == UNIT
        assert read.warnings == ()


def test_db3_with_damage_is_read_as_far_as_it_goes(tmp_path):
    read = read_depth(write_db3(tmp_path / "a.db3", counts(), damage=(0, 3), unit="nonsense", camera=False))
    assert len(read.frames) == 4
    assert inspect_depth(read).dropped == 1
    assert [word for word in ("2 of 6 frames", "depth unit", "focal length") if word not in " ".join(read.warnings)] == []
    assert float(read.frames.nan_to_num(0).max()) > 3


def test_db3_that_cannot_be_read(tmp_path):
    whole = write_db3(tmp_path / "a.db3", counts()).read_bytes()
    cases = {"text": b"hello", "header": whole[:100], "half": whole[: len(whole) // 2], "zeros": whole[:16] + bytes(len(whole))}
    for name, content in cases.items():
        (tmp_path / f"{name}.db3").write_bytes(content)
        with pytest.raises(InputFileError) as error:
            read_depth(tmp_path / f"{name}.db3")
        assert name in one_sentence(error)
    with pytest.raises(InputFileError, match="no depth frame"):
        read_depth(write_db3(tmp_path / "b.db3", counts(), damage=range(6)))
    with pytest.raises(InputFileError, match="no depth stream"):
        read_depth(write_db3(tmp_path / "c.db3", counts(), kind="std_msgs/msg/String"))
    (tmp_path / "d.bag").write_bytes(b"#ROSBAG V2.0")
    with pytest.raises(ForeknowError, match=r"d\.bag|libusb|realsense"):  # the vendor's library is optional
        read_depth(tmp_path / "d.bag")


# --------------------------------------------------------------------------------------------------------------------- folders
def test_folders_by_numbers_in_names_or_by_a_table(tmp_path):
    for place, number in enumerate((2, 9, 3, 4)):
        Image.fromarray(counts()[place]).save(tmp_path / f"{number}.tif")
    read = read_depth(tmp_path, unit=UNIT, tick=0.001)
    assert (1000 * read.timestamps).round().tolist() == [0, 1, 2, 7]
    assert torch.equal(read.frames[3].nan_to_num(0), video().frames[1].nan_to_num(0))
    assert inspect_depth(read).dropped == 4
    rows = "".join(f"{number}.tif,{second}\n" for number, second in ((2, 0.3), (9, 0.2), (3, 0.1), (4, 0.0)))
    (tmp_path / "timestamps.csv").write_text("file,seconds\n" + rows)
    np.savetxt(tmp_path / "camera-intrinsics.txt", [[61, 0, 7.5], [0, 60.5, 5.25], [0, 0, 1]])
    read = read_depth(tmp_path, unit=UNIT)
    assert read.timestamps.tolist() == [0, 0.1, 0.2, 0.3]
    assert read.intrinsics == video().intrinsics
    assert torch.equal(read.frames[0].nan_to_num(0), video().frames[3].nan_to_num(0))


def test_folders_with_faults(tmp_path):
    write_depth(tmp_path / "a", video())
    file = tmp_path / "a" / "frame_000002.png"
    file.write_bytes(file.read_bytes()[:60])
    read = read_depth(tmp_path / "a")
    assert len(read.frames) == 5
    assert "1 of 6 images" in read.warnings[0]
    assert inspect_depth(read).dropped == 1
    (tmp_path / "a" / "camera.json").write_text(json.dumps({"unit": "x"}))
    with pytest.raises(InputFileError, match=r"camera\.json"):
        read_depth(tmp_path / "a")
    (tmp_path / "a" / "camera.json").write_text("[")
    with pytest.raises(InputFileError, match=r"camera\.json"):
        read_depth(tmp_path / "a")
    (tmp_path / "a" / "camera.json").unlink()
    (tmp_path / "a" / "timestamps.csv").write_text("file,seconds\nframe_000000.png,0\n")
    with pytest.raises(InputFileError, match=r"no line for frame_000001\.png"):
        read_depth(tmp_path / "a")
    (tmp_path / "a" / "timestamps.csv").unlink()
    Image.fromarray(np.zeros((3, 3), np.uint16)).save(tmp_path / "a" / "frame_000009.png")
    with pytest.raises(InputFileError, match="another size"):
        read_depth(tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(InputFileError, match="no depth images"):
        read_depth(tmp_path / "b")
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(tmp_path / "b" / "0.png")
    with pytest.raises(InputFileError, match="is a picture"):
        read_depth(tmp_path / "b")


# ---------------------------------------------------------------------------------------------------------------- hostile files
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".db3"])
def test_empty_missing_and_truncated_files(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(InputFileError, match="does not exist"):
        read_depth(path)
    path.write_bytes(b"")
    with pytest.raises(InputFileError, match="empty"):
        read_depth(path)
    path.write_bytes(b"\x00garbage" * 100)
    with pytest.raises(InputFileError) as error:
        read_depth(path)
    one_sentence(error)
    if suffix != ".db3":
        path.unlink()
        write_depth(path, video())
        content = path.read_bytes()
        for share in (0.1, 0.5, 0.9, 0.99):
            path.write_bytes(content[: int(share * len(content))])
            with pytest.raises(InputFileError) as error:
                read_depth(path)
            one_sentence(error)


def test_arrays_that_are_no_video(tmp_path):
    def saved(**entries):
        np.savez(tmp_path / "a.npz", **entries)
        return tmp_path / "a.npz"

    good = counts()
    for entries, word in (
        ({"frames": good[0]}, "shape"),
        ({"other": good}, "no entry"),
        ({"frames": good, "timestamps": np.arange(5.0)}, "timestamps"),
        ({"frames": good, "timestamps": -np.arange(6.0)}, "timestamps"),
        ({"frames": good, "timestamps": np.full(6, np.nan)}, "timestamps"),
        ({"frames": good, "timestamps": np.array(list("abcdef"))}, "numbers"),
        ({"frames": good, "intrinsics": np.zeros(3)}, "intrinsics"),
        ({"frames": good, "intrinsics": np.zeros((3, 3))}, "intrinsics"),
        ({"frames": good.astype(np.int32) - 9000}, "counts"),
        ({"frames": good.astype(np.float64)}, "depth unit"),
        ({"frames": good.astype(complex)}, "complex"),
        ({"frames": good[:0]}, "no frames"),
        ({"frames": np.array([{}] * 6)}, "NumPy archive"),
    ):
        with pytest.raises(InputFileError, match=word) as error:
            read_depth(saved(**entries))
        one_sentence(error)
    with pytest.raises(ParameterError):
        read_depth(saved(frames=good), unit=5)
    with pytest.raises(ParameterError):
        read_depth(saved(frames=good), rate=-1)
    read = read_depth(saved(frames=good))
    assert "0.001 m" in read.warnings[0]
    assert read.rate == pytest.approx(30)


def test_a_claim_of_terabytes_is_refused_before_memory_is_taken(tmp_path):
    import zipfile

    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.uint16)) | {"shape": (10**6, 1000, 1000)}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("frames.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputFileError, match="GiB"):
        read_depth(tmp_path / "a.npz")
    png = bytearray(encode_png(np.ones((4, 4), np.uint16)))
    png[16:24] = struct.pack(">II", 10**6, 10**6)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.png").write_bytes(bytes(png))
    with pytest.raises(InputFileError):
        read_depth(tmp_path / "a")


# -------------------------------------------------------------------------------------------------------------- in memory, faults
def test_dropped_repeated_and_empty_frames_are_found():
    frames = video().frames.clone()
    frames[2] = frames[1]
    frames[4] = torch.nan
    times = torch.tensor([0, 1, 2, 4, 5, 8], dtype=torch.float64) / 30
    quality = inspect_depth(DepthVideo(frames, times))
    assert (quality.dropped, quality.repeated, quality.empty) == (3, (2,), (4,))
    assert quality.invalid == pytest.approx((5 * 2 / 12 + 1) / 6)
    assert len(quality.sentences()) == 3
    assert inspect_depth(video()).sentences() == ()


def test_videos_know_their_rules():
    given = video()
    assert given.rate == pytest.approx(15)
    assert given.seconds == pytest.approx(5 / 15)
    part = given.crop(3, 4, 6, 8)
    assert torch.equal(part.frames, given.frames[:, 3:9, 4:12])
    assert torch.allclose(part.intrinsics.rays(), given.intrinsics.rays()[:, 3:9, 4:12])
    with pytest.raises(ShapeError):
        given.crop(8, 0, 6, 8)
    with pytest.raises(ShapeError):
        DepthVideo(given.frames, given.timestamps[1:])
    with pytest.raises(ShapeError):
        DepthVideo(given.frames[:, 1:], given.timestamps, given.intrinsics)
    with pytest.raises(DataError):
        DepthVideo(given.frames.double(), given.timestamps)
    with pytest.raises(DataError):
        DepthVideo(given.frames, given.timestamps.flip(0))
    with pytest.raises(ParameterError):
        Intrinsics(4, 4, 0.0, 1.0, 2.0, 2.0)


def test_importing_depth_imports_no_application_library():
    code = (
        "import sys, foreknow.files.depth; heavy = {'h5py', 'PIL', 'skimage', 'matplotlib', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


# ------------------------------------------------------------------------------------------------------------------- real frames
@pytest.mark.data
def test_real_folders(shared_data):
    kinect = read_depth(shared_data / "depth" / "kinect_room", unit=0.001, rate=30)
    assert kinect.intrinsics == Intrinsics(640, 480, 585.0, 585.0, 320.0, 240.0)
    quality = inspect_depth(kinect)
    assert (quality.frames, quality.dropped, len(quality.repeated)) == (60, 0, 13)
    assert 0.1 < quality.invalid < 0.25
    (sequence,) = (shared_data / "depth" / "truedepth").glob("*/DepthEvalDataset")
    iphone = read_depth(sequence, unit=0.0001, tick=0.001)
    assert iphone.rate == pytest.approx(30, rel=0.02)
    assert 0.18 < float(iphone.frames.nanmedian()) < 0.22
    person = read_depth(next(path for path in (shared_data / "depth" / "sr305_person").iterdir() if path.is_dir()), unit=0.000125)
    assert 0.6 < float(person.frames.nanmedian()) < 0.9
    assert "30 a second" in person.warnings[0]
