"""Noise models: the data term D(z; y) = -log p(y | z) of the clean signal z = sum_i A_i x_i, up to a constant."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from foreknow.parameters import Parameter, as_parameter
from foreknow.shapes import inner, squared_norm, sum_event


class Noise(nn.Module, ABC):
    r"""The contract of a data term D(z; y), convex in z, for z and y of shape (\*batch, \*event).

    Attributes:
        smooth: whether `gradient` and `lipschitz` exist; else algorithms use `prox`.
    """

    smooth: bool

    @abstractmethod
    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """D(z; y) of each batch item, (*batch,)."""

    @abstractmethod
    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:
        """argmin_w 1/2 |w - z|^2 + step D(w; y); ``step`` broadcasts against z."""

    @abstractmethod
    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """sup_z <u, z> - D(z; y), (*batch,); infinite outside its domain."""

    def dual_scale(self, u: Tensor, event_dims: int) -> Tensor:
        """The largest t in [0, 1] for which the conjugate of t u is finite, (*batch,)."""
        return torch.ones(u.shape[: u.ndim - event_dims], dtype=u.dtype.to_real(), device=u.device)

    def gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """The gradient of D with respect to z; only where `smooth`."""
        message = f"{type(self).__name__} is not differentiable; use an algorithm that takes its proximal map (ADMM, PDHG)"
        raise NotImplementedError(message)

    def lipschitz(self, event_dims: int) -> Tensor:
        """A Lipschitz constant of `gradient`, () or (*batch,); only where `smooth`."""
        message = f"the gradient of {type(self).__name__} has no Lipschitz constant; use ADMM or PDHG"
        raise NotImplementedError(message)

    @abstractmethod
    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw of y given z."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """D as `print(model)` writes it, with ``{y}`` and ``{z}`` where the data and the sum of the components go."""


class Gaussian(Noise):
    """White noise of standard deviation sigma: D = |z - y|^2 / (2 sigma^2).

    Args:
        sigma: positive; a number, a tensor of shape (*batch, 1, ..., 1), or a `Positive` parameter to be learned.
    """

    smooth = True

    def __init__(self, sigma: float | Tensor | Parameter = 1.0) -> None:
        super().__init__()
        self.sigma_parameter = as_parameter(sigma)

    @property
    def sigma(self) -> Tensor:
        """The standard deviation."""
        return self.sigma_parameter()

    def _variance(self, like: Tensor) -> Tensor:
        return self.sigma.to(device=like.device, dtype=like.dtype.to_real()).square()

    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """|z - y|^2 / (2 sigma^2)."""
        variance = self._variance(y)
        return squared_norm(z - y, event_dims) / (2 * _per_item(variance, event_dims))

    def gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """(z - y) / sigma^2."""
        return (z - y) / self._variance(y)

    def lipschitz(self, event_dims: int) -> Tensor:
        """1 / sigma^2."""
        return 1 / _per_item(self.sigma, event_dims).square()

    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:
        """The weighted mean of z and y."""
        ratio = step / self._variance(y)
        return (z + ratio * y) / (1 + ratio)

    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """<u, y> + sigma^2 |u|^2 / 2."""
        return inner(u, y, event_dims) + _per_item(self._variance(y), event_dims) * squared_norm(u, event_dims) / 2

    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Z plus white noise (circular where z is complex)."""
        noise = torch.randn(z.shape, dtype=z.dtype, device=z.device, generator=generator)
        return z + self._variance(z).sqrt() * noise

    @property
    def formula(self) -> str:
        """1/(2 sigma^2) |y - z|^2."""
        if self.sigma.ndim:
            return "|{y} - {z}|^2 / (2 sigma^2)"
        return f"{float(1 / (2 * self.sigma.square())):.4g} |{{y}} - {{z}}|^2"


