"""The wheeze part of a recording without crackles that comes in blocks, and the wheezes in it."""

import torch

from foreknow.lung.search_stream import SearchStream
from foreknow.lung.wheeze_event_stream import WheezeEventStream
from foreknow.lung.wheeze_separators import wheeze_separator
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.lung.wheezes import Wheeze
from foreknow.lung.window_stream import Hear, overlapping

BATCH = 2  # windows per solve: about 14 s of signal at the default window


class WheezeStream(SearchStream[Wheeze]):
    """Separates the wheezes of a signal of any length in memory of the size of a batch of windows and a minute of events.

    Args:
        settings: how to separate.
        rate: sampling rate of the signal, hertz.
        highest: working rate at most, hertz.
        device: where windows are solved.
        hear: told wheezes and rest at the working rate.

    Attributes:
        separator: what separates the windows.
        events: the wheezes found, in order of onset; complete after `finish`.
    """

    def __init__(
        self,
        settings: WheezeSettings,
        rate: int,
        highest: int,
        device: str | torch.device = "cpu",
        hear: Hear | None = None,
    ) -> None:
        working_rate = min(rate, highest)
        self.separator = wheeze_separator(settings, working_rate)
        self.separator.model.to(torch.device(device))
        search = WheezeEventStream(settings, working_rate)
        super().__init__(
            self.separator,
            search,
            rate,
            working_rate,
            cut=overlapping(self.separator, settings.overlap, BATCH),
            device=device,
            hear=hear,
        )
