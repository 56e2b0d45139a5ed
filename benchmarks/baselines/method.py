"""What every method is to the benchmark: a recording and its rate in, the crackle part and the times of the crackles out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Signal = NDArray[np.float64]
Grid = dict[str, tuple[float | bool, ...]]  # values to try when tuning, by parameter


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a method found.

    Attributes:
        crackles: (samples,), the crackle part; the breath part is the recording minus this.
        times: (clicks,), seconds, of the largest absolute deflection of each crackle; ascending.
    """

    crackles: Tensor
    times: Tensor


class Method(Protocol):
    """A way to find crackles."""

    def __call__(self, recording: Tensor, rate: float) -> Extraction:
        """Separate a recording (samples,) and find its clicks."""
        ...