class Huber(Noise):
    """Noise with outliers: quadratic up to ``threshold`` standard deviations, linear beyond (Huber 1964), element by element.

    Args:
        threshold: positive, in standard deviations.
        sigma: the standard deviation of the good samples; as for `Gaussian`.
    """

    smooth = True

    def __init__(self, threshold: float = 1.345, sigma: float | Tensor | Parameter = 1.0) -> None:
        super().__init__()
        self.threshold = float(threshold)
        self.sigma_parameter = as_parameter(sigma)

    @property
    def sigma(self) -> Tensor:
        """The standard deviation of the good samples."""
        return self.sigma_parameter()

    def _sigma(self, like: Tensor) -> Tensor:
        return self.sigma.to(device=like.device, dtype=like.dtype.to_real())

    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """The sum of the Huber function of (z - y) / sigma."""
        modulus = ((z - y) / self._sigma(y)).abs()
        inside = torch.minimum(modulus, torch.full_like(modulus, self.threshold))
        return sum_event(inside * (modulus - inside / 2), event_dims)

    def gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """The residual / sigma^2, clipped in modulus at threshold / sigma."""
        sigma = self._sigma(y)
        residual = (z - y) / sigma
        return residual / (residual.abs() / self.threshold).clamp_min(1) / sigma

    def lipschitz(self, event_dims: int) -> Tensor:
        """1 / sigma^2."""
        return 1 / _per_item(self.sigma, event_dims).square()

    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:
        """Closed form: shrink the residual by a factor inside, by a constant outside."""
        sigma = self._sigma(y)
        residual = (z - y) / sigma
        ratio = step / sigma.square()
        factor = 1 - ratio / torch.maximum(1 + ratio, residual.abs() / self.threshold)
        return y + sigma * factor * residual

    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """<u, y> + |sigma u|^2 / 2 where every |sigma u| is at most the threshold, else infinite."""
        scaled = self._sigma(y) * u
        bound = self.threshold * (1 + 4 * torch.finfo(scaled.dtype).eps)
        inside = (scaled.abs() <= bound).flatten(u.ndim - event_dims).all(dim=-1)
        finite = inner(u, y, event_dims) + squared_norm(scaled, event_dims) / 2
        return torch.where(inside, finite, torch.inf)

    def dual_scale(self, u: Tensor, event_dims: int) -> Tensor:
        """Threshold / max |sigma u|, at most 1."""
        largest = (self._sigma(u) * u).abs().flatten(u.ndim - event_dims).amax(dim=-1)
        return (self.threshold / largest).clamp_max(1)

    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from the density proportional to exp(-D): Gaussian in the middle, exponential tails (exact, by inversion)."""
        uniform = torch.rand(z.shape, dtype=torch.float64, device=z.device, generator=generator)
        delta = torch.tensor(self.threshold, dtype=torch.float64, device=z.device)
        tail = torch.exp(-(delta**2) / 2) / delta
        middle = (torch.pi / 2) ** 0.5 * torch.erf(delta / 2**0.5)
        mass = uniform.mul(2).sub(1)  # sign and position at once: mass in (-1, 1)
        position = mass.abs() * (middle + tail)
        inside = 2**0.5 * torch.erfinv((position / (torch.pi / 2) ** 0.5).clamp_max(1 - 1e-15))
        outside = delta - torch.log(((middle + tail - position) / tail).clamp_min(1e-300)) / delta
        draw = mass.sign() * torch.where(position < middle, inside, outside)
        return z + self._sigma(z) * draw.to(z.dtype)

    @property
    def formula(self) -> str:
        """huber(y - z)."""
        return f"huber_{self.threshold:.4g}(({{y}} - {{z}}) / sigma)"


class Poisson(Noise):
    """Counting noise with mean z + background: D = sum z - y log(z + background), shifted so that its minimum is 0.

    Args:
        background: the known non-negative mean of counts that are not signal.
    """

    smooth = False  # differentiable, but with no Lipschitz constant near 0

    def __init__(self, background: float = 0.0) -> None:
        super().__init__()
        self.background = float(background)

    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """The Kullback-Leibler divergence of y from z + background; infinite where that is negative."""
        mean = z + self.background
        divergence = mean - y + torch.special.xlogy(y, y) - torch.special.xlogy(y, mean.clamp_min(0))
        return sum_event(torch.where(mean >= 0, divergence, torch.inf), event_dims)

    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:
        """The positive root of a quadratic equation."""
        shifted = z + self.background - step
        return (shifted + (shifted.square() + 4 * step * y).sqrt()) / 2 - self.background

    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """- sum y log(1 - u) - background u, infinite where u >= 1 (u > 1 where y is 0)."""
        inside = ((u < 1) | ((y == 0) & (u <= 1))).flatten(u.ndim - event_dims).all(dim=-1)
        finite = sum_event(-torch.special.xlogy(y, (1 - u).clamp_min(0)) - self.background * u, event_dims)
        return torch.where(inside, finite, torch.inf)

    def dual_scale(self, u: Tensor, event_dims: int) -> Tensor:
        """A factor that keeps every u below 1."""
        largest = u.flatten(u.ndim - event_dims).amax(dim=-1)
        return torch.where(largest >= 1, (1 - 1e-12) / largest, torch.ones_like(largest))

    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Counts of mean z + background."""
        return torch.poisson((z + self.background).clamp_min(0), generator=generator)

    @property
    def formula(self) -> str:
        """KL(y, z + background)."""
        return "KL({y}, {z} + background)" if self.background else "KL({y}, {z})"


class Exact(Noise):
    """No noise: the components sum to the data, z = y (robust PCA, basis pursuit)."""

    smooth = False

    def value(self, z: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """0 where z = y up to rounding (1e-5 of the norm of y in float32, 1e-10 in float64), else infinite."""
        tolerance = 1e-10 if y.dtype.to_real() == torch.float64 else 1e-5
        distance = squared_norm(z - y, event_dims).sqrt()
        inside = distance <= tolerance * squared_norm(y, event_dims).sqrt()
        return torch.where(inside, torch.zeros_like(distance), torch.inf)

    def prox(self, z: Tensor, y: Tensor, step: Tensor) -> Tensor:  # noqa: ARG002
        """Y itself."""
        return y.expand_as(z)

    def conjugate(self, u: Tensor, y: Tensor, event_dims: int) -> Tensor:
        """<u, y>."""
        return inner(u, y, event_dims)

    def sample(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Z itself."""
        return z

    @property
    def formula(self) -> str:
        """The constraint y = z."""
        return "indicator({y} = {z})"


def _per_item(parameter: Tensor, event_dims: int) -> Tensor:
    """(*batch, 1, ..., 1) or () -> (*batch,) or ()."""
    if parameter.ndim == 0:
        return parameter
    return parameter.reshape(parameter.shape[: parameter.ndim - event_dims])
