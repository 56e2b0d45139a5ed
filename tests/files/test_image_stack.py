"""Frames as pictures: TIFF, PNG and folders of them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from foreknow.errors import InputFileError
from foreknow.files.image_stack import open_image_stack

RANDOM = np.random.default_rng(0)


def whole(path):
    stack = open_image_stack(path, "run-001")
    return stack, np.concatenate(list(stack.blocks("run-001", size=2)))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_pages_of_a_tiff(tmp_path, kind):
    frames = (RANDOM.random((5, 8, 9)) * 200).astype(kind)
    tifffile.imwrite(tmp_path / "run.tif", frames, photometric="minisblack", metadata=None)
    stack, read = whole(tmp_path / "run.tif")
    assert (stack.frames, stack.rows, stack.columns) == (5, 8, 9)
    assert stack.bits == {1: 8, 2: 16, 4: 0}[np.dtype(kind).itemsize]
    assert np.array_equal(read, frames)


def test_a_folder_of_pictures_is_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        Image.fromarray(np.full((4, 6), number, dtype=np.uint8)).save(tmp_path / f"frame{number}.png")
    Image.fromarray(np.zeros((4, 6), dtype=np.uint8)).save(tmp_path / ".hidden.png")
    stack, read = whole(tmp_path)
    assert stack.frames == 3
    assert read[:, 0, 0].tolist() == [1, 2, 10]


def test_png_of_16_bits_and_of_colours(tmp_path):
    Image.fromarray(np.full((4, 6), 40000, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert (whole(tmp_path / "deep.png")[1] == 40000).all()
    Image.fromarray(np.full((4, 6, 3), (10, 20, 30), dtype=np.uint8)).save(tmp_path / "colour.png")
    assert (whole(tmp_path / "colour.png")[1] == 20).all()


def test_bad_pictures_end_in_a_sentence_without_their_names(tmp_path):
    good = tmp_path / "run"
    good.mkdir()
    Image.fromarray(RANDOM.integers(0, 255, (40, 60), dtype=np.uint8)).save(good / "JANE_DOE_1.png")
    content = (good / "JANE_DOE_1.png").read_bytes()
    (good / "JANE_DOE_2.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputFileError, match=r"run-001 \(picture 2 of 2\) is no PNG or TIFF") as caught:
        whole(good)
    assert "JANE" not in str(caught.value)
    (good / "JANE_DOE_2.png").unlink()
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(good / "JANE_DOE_2.png")
    with pytest.raises(InputFileError, match="different sizes"):
        whole(good)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputFileError, match="without pictures"):
        whole(empty)
    text = tmp_path / "JANE.tif"
    text.write_text("no picture")
    with pytest.raises(InputFileError, match="no PNG or TIFF"):
        whole(text)
