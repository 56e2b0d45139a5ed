"""The noise level from the finest detail of the data, whatever the model of the signal."""

import math
import time

import torch
from torch import Tensor

from foreknow.errors import ShapeError, UnsupportedError
from foreknow.learn.hyperparameters.knobs import Knobs
from foreknow.learn.hyperparameters.outcome import Outcome, Status, learned_numbers
from foreknow.model import Model
from foreknow.noise import Gaussian
from foreknow.operators import Wavelet
from foreknow.unroll import NoiseLevel


class MedianNoise:
    """The median absolute value of the finest wavelet details, divided by 0.6745 (Donoho and Johnstone 1994).

    The details are those of detail along every axis of an item (the diagonal ones of an image). Right where the signal is smooth
    or sparse there, so that it touches few of them; too high where it is not, and of coloured noise that of its finest scale.
    The standard error counts the medians only, not that bias.

    Args:
        wavelet: name of an orthogonal wavelet.
    """

    def __init__(self, wavelet: str = "db4") -> None:
        self.wavelet = wavelet

    def learn(self, model: Model, y: Tensor) -> Outcome:
        r"""Measure the noise level, one number for all data.

        Args:
            model: with Gaussian noise; it is left alone.
            y: the data, (\*batch, \*shape), real.

        Raises:
            DataError, ShapeError: if y does not fit, or an item has an axis of less than two samples.
            UnsupportedError: if the noise of the model is not Gaussian with one level, or the data are complex.
        """
        began = time.perf_counter()
        if not isinstance(model.problem.noise, Gaussian) or model.problem.noise.sigma.numel() != 1 or y.is_complex():
            message = (
                "the noise level is measured for real data and one Gaussian(sigma); declare the model with noise=Gaussian(1.0)"
            )
            raise UnsupportedError(message)
        knobs = Knobs(model, [NoiseLevel()])
        event_dims = knobs.problem.for_data(y).event_dims
        detail = self._detail(y, event_dims)
        level = float(detail.abs().median()) / _NORMAL_MEDIAN
        if not level > 0:
            message = "more than half of the finest details are 0 and say nothing of the noise; learn it with the weights"
            raise UnsupportedError(message)
        found = torch.full_like(knobs.start, level).log()
        knobs.assign(found)
        error = torch.full_like(knobs.start, _SPREAD / math.sqrt(detail.numel()))
        return Outcome(
            knobs.model(),
            learned_numbers(knobs, error),
            Status.CONVERGED,
            found[None],
            (),
            time.perf_counter() - began,
            type(self).__name__,
        )

    def _detail(self, y: Tensor, event_dims: int) -> Tensor:
        """The finest details along all axes, without the ends that the periodic transform joins."""
        if min(y.shape[y.ndim - event_dims :]) < 2:
            message = f"items of shape {tuple(y.shape[y.ndim - event_dims :])} have no detail along every axis"
            raise ShapeError(message)
        transform = Wavelet(self.wavelet, 1, domain_dims=event_dims)
        margin = len(transform.scaling_filter) // 2
        detail = transform.on(tuple(y.shape[y.ndim - event_dims :]))(y)
        for axis in range(-event_dims, 0):
            half = detail.shape[axis] // 2
            cut = margin if half > 4 * margin else 0
            detail = detail.narrow(axis, half + cut, half - 2 * cut)
        return detail


_NORMAL_MEDIAN = 0.6744897501960817
_SPREAD = 1.1664  # relative standard deviation of the median absolute value of one normal number, times sqrt(n)
