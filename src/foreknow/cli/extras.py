"""The optional libraries that commands need."""

import re
from collections.abc import Sequence
from importlib.metadata import requires
from importlib.util import find_spec

from foreknow.errors import ForeknowError

_IMPORTED_AS = {
    "lightning-fabric": "lightning_fabric",
    "pillow": "PIL",
    "pylibjpeg-libjpeg": "libjpeg",
    "pylibjpeg-openjpeg": "openjpeg",
    "pylibjpeg-rle": "rle",
    "scikit-image": "skimage",
}


def libraries_of(extra: str) -> list[str]:
    """The libraries of an extra, as the package declares them, by the names that they are installed by."""
    marked = [line for line in requires("foreknow") or [] if re.search(rf"extra == ['\"]{extra}['\"]", line)]
    return [re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower() for line in marked]


def advice(extra: str) -> str:
    """How to install an extra."""
    return f"install it with: pip install 'foreknow[{extra}]'"


def require_extra(extra: str) -> None:
    """Check, before any work, that the libraries of an extra are there.

    Raises:
        ForeknowError: naming those that are not, and how to install them.
    """
    missing = [name for name in libraries_of(extra) if find_spec(_IMPORTED_AS.get(name, name)) is None]
    if missing:
        message = f"this command needs {_listed(missing)}; {advice(extra)}"
        raise ForeknowError(message)


def _listed(names: Sequence[str]) -> str:
    kind = "library" if len(names) == 1 else "libraries"
    return f"the {kind} {', '.join(names)}"
