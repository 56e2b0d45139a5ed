"""Wheezes out of windows of a breath sound: the declared model, and how continuity in time sets its weights."""

import torch
from torch import Tensor

from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.lines import frames_of, level_across, line_strength
from foreknow.lung.solver_report import SolverReport
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.operators import STFT
from foreknow.priors import L1
from foreknow.problem import Component
from foreknow.solve import ADMM, minimize
from foreknow.solve.penalty import FixedPenalty

_PENALTY = 0.1
_DUAL_STEPS = 20
_LOOK_EVERY = 20  # steps between looks at the duality gap
_NEVER = 1e3  # times the threshold outside of the band
_SHARPNESS = 12  # a line is there or not: what is half a line are the random peaks of breath
ENVELOPE = 1.0  # seconds over which the envelope of breathing is measured
QUANTILE = 0.25  # over time, of the breath sound's spectrum: a wheeze may take up to three quarters of a window


class WheezeSeparator:
    r"""The model of a breath sound with wheezes, solved for windows of it from which crackles have been taken.

        S y = F^* w + noise,    minimise 1/2 |S y - F^* w|^2 + sum k |w|

    S whitens: it divides by the breath sound's spectrum over frequency and envelope over time, the matrix of rank one that breath
    sound is in the spectrogram's power (`Whitening`). F is a tight short-time Fourier frame, w complex; the modulus groups real and
    imaginary parts, so the phase of a tone does not matter. What is left is breath sound.

    Sparse energy alone would take crackles and the random peaks of breath for wheezes. A wheeze is continuous in time: the weight k
    is small only where a line of at least ``settings.shortest`` goes through, judged by its weakest place p over the level around
    (`path_opening`): k = level (k_1 + (k_0 - k_1) / (1 + (p / g)^12)). Given the weights the problem is convex, and its solution
    carries a duality gap.

    Args:
        settings: how to separate.
        rate: of the windows, hertz.

    Attributes:
        model: the model as declared, with the weights of the last batch.
        window_samples: length of a window.
        report: what the solver says about the windows so far.
    """

    def __init__(self, settings: WheezeSettings, rate: float) -> None:
        self.settings = settings
        self.rate = rate
        hop = frame_hop(settings, rate)
        self.window_samples = window_samples(settings, rate)
        self._stft = STFT(4 * hop, hop, self.window_samples)
        hertz = self._stft.frequencies(rate)
        self._outside = ((hertz < settings.band[0]) | (hertz > settings.highest))[:, None]
        self.model = self._declare(settings.threshold * torch.ones(()))
        self.report = SolverReport(tolerance=settings.tolerance)

    def separate(self, windows: Tensor) -> Tensor:
        """The wheezes of windows, (batch, window_samples) to the same; computed in their dtype on their device."""
        with torch.no_grad():
            peak = windows.abs().amax(dim=-1, keepdim=True)
            scaled = windows / torch.where(peak > 0, peak, torch.ones_like(peak))  # so that faint ones meet no denormal numbers
            whitening = line_whitening(scaled, self._stft, ENVELOPE * self.rate, ~self._outside[:, 0], QUANTILE)
            return whitening.inverse(self._solve(whitening(scaled))) * peak

    def _solve(self, y: Tensor) -> Tensor:
        settings = self.settings
        coefficients = self._stft(y)
        weight = torch.where(
            self._outside.to(y.device),
            _NEVER * settings.threshold,
            line_weights(coefficients.abs(), self._stft, self.rate, settings),
        )
        self.model = self._declare(weight)
        solution = minimize(
            self.model.problem,
            y,
            ADMM(FixedPenalty(_PENALTY)),
            tolerance=settings.tolerance,
            max_iterations=settings.iterations,
            start=(L1(weight, event_dims=2).prox(coefficients, 1.0),),  # the optimum, were F orthonormal
            look_every=_LOOK_EVERY,
            dual_steps=_DUAL_STEPS,
        )
        self.report.add_solve(solution)
        self.report.add_windows(solution.certificate.relative)
        return solution["wheezes"]

    def _declare(self, weight: Tensor) -> Model:
        return Model(wheezes=Component(L1(weight, event_dims=2), self._stft.T), noise=Gaussian(1.0))


def frame_hop(settings: WheezeSettings, rate: float) -> int:
    """Distance of short-time Fourier windows, a quarter of their length, samples."""
    return max(1, round(settings.frame * rate / 4))


def window_samples(settings: WheezeSettings, rate: float) -> int:
    """Length of an analysis window, samples: a multiple of the distance of short-time Fourier windows."""
    hop = frame_hop(settings, rate)
    return max(8, round(settings.window * rate / hop)) * hop


def line_weights(modulus: Tensor, stft: STFT, rate: float, settings: WheezeSettings) -> Tensor:
    r"""The weights k of `WheezeSeparator`: small where a line goes through.

    Args:
        modulus: of whitened coefficients, (\*batch, bins, frames).
        stft: that they are of.
        rate: hertz.
        settings: thresholds, and how long a line lasts.
    """
    length, bins = frames_of(stft, rate, settings)
    level = level_across(modulus, bins)
    _, strength = line_strength(modulus, level, length)
    share = 1 / (1 + (strength.clamp_min(0) / settings.line_level) ** _SHARPNESS)
    factor = settings.threshold_within + (settings.threshold - settings.threshold_within) * share
    return (factor * level).clamp_min(torch.finfo(modulus.dtype).tiny)
