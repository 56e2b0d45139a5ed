"""Large organs as ellipsoids: the length of every ray inside them, with outlines that are not quite round."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ellipsoids:
    """One ellipsoid in every frame, in picture coordinates (right, down, towards the detector).

    Attributes:
        centres: (frames, 3) mm.
        forms: (frames, 3, 3); a point x is inside where (x - c)' form (x - c) <= 1.
    """

    centres: Tensor
    forms: Tensor

    def chords(self, right: Tensor, down: Tensor) -> Tensor:
        """Length of parallel rays inside, mm, (frames, height, width).

        Args:
            right: mm at every pixel, broadcasts against ``down`` to (height, width).
            down: mm.
        """
        centres, forms = self.centres.to(right.dtype), self.forms.to(right.dtype)
        x, y = right - centres[:, 0, None, None], down - centres[:, 1, None, None]
        m = forms[:, :, :, None, None]
        linear = m[:, 0, 2] * x + m[:, 1, 2] * y
        constant = m[:, 0, 0] * x.square() + 2 * m[:, 0, 1] * x * y + m[:, 1, 1] * y.square() - 1
        return 2 * (linear.square() - m[:, 2, 2] * constant).clamp_min(0).sqrt() / m[:, 2, 2]


def ellipsoids(axes: Tensor, half_axes: Tensor, centres: Tensor) -> Ellipsoids:
    """Ellipsoids by their axes.

    Args:
        axes: (frames, 3, 3) or (3, 3); columns are directions in picture coordinates.
        half_axes: (frames, 3) or (3,) mm.
        centres: (frames, 3) mm.
    """
    scaled = axes / half_axes[..., None, :]
    form = scaled @ scaled.mT
    return Ellipsoids(centres, form.expand(len(centres), 3, 3))
