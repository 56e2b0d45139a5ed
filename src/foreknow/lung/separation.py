"""Crackles and breath sound out of windows of a recording: the declared model, and how its weights are found."""

import torch
from torch import Tensor

from foreknow.lung.neighbourhood import energy_nearby
from foreknow.lung.noise_level import local_level
from foreknow.lung.refit import Refit
from foreknow.lung.settings import SeparationSettings
from foreknow.lung.solver_report import SolverReport
from foreknow.lung.whitening import whitened
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.operators import STFT, StationaryWavelet
from foreknow.priors import L1
from foreknow.problem import Component
from foreknow.solve import ADMM, minimize
from foreknow.solve.penalty import FixedPenalty

_PENALTY = 0.1  # of the noise's curvature: where the objective falls fastest at first
_APPROXIMATION = 3.0  # times the weight of the coarsest band, where there are heart sounds and handling noise, not crackles
_DUAL_STEPS = 30  # that tighten the certificate; only the last solve of the model is certified so closely


class CrackleSeparator:
    r"""The model of a lung sound, solved for windows of a recording.

        y = W^* c + F^* b + noise,    minimise 1/2 |y - W^* c - F^* b|^2 + sum w_c |c| + sum w_b |b|

    c are coefficients of crackles in an undecimated wavelet frame W (so that it does not matter where a crackle lies), b those of
    tonal breath sound in a short-time Fourier frame F; what neither explains is noise-like breath sound. The weights are in the
    unit of the recording and come from the recording itself: the local level of W y and F y (`local_level`) times a number of
    standard deviations that noise rarely exceeds.

    An l1 norm takes as much off a loud crackle as off a faint one. So the model is solved a few times, each time with a smaller
    weight where there was a crackle before, in any band: w_c = level (k_1 + (k_0 - k_1) / (1 + e / g^2)), e being the energy nearby
    over that of the level (iteratively reweighted l1, Candès, Wakin and Boyd 2008, with a weight shared by neighbours). What the
    last solve still takes off is given back: on its support the recording's coefficients are weighed anew (`Refit`).

    Args:
        settings: how to separate.
        rate: of the windows, hertz.

    Attributes:
        model: the model as declared, with the weights of the last batch.
        window_samples: length of a window.
        report: what the solver says about the windows so far.
    """

    def __init__(self, settings: SeparationSettings, rate: float) -> None:
        self.settings = settings
        self.rate = rate
        self.hop = max(1, round(settings.breath_window * rate / 4))
        multiple = self.hop * 2**settings.levels
        self.window_samples = max(1, round(settings.window * rate / multiple)) * multiple
        self._wavelet = StationaryWavelet(settings.wavelet, settings.levels, self.window_samples)
        self._stft = STFT(4 * self.hop, self.hop, self.window_samples)
        self._refit = Refit(settings.levels + 1).requires_grad_(requires_grad=False)
        one = torch.ones(())
        self.model = self._declare(settings.crackle_threshold * one, settings.breath_threshold * one)
        self.report = SolverReport(tolerance=settings.tolerance)

    def separate(self, windows: Tensor) -> Tensor:
        """The crackle part of windows, (batch, window_samples) to the same; computed in their dtype on their device."""
        with torch.no_grad():
            return whitened(windows, self._solve, self._stft, round(self.settings.level_span * self.rate))

    def _solve(self, y: Tensor) -> Tensor:
        settings, span = self.settings, self.settings.level_span
        details = self._wavelet(y)
        level = local_level(details, round(span * self.rate))
        weighted = level.clone()
        weighted[..., 0, :] *= _APPROXIMATION
        spectral = local_level(self._stft(y), round(span * self.rate / self.hop))
        tiny = torch.finfo(y.dtype).tiny
        breath_weight = (settings.breath_threshold * spectral).clamp_min(tiny)
        factor = torch.full_like(level[..., :1, :], settings.crackle_threshold)
        start = None
        for round_ in range(settings.rounds):
            self.model = self._declare((factor * weighted).clamp_min(tiny), breath_weight)
            solution = minimize(
                self.model.problem,
                y,
                ADMM(FixedPenalty(_PENALTY)),
                tolerance=settings.tolerance,
                max_iterations=settings.iterations,
                start=start,
                look_every=settings.iterations,
                dual_steps=_DUAL_STEPS if round_ == settings.rounds - 1 else 0,
            )
            start = tuple(solution.coefficients.values())
            energy = energy_nearby(self._wavelet(solution["crackles"]), weighted, self.rate)
            low, high = settings.crackle_threshold_within, settings.crackle_threshold
            factor = low + (high - low) / (1 + energy.unsqueeze(-2) / settings.neighbour_level**2)
            self.report.add_solve(solution)
        self.report.add_windows(solution.certificate.relative)
        kept = self._refit(details, solution.coefficients["crackles"], level, self.rate)
        return self._wavelet.adjoint(kept)

    def _declare(self, crackle_weight: Tensor, breath_weight: Tensor) -> Model:
        return Model(
            crackles=Component(L1(crackle_weight, event_dims=2), self._wavelet.T),
            breath=Component(L1(breath_weight, event_dims=2), self._stft.T),
            noise=Gaussian(1.0),
        )
