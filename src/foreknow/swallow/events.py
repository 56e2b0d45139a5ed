"""What was found in a recording."""

from dataclasses import dataclass

from foreknow.swallow.simulate.events import Kind

DOUBLE_SECONDS = 1.8
"""Two swallows whose peaks are nearer than this are a double one."""


@dataclass(frozen=True, slots=True)
class SwallowEvent:
    """One swallow that was counted.

    Attributes:
        onset: seconds, when the larynx begins to rise.
        peak: seconds, in the middle of its stay at the top.
        end: seconds, when it is back.
        amplitude: how far the larynx rose by the network's estimate, millimetres.
        confidence: chance that it is a swallow, 0 to 1, by simulated trials.
        announced: seconds, the time stamp of the frame with which it was counted.
        second: whether it follows another so soon that both are a double swallow.
    """

    onset: float
    peak: float
    end: float
    amplitude: float
    confidence: float
    announced: float
    second: bool = False


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Something that was told from swallows and not counted.

    Attributes:
        kind: its class.
        onset: seconds.
        end: seconds.
        confidence: mean chance of the class, 0 to 1.
    """

    kind: Kind
    onset: float
    end: float
    confidence: float
