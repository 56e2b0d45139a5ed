"""Our own separation, with its default settings, as a method of the benchmark; it says why where it cannot be imported."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchmarks.baselines.method import Extraction, Grid

NAME = "foreknow"  # the certified solver
UNROLLED = "foreknow unrolled"


def why_unavailable() -> str:
    """Why it cannot run here; empty if it can."""
    try:
        from foreknow.lung.recording import separate  # noqa: F401
    except ImportError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class ForeknowLung:
    """`foreknow.lung.recording.separate` as a user calls it; nothing is tuned, only the offset of its times is measured.

    Attributes:
        crackle_model: as in the settings.
    """

    crackle_model: str = "classical"

    JOINT: ClassVar[tuple[str, ...]] = ()
    GRID: ClassVar[Grid] = {}

    def __call__(self, recording: Tensor, rate: float) -> Extraction:
        """Separate a recording (samples,) and find its clicks."""
        from foreknow.lung.recording import separate
        from foreknow.lung.settings import SeparationSettings

        found = separate(recording, round(rate), SeparationSettings(crackle_model=self.crackle_model))
        times = torch.tensor([event.peak for event in found.events], dtype=torch.float64)
        return Extraction(found.crackles.double(), times.sort().values)
