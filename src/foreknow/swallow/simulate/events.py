"""What happens in a trial, as it is known to the simulator."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Classes of events; only `SWALLOW` counts."""

    SWALLOW = "swallow"
    ABORTED = "aborted_swallow"
    SPEECH = "speech"
    THROAT = "throat_clearing"
    COUGH = "cough"
    CHEWING = "chewing"
    TURN = "head_turn"
    NOD = "nod"


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """One event.

    Attributes:
        kind: its class.
        onset: seconds, when the larynx starts to rise (swallows) or the movement starts.
        peak: seconds, middle of the time at the top; of an event of several movements, its middle.
        end: seconds, when all is at rest again.
        amplitude: largest movement: of the larynx in millimetres (swallows, speech, throat clearing), of the neck in millimetres
            (cough), of the jaw in millimetres (chewing), of the head in degrees (turns, nods).
        second: whether it is the second lift of a double swallow.
    """

    kind: Kind
    onset: float
    peak: float
    end: float
    amplitude: float
    second: bool = False

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.onset
