"""From stored values to attenuation, by what the file says of their relation to X-ray exposure.

Attenuation is -ln(exposure / exposure without a patient), dimensionless; layers add in it (Beer and Lambert). The constant is free.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.angiography.simulate.detector import RANGE, Relationship
from foreknow.files.dicom import DicomFrames

APPROXIMATE = (
    "the frames are processed for display or do not say how values follow from exposure (DISP); attenuation is an approximation"
)
_SCALE_UNKNOWN = f"logarithmic frames without a look-up table: the whole range is taken for {RANGE:g} units of attenuation"
_SUBTRACTED = "the frames are subtracted already; what they show is taken for attenuation and separated again"


@dataclass(frozen=True)
class AttenuationTable:
    """Attenuation of every value that a file can store.

    Attributes:
        values: (2^bits,) float32, or None for floats, which are exposure themselves.
        lowest: the stored value of the first entry.
        darkest: largest attenuation; what has it was not exposed (or is beyond the range).
        relationship: as it was used.
        notices: sentences for the user.
    """

    values: Tensor | None = field(repr=False)
    lowest: int
    darkest: float
    relationship: Relationship
    notices: tuple[str, ...]

    def __call__(self, stored: NDArray[np.generic]) -> Tensor:
        """Stored values of any shape as attenuation, float32."""
        if self.values is None:
            exposure = torch.as_tensor(stored.astype(np.float32)).nan_to_num(0.0, 0.0, 0.0)
            return -exposure.clamp_min(_SMALLEST).log()
        index = torch.as_tensor(stored.astype(np.int64)) - self.lowest
        return self.values[index]


def table_of_dicom(header: DicomFrames, declared: Relationship | None = None) -> AttenuationTable:
    """The table for the frames of a DICOM file.

    LIN and DISP values are exposure, which a logarithm makes attenuation; LOG values are not logged again: the modality look-up
    table that such files carry (PS3.3, C.8.7.1.1.3) tells their scale. Values rise with exposure unless the file says otherwise
    (0028,1041) or shows them inverted (MONOCHROME1) without saying.

    Args:
        header: of the file.
        declared: what the user says instead of the file.
    """
    known = Relationship(header.relationship) if header.relationship in set(Relationship) else Relationship.DISPLAY
    relationship = declared or (Relationship.LOGARITHMIC if header.subtracted else known)
    falls = header.sign == -1 or (header.sign != 1 and header.inverted)
    lowest = -(2 ** (header.bits - 1)) if header.signed else 0
    table = _table(header.bits, relationship, header.table, header.table_start - lowest, falls=falls)
    notices = list(header.notices)
    if header.subtracted:
        notices.append(_SUBTRACTED)
    elif relationship is Relationship.DISPLAY:
        notices.append(APPROXIMATE)
    elif relationship is Relationship.LOGARITHMIC and header.table is None:
        notices.append(_SCALE_UNKNOWN)
    return _finished(table, lowest, relationship, notices)


def table_of_images(bits: int, declared: Relationship | None = None) -> AttenuationTable:
    """The table for pictures of ``bits`` (0 for floats), shown with vessels dark."""
    relationship = declared or Relationship.DISPLAY
    notices = {Relationship.DISPLAY: [APPROXIMATE], Relationship.LOGARITHMIC: [_SCALE_UNKNOWN]}.get(relationship, [])
    if not bits:
        return AttenuationTable(None, 0, -float(np.log(_SMALLEST)), relationship, tuple(notices))
    return _finished(_table(bits, relationship, None, 0, falls=False), 0, relationship, notices)


def _finished(table: NDArray[np.float64], lowest: int, relationship: Relationship, notices: list[str]) -> AttenuationTable:
    values = torch.as_tensor(table, dtype=torch.float32)
    return AttenuationTable(values, lowest, float(values.max()), relationship, tuple(notices))


def _table(
    bits: int, relationship: Relationship, modality: NDArray[np.float64] | None, start: int, *, falls: bool
) -> NDArray[np.float64]:
    count = 2**bits
    rising = np.arange(count, dtype=np.float64)
    rising = count - 1 - rising if falls else rising
    if relationship is not Relationship.LOGARITHMIC:
        return -np.log(np.maximum(rising, 0.5) / (count - 1))
    if modality is None:
        return RANGE * (1 - rising / (count - 1))
    exposure = modality[np.clip(np.arange(count) - start, 0, len(modality) - 1)]  # values outside have the nearest entry's (PS3.3)
    return -np.log(np.maximum(exposure, 0.5) / max(1.0, exposure.max()))


_SMALLEST = 1e-4
