"""An independent Kalman filter and smoother in NumPy, and a linear system for it."""

import math

import numpy as np
import torch

from foreknow.operators import Matrix
from foreknow.simulate import Simulator


class LinearSimulator(Simulator):
    """x <- M x, y = H x."""

    def __init__(self, model, observation):
        super().__init__((model.shape[0],), 1.0)
        self.model = model
        self.seen = Matrix(observation)

    def initial(self, generator, batch=()):
        return torch.randn(*batch, *self.shape, generator=generator, dtype=torch.float64)

    def step(self, state, time=0.0, numbers=None):  # noqa: ARG002
        return state @ self.model.to(state).T

    def observe(self, state):
        return self.seen(state)


def linear_simulator(size=4, seen=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0] * 0.98
    return LinearSimulator(model, torch.randn(seen, size, generator=generator, dtype=torch.float64) / math.sqrt(size))


def kalman_smoother(model, observation, r, q, mean, covariance, ys):
    """Filtered and smoothed means, filtered and smoothed covariances (Rauch, Tung and Striebel), and the log likelihood."""
    means, covariances, predicted = [mean], [covariance], []
    likelihood = 0.0
    for y in ys:
        forecast, spread = model @ means[-1], model @ covariances[-1] @ model.T + q
        predicted.append((forecast, spread))
        innovation, s = y - observation @ forecast, observation @ spread @ observation.T + r
        likelihood -= 0.5 * (innovation @ np.linalg.solve(s, innovation) + np.linalg.slogdet(s)[1] + len(y) * np.log(2 * np.pi))
        gain = spread @ observation.T @ np.linalg.inv(s)
        means.append(forecast + gain @ innovation)
        covariances.append(spread - gain @ observation @ spread)
    smooth, smooth_covariances = [means[-1]], [covariances[-1]]
    for index in range(len(ys) - 1, -1, -1):
        forecast, spread = predicted[index]
        gain = covariances[index] @ model.T @ np.linalg.inv(spread)
        smooth.insert(0, means[index] + gain @ (smooth[0] - forecast))
        smooth_covariances.insert(0, covariances[index] + gain @ (smooth_covariances[0] - spread) @ gain.T)
    return np.array(means), np.array(covariances), np.array(smooth), np.array(smooth_covariances), likelihood
