"""Where the networks for lung sounds are: those that come with foreknow, and those that a user has trained."""

from pathlib import Path

from foreknow.learn import shipped_model
from foreknow.learn.saved import DESCRIPTION


def shipped_network(part: str) -> Path:
    """The folder of the network for ``part`` that comes with foreknow; trained on simulated recordings only."""
    return shipped_model("foreknow.lung", part)


def network_folder(name: str, part: str, shipped: str) -> Path:
    """The folder of the network for a part of lung sounds.

    Args:
        name: what a user gives: ``shipped``, or what ``foreknow lung train`` wrote, or the folder of that part in it.
        part: ``crackles`` or ``wheezes``.
        shipped: the name of the network that comes with foreknow.
    """
    if name == shipped:
        return shipped_network(part)
    place = Path(name)
    return place / part if (place / part / DESCRIPTION).is_file() else place
