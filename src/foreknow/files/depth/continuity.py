"""What is wrong with a depth video: frames that are missing, came twice, or are empty, and how much of each is seen."""

from dataclasses import dataclass

import torch

from foreknow.files.depth.video import DepthVideo

_EMPTY = 0.01


@dataclass(frozen=True, slots=True)
class DepthQuality:
    """Counts of faults of a depth video.

    Attributes:
        frames: how many there are.
        dropped: how many are missing by the timestamps (an interval of n median intervals hides n - 1).
        repeated: indices of frames that equal the one before in every pixel.
        empty: indices of frames in which less than 1 % of the pixels see something.
        invalid: share of all pixels that see nothing, 0..1.
    """

    frames: int
    dropped: int
    repeated: tuple[int, ...]
    empty: tuple[int, ...]
    invalid: float

    def sentences(self) -> tuple[str, ...]:
        """What a user should know, one sentence each; none for a faultless video."""
        found = []
        if self.dropped:
            found.append(f"{self.dropped} frames are missing by the timestamps")
        if self.repeated:
            found.append(f"{len(self.repeated)} of {self.frames} frames repeat the one before")
        if self.empty:
            found.append(f"{len(self.empty)} of {self.frames} frames are empty")
        return tuple(found)


def inspect_depth(video: DepthVideo) -> DepthQuality:
    """Look for dropped, repeated and empty frames."""
    frames, valid = video.frames.nan_to_num(0.0), video.valid
    same = (frames[1:] == frames[:-1]).flatten(1).all(1)
    share = valid.flatten(1).to(torch.float64).mean(1)
    intervals = video.timestamps.diff()
    usual = float(intervals.median()) if len(intervals) else 0.0
    missing = int(((intervals / usual).round() - 1).clamp(min=0).sum()) if usual > 0 else 0
    return DepthQuality(
        frames=len(frames),
        dropped=missing,
        repeated=tuple((same.nonzero().squeeze(1) + 1).tolist()),
        empty=tuple((share < _EMPTY).nonzero().squeeze(1).tolist()),
        invalid=float(1 - share.mean()),
    )
