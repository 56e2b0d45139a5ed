"""How well a separation agrees with a known truth: of the signals in dB, of the events by number."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.shapes import squared_norm


@dataclass(frozen=True)
class EventScore:
    """How found events agree with true ones.

    Attributes:
        hits: pairs of a found and a true event.
        false_alarms: found events without a partner.
        misses: true events without a partner.
    """

    hits: int
    false_alarms: int
    misses: int

    @property
    def precision(self) -> float:
        """Share of the found events that are true; 1 if none was found."""
        found = self.hits + self.false_alarms
        return self.hits / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true events that were found; 1 if there are none."""
        true = self.hits + self.misses
        return self.hits / true if true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 if nothing was there and nothing was found."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else 1.0


def match_events(found: Sequence[float], true: Sequence[float], tolerance: float = 0.005) -> EventScore:
    """Pair found with true times, each at most once, such that there are as many pairs as possible.

    Args:
        found: seconds.
        true: seconds.
        tolerance: largest difference within a pair, seconds.
    """
    left, right = sorted(found), sorted(true)
    i = j = hits = 0
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return EventScore(hits, len(left) - hits, len(right) - hits)


def si_sdr(estimate: Tensor, reference: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019), (*batch,); minus infinity for a zero estimate.

    Args:
        estimate: (*batch, n).
        reference: (*batch, n), not all zero.

    Raises:
        ShapeError: if the shapes differ.
    """
    if estimate.shape != reference.shape:
        message = f"the estimate has shape {tuple(estimate.shape)}, but the reference {tuple(reference.shape)}"
        raise ShapeError(message)
    scale = (estimate * reference).sum(-1) / squared_norm(reference, 1)
    target = scale.unsqueeze(-1) * reference
    return 10 * (squared_norm(target, 1) / squared_norm(estimate - target, 1)).nan_to_num(nan=0.0, posinf=float("inf")).log10()
