"""What was found in a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from foreknow.swallow.simulate.events import Kind

DOUBLE_SECONDS = 1.8
"""Two swallows whose peaks are nearer than this are a double one."""
SURE = 0.8
"""A swallow whose chance is below this is unsure."""
_WEAK, _COMPARED = 0.65, 3  # share of the median lift; swallows that make a median


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
        weak: whether the larynx rose so much less than in the recording's other swallows that it may be an aborted one.
    """

    onset: float
    peak: float
    end: float
    amplitude: float
    confidence: float
    announced: float
    second: bool = False
    weak: bool = False

    @property
    def unsure(self) -> bool:
        """Whether a person should look at it: its chance is low, or it is weak."""
        return self.weak or self.confidence < SURE


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


def beside_each_other(swallows: Sequence[SwallowEvent]) -> tuple[SwallowEvent, ...]:
    """Swallows of a recording with those marked as weak that rose less than two thirds of the median.

    An aborted swallow and a weak one differ only in degree, and the network sees four seconds at once: only the person's other
    swallows tell how far this larynx rises. Fewer than three tell nothing.
    """
    if len(swallows) < _COMPARED:
        return tuple(swallows)
    least = _WEAK * median(swallow.amplitude for swallow in swallows)
    return tuple(replace(swallow, weak=swallow.amplitude < least) for swallow in swallows)
