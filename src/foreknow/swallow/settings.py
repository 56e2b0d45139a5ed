"""What a user may set about counting swallows, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class CountSettings:
    """How swallows are counted and a test is judged.

    Attributes:
        start: seconds from the first frame at which the test begins.
        seconds: length of the test; the repetitive saliva swallowing test lasts 30.
        cutoff: fewer swallows than this are suspect (Oguchi 2000: 3; others use up to 7).
        threshold: chance of a swallow above which it counts; None for that of the network, chosen on simulated trials.
        adapt: whether the larynx's place is adapted to a whole recording, without labels; not before a camera.
        least_fill: share of the neck's surface that must be seen on average.
        largest_lost: share of the time for which the neck may be lost.
        largest_shift: millimetres by which the neck may move from where it began.
        largest_turn: degrees by which it may turn.
        largest_noise: millimetres of noise of a pixel beyond which nothing can be said.

    Raises:
        ParameterError: if a number is out of range.
    """

    start: float = 0.0
    seconds: float = 30.0
    cutoff: int = 3
    threshold: float | None = None
    adapt: bool = False
    least_fill: float = 0.5
    largest_lost: float = 0.1
    largest_shift: float = 40.0
    largest_turn: float = 25.0
    largest_noise: float = 6.0

    def __post_init__(self) -> None:
        if not (self.start >= 0 and 1 <= self.seconds <= 600 and 1 <= self.cutoff <= 50):
            message = f"a test begins at 0 or later, lasts 1 to 600 seconds, and has a cut-off of 1 to 50 swallows, not {self}"
            raise ParameterError(message)
        if self.threshold is not None and not 0 < self.threshold < 1:
            message = f"the threshold is a chance between 0 and 1, not {self.threshold}"
            raise ParameterError(message)
        limits = (self.largest_shift, self.largest_turn, self.largest_noise)
        if not (0 <= self.least_fill <= 1 and 0 <= self.largest_lost <= 1 and min(limits) > 0):
            message = f"shares lie between 0 and 1 and limits above 0, not {self}"
            raise ParameterError(message)
