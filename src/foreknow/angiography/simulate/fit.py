"""Parameters of the simulator learned back from frames: noise against intensity, spectrum of background and grain."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ShapeError

_TILE = 8
_LEAST_TILES = 12
_QUARTILE = 0.83  # lower quartile of the mean of 64 squared residuals, of which about 36 are independent
_WIDEST_GRAIN = 0.8
_ENOUGH = 300  # coefficients in a bin beyond which the form, not chance, is what misfits


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """Variance of the noise as a line over intensity: ``offset + gain * intensity``.

    Attributes:
        gain: stored values squared per stored value; one over the quanta per stored value.
        offset: stored values squared.
        intensities: (bins,) that the line was fitted to.
        variances: (bins,) measured there.
    """

    gain: float
    offset: float
    intensities: Tensor
    variances: Tensor

    def deviation(self, intensity: float) -> float:
        """Standard deviation at an intensity, stored values."""
        return max(0.0, self.offset + self.gain * intensity) ** 0.5


def fit_noise(frames: Tensor, *, grain: float = 0.0, bins: int = 16) -> NoiseFit:
    """Fit the relation between noise and intensity, robustly against anatomy and vessels.

    The second difference in both directions removes all that is smooth (Immerkaer 1996). Its variance is taken in tiles of 8 x 8;
    of the tiles of like intensity the lower quartile counts, because structure only adds. The line is fitted by weighted least
    squares with a non-negative gain and offset. Noise that neighbours share passes the filter less: ``grain`` corrects for that.

    Args:
        frames: (..., height, width) stored values, of any number of frames.
        grain: standard deviation in pixels of the blur that the noise went through (`fit_spectrum` estimates it).
        bins: of intensity; fewer where there are few tiles.

    Raises:
        ShapeError: if a frame is smaller than 32 pixels.
        DataError: if the frames are constant or not finite.
    """
    images = _images(frames)
    smooth = images[:, 1:-1, 1:-1]
    rows = images[:, :-2] - 2 * images[:, 1:-1] + images[:, 2:]
    second = rows[:, :, :-2] - 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    mean, power = _tiles(smooth), _tiles(second.square()) / _passed(grain)
    bins = max(1, min(bins, len(mean) // (2 * _LEAST_TILES)))
    edges = torch.quantile(mean, torch.linspace(0.01, 0.99, bins + 1, dtype=mean.dtype))
    places, variances, weights = [], [], []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = (mean >= low) & (mean <= high)
        if int(inside.sum()) >= _LEAST_TILES:
            chosen = power[inside]
            variances.append(chosen.quantile(0.25) / _QUARTILE)
            places.append(mean[inside].median())
            weights.append(inside.sum())
    if not places:
        message = "the noise cannot be fitted: the frames have too few pixels of like intensity; give more or larger frames"
        raise DataError(message)
    x, y = torch.stack(places), torch.stack(variances)
    gain, offset = _line(x, y, torch.stack(weights).to(x) / y.clamp_min(1e-12).square())
    return NoiseFit(gain, offset, x, y)


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """Radial power spectrum as structure that falls as a power of frequency, plus noise.

    Attributes:
        slope: of the structure: power goes as frequency to -slope.
        structure: its power at 0.1 cycles per pixel.
        noise: power of the noise at low frequency, equal to its variance before any blur.
        blur: standard deviation in pixels of the blur of the structure.
        grain: standard deviation in pixels of the blur that the noise shares.
        frequencies: (bins,) cycles per pixel.
        power: (bins,) measured.
        error: root mean square misfit of the logarithm of power.
    """

    slope: float
    structure: float
    noise: float
    blur: float
    grain: float
    frequencies: Tensor
    power: Tensor
    error: float


def fit_spectrum(frames: Tensor, *, steps: int = 200) -> SpectrumFit:
    r"""Fit the radial spectrum by gradients.

    The form is ``structure (f / 0.1)^-slope exp(-(2 pi f blur)^2) + noise exp(-(2 pi f grain)^2) + 1/12``.

    The misfit of the logarithm is minimised by L-BFGS over five parameters that are bounded by construction (grain below 0.8);
    1/12 is what rounding to whole values adds.

    Args:
        frames: (..., height, width) stored values; spectra of several frames are averaged.
        steps: of L-BFGS at most.

    Raises:
        ShapeError: if a frame is smaller than 32 pixels.
        DataError: if the frames are constant or not finite.
    """
    frequencies, power, counts = radial_spectrum(_images(frames))
    weights = counts.clamp_max(_ENOUGH) / counts.clamp_max(_ENOUGH).sum()
    logarithm = power.log()
    low = float(power[(frequencies > 0.05) & (frequencies < 0.12)].mean())
    start = torch.tensor([2.6, low, float(power[-6:].mean()) + 0.01, 0.5, 0.5], dtype=torch.float64).log()
    raw = start.requires_grad_()
    optimiser = torch.optim.LBFGS([raw], max_iter=steps, tolerance_grad=1e-9, tolerance_change=1e-12, line_search_fn="strong_wolfe")

    def misfit() -> Tensor:
        optimiser.zero_grad()
        loss = (weights * (_spectrum(_bounded(raw), frequencies).log() - logarithm).square()).sum()
        loss.backward()
        return loss

    optimiser.step(misfit)
    found = _bounded(raw.detach())
    error = float((_spectrum(found, frequencies).log() - logarithm).square().mean().sqrt())
    slope, structure, noise, blur, grain = found.tolist()
    return SpectrumFit(slope, structure, noise, blur, grain, frequencies, power, error)


def radial_spectrum(images: Tensor, bins: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Power spectral density of images (frames, height, width) over frequency, averaged over directions and frames.

    White noise of variance v has the density v. Bins are evenly spaced in the logarithm of frequency, from 3 cycles a picture.

    Returns:
        (bins,) cycles per pixel, power and number of coefficients, float64; bins without a coefficient are left out.
    """
    height, width = images.shape[-2:]
    window = torch.hann_window(height, dtype=torch.float64)[:, None] * torch.hann_window(width, dtype=torch.float64)
    centred = images - images.mean(dim=(-2, -1), keepdim=True)
    power = torch.fft.fft2(centred * window).abs().square().mean(dim=0) / window.square().sum()
    square = (
        torch.fft.fftfreq(height, dtype=torch.float64)[:, None].square() + torch.fft.fftfreq(width, dtype=torch.float64).square()
    )
    radius = square.sqrt()
    edges = torch.logspace(torch.tensor(3 / min(height, width)).log10().item(), -0.31, bins + 1, dtype=torch.float64)
    index = torch.bucketize(radius, edges) - 1
    inside = (index >= 0) & (index < bins)
    counts = torch.bincount(index[inside], minlength=bins)
    sums = torch.bincount(index[inside], weights=power[inside], minlength=bins)
    places = torch.bincount(index[inside], weights=radius[inside], minlength=bins)
    full = counts > 0
    return places[full] / counts[full], (sums[full] / counts[full]).clamp_min(1e-12), counts[full].double()


