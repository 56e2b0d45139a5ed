"""What a user may set about the separation of a run, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class EnhanceSettings:
    """How vessels are separated from the background.

    The numbers were chosen on simulated runs with seeds below 100, of 8 to 60 frames of 128 x 128 and 192 x 192 pixels, at 7.5 and
    15 frames a second, filled from the first frame or not; not on those of the benchmark.

    Attributes:
        found_weight: of the vessels beside a nuclear norm of weight 1 where they were found, in units of 1 / sqrt(pixels), and
        elsewhere: their weight elsewhere (`ReweightedRobustPCA`).
        found_level: vessels were found in connected pixels of this many standard deviations of the noise of smoothed frames, with
        found_peak: so many somewhere.
        tolerance: relative duality gap to which each is solved.
        max_iterations: of the solver at most.
        working_side: pixels; the background is found at this size at most, and larger frames share its course in time.
        pan_gain: the picture is moved back into place where the frames then differ from their median by at most this share of what
            they did (1: whenever they differ less, 0: never). On simulated pans of 10 to 40 mm the low rank alone does better.
        smoothing: standard deviation with which the vessel layer is smoothed before it becomes a mask, thousandths of the side.
        mask_area: smallest connected component of a mask, thousandths of a frame; its levels come with each kind of result
            (`foreknow.angiography.mask_rule`).
        least_frames: a run of fewer frames cannot be separated by movement.

    Raises:
        ParameterError: if a number is out of range.
    """

    found_weight: float = 0.3
    elsewhere: float = 1.8
    found_level: float = 3.0
    found_peak: float = 16.0
    tolerance: float = 1e-3
    max_iterations: int = 200
    working_side: int = 512
    pan_gain: float = 0.0
    smoothing: float = 3.6
    mask_area: float = 1.0
    least_frames: int = 6

    def __post_init__(self) -> None:
        positive = (self.found_weight, self.tolerance, self.found_level)
        if not (min(positive) > 0 and self.elsewhere >= self.found_weight and self.max_iterations >= 1):
            message = f"weights, levels and tolerances must be above 0 and weights in order, not {self}"
            raise ParameterError(message)
        widths = (self.smoothing, self.mask_area)
        if self.working_side < 32 or self.least_frames < 2 or min(widths) < 0:
            message = f"a separation works on 32 pixels a side and 2 frames or more, widths and areas of 0 or more, not {self}"
            raise ParameterError(message)
