"""All parts of a recording that comes in blocks: crackles first, then, where they are sought, wheezes out of what is left."""

import torch
from torch import Tensor

from foreknow.lung.crackle_stream import CrackleStream
from foreknow.lung.respiration import Respiration
from foreknow.lung.sample_queue import SampleQueue
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.wheeze_stream import WheezeStream


class PartStream:
    """Crackles and wheezes of a recording of any length, sample for sample beside it.

    Crackles come first: sparse parts of a spectrogram would hold them too.

    Args:
        settings: how to separate; wheezes are sought if ``settings.wheezes`` is not None.
        rate: sampling rate of the recording, hertz.
        device: where windows are solved.

    Attributes:
        crackles: the stream of crackles, with its events.
        wheezes: the stream of wheezes, or None.
    """

    def __init__(self, settings: SeparationSettings, rate: int, device: str | torch.device = "cpu") -> None:
        self.crackles = CrackleStream(settings, rate, device)
        self.wheezes = None if settings.wheezes is None else WheezeStream(settings.wheezes, rate, settings.rate, device)
        self._waiting = SampleQueue()  # crackles beside which the wheezes are not known yet

    @property
    def respiration(self) -> Respiration:
        """Breaths of what is left when all parts are taken; complete after `finish`."""
        return self.crackles.respiration if self.wheezes is None else self.wheezes.respiration

    def push(self, block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the next samples, (n,), float64; take recording, crackles and wheezes as far as known, (m,) each, float64."""
        return self._pass(*self.crackles.push(block), last=False)

    def finish(self) -> tuple[Tensor, Tensor, Tensor]:
        """End the recording and take what remains, as `push` does."""
        return self._pass(*self.crackles.finish(), last=True)

    def _pass(self, recording: Tensor, crackles: Tensor, *, last: bool) -> tuple[Tensor, Tensor, Tensor]:
        if self.wheezes is None:
            return recording, crackles, torch.zeros_like(crackles)
        self._waiting.append(crackles)
        rest, wheezes = self.wheezes.push(recording - crackles)
        if last:
            more = self.wheezes.finish()
            rest, wheezes = torch.cat((rest, more[0])), torch.cat((wheezes, more[1]))
        aside = self._waiting.take(rest.shape[0])
        return rest + aside, aside, wheezes
