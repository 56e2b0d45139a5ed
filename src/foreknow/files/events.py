"""Events in time, the one form in which labels of all kinds are read, found and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from foreknow.errors import ParameterError

FeatureValue = float | int | str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a recording.

    Attributes:
        onset: seconds from the start of the recording.
        duration: seconds, 0 for a point in time.
        kind: what it is, in lower case with underscores, for example ``fine_crackle``.
        features: further columns by name, units in the name (``idw_ms``); None where a value is not known.

    Raises:
        ParameterError: if the onset or duration is not a finite number, or the duration is negative.
    """

    onset: float
    duration: float
    kind: str
    features: Mapping[str, FeatureValue] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not (abs(self.onset) < float("inf") and 0 <= self.duration < float("inf")):
            message = f"an event needs a finite onset and a duration of 0 or more, not {self.onset} and {self.duration}"
            raise ParameterError(message)

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.onset + self.duration


@dataclass(frozen=True, slots=True)
class Annotations:
    """What people have marked in a recording.

    Attributes:
        events: in order of time.
        record_kind: a label of the whole recording, where the format has one.
    """

    events: tuple[Event, ...]
    record_kind: str | None = None


def in_order(events: list[Event]) -> tuple[Event, ...]:
    """Sorted by onset, then end, then kind."""
    return tuple(sorted(events, key=lambda event: (event.onset, event.end, event.kind)))
