"""What a user may set about the separation of a run, with defaults that work."""

from dataclasses import dataclass

from foreknow.errors import ParameterError


@dataclass(frozen=True)
class EnhanceSettings:
    """How vessels are separated from the background.

    The numbers were chosen on eight simulated runs (seeds 0 to 7 of 50 frames of 192 x 192), not on those of the benchmark.

    Attributes:
        sparse_weight: of the vessels, in units of 1 / sqrt(pixels of a frame), beside a nuclear norm of weight 1 (Candes et al.
            2011).
        coherence: factor of the weights where no vessel is near, at least 1 (1: weights stay); where one is plain it falls to
            1 / (2 coherence - 1).
        coherence_level: vessel attenuation around, in standard deviations of the noise, that halves the weights.
        coherence_width: standard deviation of the neighbourhood, thousandths of the shorter side.
        rounds: how many times the model is solved, the weights renewed in between.
        tolerance: relative duality gap to which each is solved.
        max_iterations: of the solver at most.
        working_side: pixels; the background is found at this size at most, and larger frames share its course in time.
        pan_gain: the picture is moved back into place where the frames then differ from their median by at most this share of what
            they did (1: whenever they differ less, 0: never). On simulated pans of 10 to 40 mm the low rank does as well alone.
        smoothing: standard deviation with which the vessel layer is smoothed before it becomes a mask, thousandths of the side.
        mask_level: a pixel of the mask has this many standard deviations of the noise of smoothed frames, and
        mask_peak: its connected component so many somewhere, and
        mask_area: this share of a frame, thousandths.
        least_frames: a run of fewer frames cannot be separated.

    Raises:
        ParameterError: if a number is out of range.
    """

    sparse_weight: float = 1.0
    coherence: float = 1.5
    coherence_level: float = 2.0
    coherence_width: float = 8.0
    rounds: int = 2
    tolerance: float = 1e-3
    max_iterations: int = 200
    working_side: int = 512
    pan_gain: float = 0.6
    smoothing: float = 3.6
    mask_level: float = 4.0
    mask_peak: float = 16.0
    mask_area: float = 1.0
    least_frames: int = 6

    def __post_init__(self) -> None:
        positive = (self.sparse_weight, self.coherence_level, self.tolerance, self.mask_level)
        if not (min(positive) > 0 and self.coherence >= 1 and self.rounds >= 1 and self.max_iterations >= 1):
            message = f"weights, levels and tolerances must be above 0, coherence and rounds 1 or more, not {self}"
            raise ParameterError(message)
        if self.working_side < 32 or self.least_frames < 2 or min(self.smoothing, self.coherence_width, self.mask_area) < 0:
            message = f"a separation works on 32 pixels a side and 2 frames or more, widths and areas of 0 or more, not {self}"
            raise ParameterError(message)
