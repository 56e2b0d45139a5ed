"""How strong the best line through a time is on average: paths through a spectrogram, as trackers score them."""

from torch import Tensor
from torch.nn.functional import pad

from foreknow.errors import ParameterError
from foreknow.lung.path_opening import widest


def path_mean(x: Tensor, length: int, slope: int = 1) -> Tensor:
    r"""The largest mean along a path of some length that covers each frame.

    Paths are those of `path_opening`. Where that asks for the weakest place of a path, which decides whether a line goes through
    without a gap, this asks for its mean, found by dynamic programming (track before detect; Barniv 1985). In noise the mean over
    a path tells faint lines better than either its weakest or its strongest element, as errors average out.

    Args:
        x: (\*batch, bins, frames), real and finite.
        length: of a path, frames, at least 1; more than there are frames count as that many.
        slope: bins from a frame to the next, at most.

    Returns:
        (\*batch, frames).

    Raises:
        ParameterError: if the length is not positive.
    """
    if length < 1:
        message = f"a path has one frame or more, not {length}"
        raise ParameterError(message)
    frames = x.shape[-1]
    length = min(length, frames)
    sums = x  # of the best path of 1, 2, ... frames that ends here
    for count in range(1, length):
        sums = x[..., count:] + widest(sums[..., :-1], slope)
    best = sums.amax(dim=-2) / length
    # A path that ends at a frame covers the length - 1 frames before it too.
    return pad(best, (length - 1, length - 1), value=float("-inf")).unfold(-1, length, 1).amax(dim=-1)
