"""The crackle part of a recording that comes in blocks, and the crackles in it."""

from functools import partial

import torch

from foreknow.lung.event_stream import EventStream
from foreknow.lung.events import Crackle, find_crackles
from foreknow.lung.search_stream import SearchStream
from foreknow.lung.separators import crackle_separator
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.window_stream import Hear, overlapping

BATCH = 4  # windows per solve: about 12 s of signal at the default window; more are no faster on a CPU


class CrackleStream(SearchStream[Crackle]):
    """Separates the crackles of a recording of any length in memory of the size of a batch of windows (`WindowStream`).

    Args:
        settings: how to separate.
        rate: sampling rate of the recording, hertz.
        device: where windows are solved, such as ``"cpu"`` or ``"cuda"``.
        hear: told crackles and rest at the working rate.

    Attributes:
        separator: what separates the windows.
        working_rate: the sampling rate at which it does, hertz.
        events: the crackles found, in order of time; complete after `finish`.
    """

    def __init__(
        self, settings: SeparationSettings, rate: int, device: str | torch.device = "cpu", hear: Hear | None = None
    ) -> None:
        self.working_rate = min(rate, settings.rate)
        self.separator = crackle_separator(settings, self.working_rate)
        self.separator.model.to(torch.device(device))
        search = EventStream(partial(find_crackles, rate=self.working_rate, settings=settings), self.working_rate)
        super().__init__(
            self.separator,
            search,
            rate,
            self.working_rate,
            cut=overlapping(self.separator, settings.overlap, BATCH),
            device=device,
            hear=hear,
        )
