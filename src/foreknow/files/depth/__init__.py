"""Depth videos: NumPy, HDF5, folders of 16-bit images, RealSense recordings; frames that are missing or came twice."""

from foreknow.files.depth.continuity import DepthQuality, inspect_depth
from foreknow.files.depth.read import read_depth, write_depth
from foreknow.files.depth.video import DepthVideo, Intrinsics

__all__ = ["DepthQuality", "DepthVideo", "Intrinsics", "inspect_depth", "read_depth", "write_depth"]
