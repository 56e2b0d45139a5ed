"""What a user may set about wheezes, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class WheezeSettings:
    """How wheezes, rhonchi and stridor are separated and told from each other.

    The numbers of the separation were chosen on simulated recordings. Levels count root mean squares of the breath sound around.

    Attributes:
        model: what takes the wheezes out: ``unet``, the network that comes with foreknow; ``classical``, the solver with a
            certificate; or the folder of a network that ``foreknow lung train`` wrote.
        window: length of one analysis window, seconds; a line that stays at one frequency for three quarters of it is a hum.
        overlap: fraction of a window shared with the next one, cross-faded.
        frame: length of the short-time Fourier window, seconds, four times the distance of frames.
        level_width: band in which the level of the breath sound around a line is measured, hertz.
        shortest: time that a line must last, seconds (CORSA: 100 ms; ATS: 250 ms).
        band: range of fundamentals, hertz.
        highest: of what is separated, harmonics included, hertz.
        threshold: of a coefficient without a line through it.
        threshold_within: of one on a line, however strong.
        line_level: strength of a line at which the threshold is half way between.
        event_level: strength from which on a line is an event.
        rhonchus_below: fundamental below which an event is a rhonchus, hertz (choice; CORSA and ATS: 200 to 300).
        stridor_above: fundamental above which an event that is loud and inspiratory is stridor, hertz (choice).
        stridor_level_db: how loud it must be over the breath sound, dB (choice).
        iterations: of the solver at most.
        tolerance: relative duality gap at which the solver may stop earlier.

    Raises:
        ParameterError: if a number is out of range.
    """

    model: str = "unet"
    window: float = 8.192
    overlap: float = 0.125
    frame: float = 0.064
    level_width: float = 240.0
    shortest: float = 0.1
    band: tuple[float, float] = (100.0, 1000.0)
    highest: float = 1600.0
    threshold: float = 6.0
    threshold_within: float = 0.25
    line_level: float = 1.9
    event_level: float = 2.1
    rhonchus_below: float = 250.0
    stridor_above: float = 400.0
    stridor_level_db: float = 8.0
    iterations: int = 40
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        ordered = 0 < self.band[0] < self.band[1] <= self.highest and self.threshold >= self.threshold_within > 0
        if not (ordered and self.shortest >= self.frame > 0 and 0 <= self.overlap <= 0.5 and self.window >= 4 * self.frame):
            message = f"wheezes need a band in order, thresholds in order, and lines no shorter than a frame, not {self}"
            raise ParameterError(message)
