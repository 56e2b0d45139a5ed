"""What a user may set about the separation of lung sounds, with defaults that work."""

from dataclasses import dataclass

from foreknow.lung.wheeze_settings import WheezeSettings


@dataclass(frozen=True)
class SeparationSettings:
    """How a recording is separated.

    The numbers were chosen on the training recordings of `benchmarks/lung_cases.py`; thresholds count standard deviations of the
    breath sound around, so they need no tuning to a recording.

    Attributes:
        crackle_model: what takes the crackles out: ``classical``, the solver with a certificate; ``unrolled``, the network that
            comes with foreknow; or the folder of a network that ``foreknow lung train`` wrote.
        rate: working sampling rate in Hz; recordings at a higher rate are analysed at this one and separated at their own.
        window: length of one analysis window in seconds.
        overlap: fraction of a window shared with the next one, cross-faded.
        wavelet: name of the orthogonal wavelet in which crackles are sparse.
        levels: number of wavelet levels.
        breath_window: length of the short-time Fourier window in seconds.
        level_span: over which the level of the breath sound is measured, seconds.
        crackle_threshold: of a crackle's wavelet coefficients, in standard deviations of the breath sound.
        crackle_threshold_within: the same where a crackle is, however loud.
        neighbour_level: how far above the breath sound a crackle must be to lower the threshold nearby half way.
        breath_threshold: of tonal breath sound, in standard deviations of the breath sound.
        rounds: how many times the model is solved, the weights renewed in between.
        iterations: of the solver in each round at most.
        tolerance: relative duality gap at which the solver may stop earlier.
        event_threshold: a crackle is reported where the crackle part, smoothed, is so many times the breath sound in its bands.
        burst_threshold: the same for `burst_times`, which count towards a score of a breath, not as crackles.
        event_width: standard deviation of that smoothing, seconds.
        minimum_level_db: report only crackles whose peak is this far above the local RMS of the breath sound, dB; None for all.
        nuisance: whether what is no lung sound (heart, handling, voices) is taken out first, as a part of its own.
        wheezes: how wheezes are separated from what crackles leave; None if they are not sought and stay in the breath part.
    """

    crackle_model: str = "unrolled"
    rate: int = 4000
    window: float = 4.096
    overlap: float = 0.25
    wavelet: str = "db2"
    levels: int = 4
    breath_window: float = 0.064
    level_span: float = 0.25
    crackle_threshold: float = 4.0
    crackle_threshold_within: float = 1.0
    neighbour_level: float = 2.0
    breath_threshold: float = 3.0
    rounds: int = 2
    iterations: int = 30
    tolerance: float = 1e-2
    event_threshold: float = 4.6
    burst_threshold: float = 1.0
    event_width: float = 0.0015
    minimum_level_db: float | None = None
    nuisance: bool = False
    wheezes: WheezeSettings | None = None
