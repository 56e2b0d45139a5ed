"""Windows of breath sounds for the wheeze network, as the network sees them, with what the declared model says of them."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.learn import Examples
from foreknow.lung.line_whitening import line_whitening
from foreknow.lung.simulate import RHONCHUS, STRIDOR, WHEEZE, ContinuousSettings, SimulatedRecording, simulate_recording
from foreknow.lung.train.crackle_windows import draw_settings
from foreknow.lung.train.wheeze_injection import TARGET, injected_target
from foreknow.lung.wheeze_network import WheezeNetworkSettings
from foreknow.lung.wheeze_separation import ENVELOPE, QUANTILE, line_weights
from foreknow.lung.wheeze_settings import WheezeSettings
from foreknow.simulate.fields import uniform

SECONDS = 4.096
_KINDS = (WHEEZE, WHEEZE, RHONCHUS, STRIDOR)
_WITHOUT = 0.2  # share of windows without any
_NOISE = 2.0  # levels of the breath sound that are added at most
_CRACKLES = 0.25  # share of windows in which the crackles are left that others would have taken out


def simulated_spectra(size: int, seed: int, settings: WheezeNetworkSettings) -> Examples:
    """Simulated windows without their truth, as `examples`; nothing here says where a wheeze was drawn.

    Args:
        size: windows.
        seed: of all.
        settings: of the network.
    """
    generator = torch.Generator().manual_seed(seed)
    return examples([draw_window(settings.rate, generator)[0] for _ in range(size)], settings, generator)


def examples(windows: list[Tensor], settings: WheezeNetworkSettings, generator: torch.Generator) -> Examples:
    """Windows of breath sound as spectra, and beside each what the declared model says of it, made of the spectrum alone.

    The model says where lines are (`injected_target`); there a coefficient is meant to be kept whole, because its sparsity, which
    shrinks what it keeps, is not what is to be learned. A window is shown twice: as it is, and in more breath sound, noise of the
    spectrum and envelope of its own, with the lines that were found without. So the network learns to find in noise what the model
    finds only in less of it (as a student in noise does: Xie, Luong, Hovy and Le 2020).

    Args:
        windows: (n,) each, of one length.
        settings: of the network.
        generator: of the noise.

    Returns:
        Spectra (bins, frames), complex64, with what is meant by the name ``target``.
    """
    spectra: list[Tensor] = []
    targets: list[Tensor] = []
    for window in windows:
        spectrum, weights = spectrum_and_weights(window, settings)
        lines = _lines(spectrum, weights, settings.inside())
        noisy = spectrum_and_weights(_in_noise(window, settings, generator), settings)[0]
        spectra += [spectrum, noisy]
        targets += [lines * spectrum, lines * noisy]
    return Examples(torch.stack(spectra), {TARGET: torch.stack(targets)})


def _in_noise(window: Tensor, settings: WheezeNetworkSettings, generator: torch.Generator) -> Tensor:
    """A window in more of its own breath sound: up to 7 dB more noise."""
    stft = settings.stft(window.shape[-1])
    signal = window.float() / window.abs().amax().clamp_min(1e-12).float()
    whitening = line_whitening(signal, stft, ENVELOPE * settings.rate, settings.inside(), QUANTILE)
    noise = torch.randn(signal.shape, generator=generator)
    level = stft(noise).abs().square().mean().sqrt()  # of whitened breath sound it is 1
    return signal + uniform((0.0, _NOISE), generator) * whitening.inverse(noise / level)


def _lines(spectrum: Tensor, weights: Tensor, inside: Tensor) -> Tensor:
    """Where the model says that lines are, (bins, frames), bool; nowhere outside of the band, at which it is not asked."""
    lines = torch.zeros(spectrum.shape, dtype=torch.bool)
    lines[inside] = injected_target(spectrum[inside], weights[inside]) != 0
    return lines


def spectrum_and_weights(window: Tensor, settings: WheezeNetworkSettings) -> tuple[Tensor, Tensor]:
    """The whitened spectrum of a window, and the weight of each coefficient (`line_weights`); (bins, frames) each."""
    stft = settings.stft(window.shape[-1])
    signal = window.float() / window.abs().amax().clamp_min(1e-12).float()
    spectrum = stft(line_whitening(signal, stft, ENVELOPE * settings.rate, settings.inside(), QUANTILE)(signal))
    return spectrum, line_weights(spectrum.abs(), stft, settings.rate, WheezeSettings())


def draw_window(rate: int, generator: torch.Generator) -> tuple[Tensor, SimulatedRecording]:
    """A window of breath sound with or without continuous sounds, and the recording that it is of."""
    while True:
        settings = draw_settings(SECONDS, rate, generator)
        try:
            drawn = simulate_recording(replace(settings, continuous=_continuous(generator)), generator)
        except DataError:  # silence about a crackle: draw another breath
            continue
        left = uniform((0.0, 1.0), generator) < _CRACKLES
        return drawn.recording if left else drawn.recording - drawn.crackles, drawn


def _continuous(generator: torch.Generator) -> tuple[ContinuousSettings, ...]:
    """None, one or two kinds, faint and loud, in either phase."""
    if uniform((0.0, 1.0), generator) < _WITHOUT:
        return ()
    kinds = []
    for _ in range(1 + int(uniform((0.0, 2.0), generator))):
        kind = _KINDS[int(uniform((0.0, len(_KINDS) - 1e-6), generator))]
        phase = "expiration" if uniform((0.0, 1.0), generator) < 0.5 else "inspiration"
        low = uniform((-12.0, 12.0), generator)
        kinds.append(replace(kind, per_breath=math.exp(uniform((-1.0, 0.4), generator)), phase=phase, level_db=(low, low + 6.0)))
    return tuple(kinds)
