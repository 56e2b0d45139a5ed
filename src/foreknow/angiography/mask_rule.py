"""How a result becomes a mask: levels of a threshold with hysteresis, and what they are put to."""

from __future__ import annotations

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class LayerRule:
    """Of a layer of attenuation, smoothed: levels are multiples of the noise of smoothed frames.

    Attributes:
        level: a pixel of the mask has so much, and
        peak: its connected component so much somewhere.

    Raises:
        ParameterError: if they are not above 0 and in order.
    """

    level: float = 3.0
    peak: float = 16.0

    def __post_init__(self) -> None:
        if not 0 < self.level <= self.peak:
            message = f"levels of a mask lie above 0 and in order, not {self.level} and {self.peak}"
            raise ParameterError(message)


@dataclass(frozen=True)
class GateRule:
    """Of a network's gate: levels are values of it.

    Attributes:
        level: a pixel of the mask has so much, and
        peak: its connected component so much somewhere.

    Raises:
        ParameterError: if they do not lie between 0 and 1 and in order.
    """

    level: float = 0.5
    peak: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.level <= self.peak < 1:
            message = f"levels of a gate lie between 0 and 1 and in order, not {self.level} and {self.peak}"
            raise ParameterError(message)


MaskRule = LayerRule | GateRule
