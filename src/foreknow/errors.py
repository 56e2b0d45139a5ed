"""The errors that foreknow raises: one sentence each, saying what is wrong and what to do."""


class ForeknowError(Exception):
    """Base of every error that foreknow raises on purpose."""


class ShapeError(ForeknowError, ValueError):
    """A tensor's shape does not fit the operator, prior or model it was given to."""


class ParameterError(ForeknowError, ValueError):
    """A parameter is outside the range in which the mathematics holds."""


class UnboundError(ForeknowError, RuntimeError):
    """An operator declared for any shape was asked something that depends on the shape."""


class UnsupportedError(ForeknowError, NotImplementedError):
    """What was asked has no closed form here; the message names what can be used instead."""


class DataError(ForeknowError, ValueError):
    """The data are unusable (empty, not finite, wrong type); the message says which and why."""


class InputFileError(DataError):
    """A file cannot be used; the message names the file, what is wrong and what to do."""
