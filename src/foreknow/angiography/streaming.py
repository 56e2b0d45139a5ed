"""Frames as they come, at the rate of acquisition: a vessel layer for each, from it and those before it, in bounded memory."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foreknow.angiography.network.looking import resized, working_size
from foreknow.angiography.network.vessel_network import VesselNetwork
from foreknow.angiography.noise import noise_of_samples
from foreknow.errors import DataError, ParameterError, ShapeError
from foreknow.noise import Gaussian
from foreknow.priors import L1, NonNegative, NuclearNorm
from foreknow.solve import OnlineRobustPCA
from foreknow.solve.leading_subspace import LeadingSubspace

_STEP = 0.06  # units of detail by which the running median follows
_MEMORY = 0.9  # of the running unit


@dataclass(frozen=True)
class StreamedFrame:
    """One frame taken apart; both layers sum to it.

    Attributes:
        vessels: (height, width) float32, 0 or more.
        background: (height, width) float32.
        gate: (height, width) float32, 0 to 1; None where no network looks.
    """

    vessels: Tensor = field(repr=False)
    background: Tensor = field(repr=False)
    gate: Tensor | None = field(default=None, repr=False)


class FrameStream(ABC):
    """Takes frames (height, width) of attenuation one by one, all of one size."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None

    def push(self, frame: Tensor) -> StreamedFrame:
        """The next frame taken apart.

        Raises:
            ShapeError: if it is no picture, or not of the size of those before.
            DataError: if it has values that are NaN or infinite.
        """
        if frame.ndim != 2 or min(frame.shape) < 16 or (self._size is not None and tuple(frame.shape) != self._size):
            message = f"a stream takes frames (height, width) of one size, 16 pixels or more, not {tuple(frame.shape)}"
            raise ShapeError(message)
        if not bool(torch.isfinite(frame).all()):
            message = "a frame of the stream has values that are NaN or infinite; check where it comes from"
            raise DataError(message)
        self._size = (frame.shape[0], frame.shape[1])
        with torch.inference_mode():
            return self._next(frame.float())

    def enhance(self, frames: Iterable[Tensor]) -> Iterator[StreamedFrame]:
        """All frames of a source, each as soon as it is there."""
        for frame in frames:
            yield self.push(frame)

    @abstractmethod
    def _next(self, frame: Tensor) -> StreamedFrame:
        """The frame taken apart."""


class NetworkStream(FrameStream):
    """The vessel network, which is told the difference from a running median (sigma-delta; Manzanera and Richefeu 2004).

    Args:
        network: in evaluation mode.
        side: pixels of the longer side at which it looks.
        half: whether it computes in bfloat16, which is quicker on processors that have it.

    Raises:
        ParameterError: if the side is below 32.
    """

    def __init__(self, network: VesselNetwork, side: int = 384, *, half: bool = False) -> None:
        super().__init__()
        if side < 32:
            message = f"a network looks at 32 pixels a side or more, not {side}"
            raise ParameterError(message)
        self.network = network
        self.side = side
        self.half = half
        self._median: Tensor | None = None
        self._unit = torch.zeros(())

    def _next(self, frame: Tensor) -> StreamedFrame:
        size = working_size(frame.shape, self.side)
        view = resized(frame, size)
        detail = self.network.detail(view)
        unit = self.network.unit(detail[None])[0]
        self._unit = unit if self._median is None else _MEMORY * self._unit + (1 - _MEMORY) * unit
        scaled = self.network.scaled(detail, self._unit)
        self._median = scaled.clone() if self._median is None else self._median.add_(_STEP * torch.sign(scaled - self._median))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            gate, behind = self.network.look(scaled, scaled - self._median)
        whole = (frame.shape[0], frame.shape[1])
        gate = resized(gate.float(), whole)
        vessels = self.network.share(gate) * (frame - resized(view - detail + self._unit * behind.float(), whole)).clamp_min(0)
        return StreamedFrame(vessels, frame - vessels, gate)


class OnlineStream(FrameStream):
    """Robust PCA one frame after the other, in memory of ``rank`` frames: the classical counterpart.

    The first frames are collected and solved together, at a reduced size; until then a frame is all background.

    Args:
        first: number of frames to begin with; take those before the contrast agent arrives, and a beat or more.
        rank: directions of the background.
        side: pixels of the longer side at which the background is found; details above it stay with the vessels if they rise
            above ``level`` times the noise.
        level: threshold of the vessels, standard deviations of the noise.

    Raises:
        ParameterError: if a number is out of range.
    """

    def __init__(self, first: int = 15, rank: int = 8, side: int = 256, level: float = 2.0) -> None:
        super().__init__()
        if first < 2 or rank < 1 or side < 32 or not level > 0:
            numbers = f"{first}, {rank}, {side} and {level}"
            message = f"a stream begins with 2 frames, a rank of 1, a side of 32 and a level above 0 at least, not {numbers}"
            raise ParameterError(message)
        self.first, self.rank, self.side, self.level = first, rank, side, level
        self._beginning: list[Tensor] = []
        self._state: LeadingSubspace | None = None
        self._solver: OnlineRobustPCA | None = None

    def _next(self, frame: Tensor) -> StreamedFrame:
        small = resized(frame, working_size(frame.shape, min(self.side, max(frame.shape))))
        if self._state is None or self._solver is None:
            self._beginning.append(small)
            if len(self._beginning) == self.first:
                self._begin()
            return StreamedFrame(torch.zeros_like(frame), frame)
        self._state, separated = self._solver.step(self._state, small)
        whole = (frame.shape[0], frame.shape[1])
        vessels = torch.where(resized(separated.sparse, whole) > 0, frame - resized(separated.background, whole), 0.0).clamp_min(0)
        return StreamedFrame(vessels, frame - vessels)

    def _begin(self) -> None:
        frames = torch.stack(self._beginning)
        self._beginning.clear()
        sigma = max(noise_of_samples(frames.flatten(1)), 1e-4)
        # In units of the noise: what exceeds the level is a vessel, and a direction of the background has more than noise would
        # (the largest singular value of n x T entries is about sqrt(n) + sqrt(T); Davidson and Szarek 2001).
        weight = (math.sqrt(frames[0].numel()) + math.sqrt(len(frames))) / sigma
        sparse = L1(self.level / sigma, event_dims=2) & NonNegative(event_dims=2)
        self._solver = OnlineRobustPCA(
            NuclearNorm(weight, event_dims=3), sparse, Gaussian(sigma), rank=self.rank, tolerance=1e-3, max_iterations=20
        )
        self._state, _ = self._solver.init(frames, tolerance=1e-2)
