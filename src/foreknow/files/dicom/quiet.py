"""pydicom made silent: what it says of a damaged file quotes the values of fields, and those may name a person."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("pydicom", "pylibjpeg", "libjpeg", "openjpeg", "rle")


@contextmanager
def without_quotes() -> Iterator[None]:
    """Neither warnings nor log lines of the DICOM libraries while the block runs."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
