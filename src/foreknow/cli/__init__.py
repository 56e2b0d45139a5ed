"""The command line: ``foreknow --help``."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        from foreknow.cli.app import app  # noqa: PLC0415

        app(prog_name="foreknow")
    except KeyboardInterrupt:  # while libraries were loading; later the commands see to it themselves
        sys.exit(130)
    sys.exit(0)