def _bounded(raw: Tensor) -> Tensor:
    """Slope, structure, noise, blur, grain: positive; a grain beyond ``_WIDEST_GRAIN`` would stand in for structure."""
    return torch.cat((raw[:4].exp(), _WIDEST_GRAIN * torch.sigmoid(raw[4:])))


def _spectrum(parameters: Tensor, frequencies: Tensor) -> Tensor:
    slope, structure, noise, blur, grain = parameters.unbind()
    anatomy = structure * (frequencies / 0.1) ** -slope * torch.exp(-((2 * torch.pi * frequencies * blur).square()))
    return anatomy + noise * _radial_gain(frequencies, grain) + 1 / 12


def _radial_gain(frequencies: Tensor, sigma: Tensor) -> Tensor:
    """Power gain of a sampled separable Gaussian over radial frequency: geometric mean of along an axis and along the diagonal."""
    return _transfer(frequencies, sigma).abs() * _transfer(frequencies / 2**0.5, sigma).square()


def _transfer(frequencies: Tensor, sigma: Tensor) -> Tensor:
    """Transfer function of a Gaussian sampled at whole pixels, as `gaussian_blur` has it."""
    place = torch.arange(1, 6, dtype=frequencies.dtype)
    taps = torch.exp(-0.5 * (place / sigma.clamp_min(0.05)).square())
    return (1 + 2 * (taps * torch.cos(2 * torch.pi * frequencies[..., None] * place)).sum(-1)) / (1 + 2 * taps.sum())


def _passed(grain: float) -> float:
    """Variance that the second difference passes of unit white noise blurred by ``grain``."""
    axis = torch.fft.fftfreq(256, dtype=torch.float64)
    shared = _transfer(axis, torch.tensor(grain, dtype=torch.float64)).square()
    return float(((2 - 2 * torch.cos(2 * torch.pi * axis)).square() * shared).mean()) ** 2


def _line(x: Tensor, y: Tensor, weights: Tensor) -> tuple[float, float]:
    """Weighted least squares with both coefficients non-negative: of the feasible solutions on or off an axis the best."""
    design = torch.stack((x, torch.ones_like(x)), dim=1)
    root = weights.sqrt()[:, None]
    both = torch.linalg.lstsq(root * design, root * y[:, None]).solution.squeeze(1)
    if float(both.min()) >= 0:
        return float(both[0]), float(both[1])
    gain = float(((weights * x * y).sum() / (weights * x * x).sum()).clamp_min(0))
    offset = float(((weights * y).sum() / weights.sum()).clamp_min(0))
    through, flat = (weights * (y - gain * x).square()).sum(), (weights * (y - offset).square()).sum()
    return (gain, 0.0) if bool(through <= flat) else (0.0, offset)


def _tiles(images: Tensor) -> Tensor:
    """Mean of each tile, flat."""
    return torch.nn.functional.avg_pool2d(images[:, None], _TILE).flatten()


def _images(frames: Tensor) -> Tensor:
    if frames.ndim < 2 or min(frames.shape[-2:]) < 32:
        message = f"frames have shape {tuple(frames.shape)}, but must be (..., height, width) of at least 32 pixels"
        raise ShapeError(message)
    images = frames.reshape(-1, *frames.shape[-2:]).to(torch.float64)
    if not bool(images.isfinite().all()) or float(images.amax() - images.amin()) == 0:
        message = "the frames are constant or not finite: there is nothing to fit"
        raise DataError(message)
    return images
