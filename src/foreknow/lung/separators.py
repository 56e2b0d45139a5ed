"""Which separator takes the crackles out of windows: the unrolled network or the certified solver."""

from typing import Protocol

from torch import Tensor, nn

from foreknow.lung.crackle_model import CLASSICAL, load_crackle_network, model_label, read_settings
from foreknow.lung.separation import CrackleSeparator
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.unrolled_separation import UnrolledSeparator, window_samples


class Separator(Protocol):
    """Takes the crackles out of windows of a recording.

    Attributes:
        model: what it knows; `str` shows its formula.
        window_samples: length of a window.
        report: a dataclass of what there is to say about the windows so far.
    """

    @property
    def model(self) -> nn.Module: ...  # noqa: D102

    @property
    def window_samples(self) -> int: ...  # noqa: D102

    @property
    def report(self) -> object: ...  # noqa: D102

    def separate(self, windows: Tensor) -> Tensor:
        """The crackle part of windows, (batch, window_samples) to the same."""
        ...


def crackle_separator(settings: SeparationSettings, rate: float) -> Separator:
    """The separator that settings ask for; at other rates than that of a network the solver, which knows no rate.

    Raises:
        InputFileError: if there is no such model.
    """
    if settings.crackle_model == CLASSICAL:
        return CrackleSeparator(settings, rate)
    built = read_settings(settings.crackle_model)
    if built.rate != rate:
        return CrackleSeparator(settings, rate)
    network = load_crackle_network(settings.crackle_model, window_samples(built, settings.window))
    return UnrolledSeparator(network, settings, model_label(settings.crackle_model))
