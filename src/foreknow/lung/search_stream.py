"""A part of a signal that comes in blocks, and the events that are found in it."""

from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from foreknow.lung.window_stream import Cut, Hear, WindowSeparator, WindowStream

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class EventSearch(Protocol[EventT_co]):
    """Finds events in a part that becomes known piece by piece."""

    def push(self, part: Tensor, rest: Tensor, /) -> None:
        """The next piece of the part and of what it leaves, (n,) each, at the working rate."""
        ...

    def finish(self) -> tuple[EventT_co, ...]:
        """All events, in order of time."""
        ...


class SearchStream(WindowStream, Generic[EventT]):
    """Separates a part of a signal of any length (`WindowStream`) and finds its events.

    Args:
        separator: what takes the part out of windows.
        search: for events.
        rate: sampling rate of the signal, hertz.
        working_rate: at which the part is sought, hertz.
        cut: how the signal is cut into windows.
        device: where they are separated.
        hear: told the part and the rest at the working rate.

    Attributes:
        events: that were found, in order of time; complete after `finish`.
    """

    def __init__(
        self,
        separator: WindowSeparator,
        search: EventSearch[EventT],
        rate: int,
        working_rate: int,
        *,
        cut: Cut,
        device: str | torch.device,
        hear: Hear | None,
    ) -> None:
        super().__init__(separator, rate, working_rate, cut=cut, device=device, hear=self._listen)
        self.events: tuple[EventT, ...] = ()
        self._search = search
        self._told = hear

    def finish(self) -> tuple[Tensor, Tensor]:
        """End the signal and take what remains, as `push` does; fills `events`."""
        remaining = super().finish()
        self.events = self._search.finish()
        return remaining

    def _listen(self, part: Tensor, rest: Tensor) -> None:
        self._search.push(part, rest)
        if self._told is not None:
            self._told(part, rest)
