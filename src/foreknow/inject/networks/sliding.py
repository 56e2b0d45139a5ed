"""Images that are too large for one pass: windows that overlap, blended."""

from collections.abc import Sequence

from torch import Tensor, nn

from foreknow.errors import ForeknowError, ParameterError
from foreknow.shapes import as_shape


class SlidingWindow(nn.Module):
    r"""A network applied to overlapping windows, blended by a Gaussian weight (`monai.inferers.sliding_window_inference`).

    Memory is that of some windows, whatever the size of the image. The network sees a window at a time, so that its normalisation
    is of the window: take windows of about the size of the crops that it was trained on, or larger. Images that are no larger than
    a window go through in one pass.

    Args:
        network: (batch, channels, \*space) -> (batch, outputs, \*space), such as `UNet`.
        window: size along every axis of space.
        overlap: of neighbouring windows, as a part of their size, in [0, 1).
        batch_size: windows at a time.
        progress: whether to show a bar.

    Raises:
        ParameterError: if a number is out of range.
        ForeknowError: if MONAI is not installed.
    """

    def __init__(
        self,
        network: nn.Module,
        window: int | Sequence[int],
        overlap: float = 0.25,
        batch_size: int = 4,
        *,
        progress: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= overlap < 1 or batch_size < 1:
            message = f"windows overlap by a part in [0, 1) and come in positive batches, not {overlap} and {batch_size}"
            raise ParameterError(message)
        try:
            from monai.inferers.utils import sliding_window_inference  # noqa: PLC0415  (takes seconds to import, and is optional)
        except ImportError as error:
            message = "sliding windows need the library monai; install it with: pip install 'foreknow[networks]'"
            raise ForeknowError(message) from error
        self.network = network
        self.window = as_shape(window)
        self.overlap = overlap
        self.batch_size = batch_size
        self.progress = progress
        self._apply_windows = sliding_window_inference

    def forward(self, x: Tensor) -> Tensor:
        """The blended outputs."""
        window = self.window * (x.ndim - 2) if len(self.window) == 1 else self.window
        if all(length <= edge for length, edge in zip(x.shape[2:], window, strict=True)):
            out: Tensor = self.network(x)
            return out
        blended = self._apply_windows(
            x, window, self.batch_size, self.network, overlap=self.overlap, mode="gaussian", progress=self.progress
        )
        assert isinstance(blended, Tensor)  # noqa: S101  (as the network gives one tensor)
        return blended
