"""Which separator takes the wheezes out of windows: the network or the certified solver."""

from importlib.util import find_spec

from foreknow.lung.wheeze_model import CLASSICAL, SHIPPED, load_wheeze_network
from foreknow.lung.wheeze_network_separation import NetworkWheezeSeparator
from foreknow.lung.wheeze_separation import WheezeSeparator
from foreknow.lung.wheeze_settings import WheezeSettings


def wheeze_separator(settings: WheezeSettings, rate: float) -> WheezeSeparator | NetworkWheezeSeparator:
    """The separator that settings ask for.

    Where the shipped network cannot be used, because the recording has another rate than it or MONAI, whose U-Net it is, is not
    installed, the solver takes its place, which is slower.

    Raises:
        InputFileError: if there is no such model.
        ForeknowError: if a user's own model is asked for and MONAI is not installed.
    """
    if settings.model == CLASSICAL or (settings.model == SHIPPED and find_spec("monai") is None):
        return WheezeSeparator(settings, rate)
    network = load_wheeze_network(settings.model)
    if network.settings.rate != rate:
        return WheezeSeparator(settings, rate)
    return NetworkWheezeSeparator(network, settings, name=settings.model)
