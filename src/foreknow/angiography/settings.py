"""What a user may set about the separation of a run, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class EnhanceSettings:
    """How vessels are separated from the background.

    The numbers were chosen on simulated runs with seeds below 100, of 8 to 60 frames of 128 x 128 and 192 x 192 pixels, at 7.5 and
    15 frames a second, filled from the first frame or not; not on those of the benchmark.

    Attributes:
        sparse_weight: of the vessels beside a nuclear norm of weight 1, in units of what the background's own directions weigh,
            sqrt(directions / frames / pixels) (`BalancedRobustPCA`).
        sure_weight: factor of the weights where only additions to the background are near, and
        unsure_weight: where none is, or as much is taken away; in the last solution
        found_weight: instead of either where vessels were found, and
        elsewhere: a factor of them elsewhere.
        found_level: vessels were found in connected pixels of this many standard deviations of the noise of smoothed frames, with
        found_peak: so many somewhere.
        balance: how much what is taken away counts beside what is added.
        neighbourhood: standard deviation of what counts as near, thousandths of the shorter side.
        tolerance: relative duality gap to which each is solved.
        max_iterations: of the solver at most.
        working_side: pixels; the background is found at this size at most, and larger frames share its course in time.
        pan_gain: the picture is moved back into place where the frames then differ from their median by at most this share of what
            they did (1: whenever they differ less, 0: never). On simulated pans of 10 to 40 mm the low rank alone does better.
        smoothing: standard deviation with which the vessel layer is smoothed before it becomes a mask, thousandths of the side.
        mask_level: a pixel of the mask has this many standard deviations of the noise of smoothed frames, and
        mask_peak: its connected component so many somewhere, and
        mask_area: this share of a frame, thousandths.
        least_frames: a run of fewer frames cannot be separated by movement.
        gate_level: where a network looks, a pixel of the mask has this gate, and
        gate_peak: its connected component this one somewhere.

    Raises:
        ParameterError: if a number is out of range.
    """

    sparse_weight: float = 1.4
    sure_weight: float = 0.35
    unsure_weight: float = 2.5
    found_weight: float = 0.1
    elsewhere: float = 1.2
    found_level: float = 3.0
    found_peak: float = 24.0
    balance: float = 0.5
    neighbourhood: float = 25.0
    tolerance: float = 1e-3
    max_iterations: int = 200
    working_side: int = 512
    pan_gain: float = 0.0
    smoothing: float = 3.6
    mask_level: float = 3.0
    mask_peak: float = 16.0
    mask_area: float = 1.0
    least_frames: int = 6
    gate_level: float = 0.5
    gate_peak: float = 0.8

    def __post_init__(self) -> None:
        positive = (self.sparse_weight, self.sure_weight, self.found_weight, self.tolerance, self.mask_level, self.found_level)
        if not (min(positive) > 0 and self.unsure_weight >= self.sure_weight and self.max_iterations >= 1):
            message = f"weights, levels and tolerances must be above 0 and weights in order, not {self}"
            raise ParameterError(message)
        widths = (self.smoothing, self.neighbourhood, self.mask_area, self.balance)
        if self.working_side < 32 or self.least_frames < 2 or min(widths) < 0:
            message = f"a separation works on 32 pixels a side and 2 frames or more, widths and areas of 0 or more, not {self}"
            raise ParameterError(message)
        if not 0 < self.gate_level <= self.gate_peak < 1:
            message = f"levels of a gate lie between 0 and 1 and in order, not {self.gate_level} and {self.gate_peak}"
            raise ParameterError(message)
