"""Robust principal component analysis of a stream: frames come one at a time, memory stays bounded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.noise import Gaussian
from foreknow.priors import NuclearNorm, Prior
from foreknow.problem import Component, Problem
from foreknow.solve.choose import choose_algorithm
from foreknow.solve.driver import minimize
from foreknow.solve.leading_subspace import LeadingSubspace

_CHECK_EVERY = 5  # alternations between two looks at whether they still change anything


@dataclass(frozen=True)
class SeparatedFrame:
    r"""One frame taken apart: frame = background + sparse + noise.

    Attributes:
        background: (\*batch, \*frame).
        sparse: (\*batch, \*frame), exactly zero where nothing was found.
    """

    background: Tensor
    sparse: Tensor


class OnlineRobustPCA:
    r"""min |D - L - S|^2 / (2 sigma^2) + w |L|_* + R(S), the columns of D being frames that come one after the other.

    For known S the best L is the thresholding of D - S. Its left singular vectors U and singular values s are kept and updated with
    each frame (incremental singular value decomposition; Brand 2002), the right ones are forgotten. The background of a frame d is
    then l = U f U^H (d - s) with f_i = max(1 - w sigma^2 / s_i, 0), its sparse part s = prox_{sigma^2 R}(d - l), and both are
    alternated to their joint minimum: the problem of one frame, in which the nuclear norm is w/2 v^H diag(s - w sigma^2)^-1 v of
    the coefficients v (its variational form; compare Feng, Xu and Yan 2013). Over frames of a still background this becomes the
    solution of all frames at once; what early frames contributed with a poorer U is not revised.

    Memory: N (rank + 6) numbers for frames of N pixels, whatever the length of the stream.

    Args:
        low_rank: the nuclear norm, for its weight w, over the axes (n, \*frame).
        sparse: R, the prior of the sparse part of one frame, with a proximal map.
        noise: the noise, for its sigma.
        rank: at most so many directions of background are kept.
        forgetting: factor in (0, 1] by which singular values shrink with each frame, so that the background may change slowly:
            the last 1 / (1 - forgetting^2) frames count. The fewer these are, the more of each the weight w takes away.
        tolerance: change of the sparse part in one alternation, relative to the frame, at which the alternation ends.
        max_iterations: alternations after which it ends anyway.

    Raises:
        ParameterError: if a number is outside its range.
        UnsupportedError: if R has no proximal map, or is not of one frame.
    """

    def __init__(
        self,
        low_rank: NuclearNorm,
        sparse: Prior,
        noise: Gaussian,
        *,
        rank: int = 10,
        forgetting: float = 1.0,
        tolerance: float = 1e-4,
        max_iterations: int = 100,
    ) -> None:
        if rank < 1 or not 0 < forgetting <= 1 or not tolerance > 0 or max_iterations < 1:
            message = (
                f"rank ({rank}), tolerance ({tolerance}) and max_iterations ({max_iterations}) must be positive, "
                f"forgetting ({forgetting}) in (0, 1]"
            )
            raise ParameterError(message)
        self.frame_dims = low_rank.event_dims - 1
        if not sparse.has_prox or sparse.event_dims > self.frame_dims:
            message = (
                f"the sparse part of one frame needs a prior with a proximal map over its {self.frame_dims} axes or fewer "
                f"(those of the nuclear norm but the first), not {type(sparse).__name__} over {sparse.event_dims}"
            )
            raise UnsupportedError(message)
        self.low_rank = low_rank
        self.sparse = sparse
        self.noise = noise
        self.rank = rank
        self.forgetting = forgetting
        self.tolerance = tolerance
        self.max_iterations = max_iterations

    def init(self, frames: Tensor, tolerance: float = 1e-3) -> tuple[LeadingSubspace, tuple[SeparatedFrame, ...]]:
        r"""Begin with the solution of the first frames, all at once.

        Args:
            frames: (\*batch, n, \*frame).
            tolerance: relative duality gap of their solution.

        Returns:
            What the next step needs, and those frames taken apart.

        Raises:
            DataError, ShapeError: if the frames do not fit.
        """
        dims = self.frame_dims + 1
        components = {"background": Component(self.low_rank), "sparse": Component(self.sparse.over(dims))}
        problem = Problem(components, self.noise).for_data(frames)
        solution = minimize(problem, frames, choose_algorithm(problem), tolerance=tolerance)
        axis = frames.ndim - dims
        rest = (frames - solution["sparse"]).flatten(axis + 1).mT
        parts = zip(solution["background"].unbind(axis), solution["sparse"].unbind(axis), strict=True)
        return LeadingSubspace.of(rest, self.rank), tuple(SeparatedFrame(background, sparse) for background, sparse in parts)

    def step(self, state: LeadingSubspace, frame: Tensor, mask: Tensor | None = None) -> tuple[LeadingSubspace, SeparatedFrame]:
        r"""Take one frame apart and learn from it.

        Args:
            state: what `init` or the last step returned.
            frame: (\*batch, \*frame), finite where it is observed.
            mask: which pixels are observed, boolean, broadcastable to the frame; all if None. The background is filled in
                elsewhere.

        Raises:
            DataError: if an observed pixel is NaN or infinite.
            ShapeError: if the frame is not of the size of those before.
        """
        if frame.ndim < self.frame_dims or self._column(frame).shape != (*state.basis.shape[:-1], 1):
            known = tuple(state.basis.shape[:-1])
            message = f"a frame of shape {tuple(frame.shape)} cannot follow frames of the shape (*batch, pixels) = {known}"
            raise ShapeError(message)
        if mask is not None:
            frame = torch.where(mask, frame, 0.0)
        if not bool(torch.isfinite(frame).all()):
            message = "a frame has pixels that are NaN or infinite; leave them out by a mask"
            raise DataError(message)
        with torch.no_grad():
            separated = self._separate(state, frame, mask)
            rest = _observed(frame - separated.sparse, mask, separated.background)
            return state.with_column(self._column(rest), self.rank, self.forgetting), separated

    def separate(self, frames: Iterable[Tensor], first: int = 20) -> Iterator[SeparatedFrame]:
        r"""Take a stream apart; the ``first`` frames come together, once they are all there.

        Args:
            frames: (\*batch, \*frame) each.
            first: number of frames to begin with: more than anything that moves stays in one place.

        Raises:
            ParameterError: if ``first`` is below 1.
        """
        if first < 1:
            message = f"a stream begins with the solution of one frame or more, not {first}"
            raise ParameterError(message)
        beginning: list[Tensor] = []
        state: LeadingSubspace | None = None
        for frame in frames:
            if state is None:
                beginning.append(frame)
                if len(beginning) == first:
                    state, parts = self.init(self._together(beginning))
                    beginning.clear()
                    yield from parts
            else:
                state, separated = self.step(state, frame)
                yield separated
        if beginning:
            yield from self.init(self._together(beginning))[1]

    def _separate(self, state: LeadingSubspace, frame: Tensor, mask: Tensor | None) -> SeparatedFrame:
        """The background and the sparse part of one frame, alternated."""
        variance = self._per_item(self.noise.sigma.detach().square(), state.values)
        threshold = self._per_item(self.low_rank.weight.detach(), state.values) * variance
        factors = (1 - threshold.unsqueeze(-1) / state.values.clamp_min(1e-290)).clamp_min(0)
        factors = factors.to(frame.real.dtype).unsqueeze(-1)
        step = variance.to(frame.real.dtype)
        step = step.reshape(step.shape + (1,) * self.frame_dims) if step.ndim else step
        allowed = self.tolerance * torch.linalg.vector_norm(self._column(frame), dim=(-2, -1))
        background, sparse = torch.zeros_like(frame), torch.zeros_like(frame)
        for count in range(1, self.max_iterations + 1):
            rest = _observed(frame - sparse, mask, background)
            coefficients = factors * (state.basis.mH @ self._column(rest))
            background = (state.basis @ coefficients).reshape(frame.shape)
            previous, sparse = sparse, _observed(self.sparse.prox(frame - background, step), mask, 0.0)
            if count % _CHECK_EVERY == 0:
                change = torch.linalg.vector_norm(self._column(sparse - previous), dim=(-2, -1))
                if bool((change <= allowed).all()):
                    break
        return SeparatedFrame(background, sparse)

    def _per_item(self, value: Tensor, like: Tensor) -> Tensor:
        """() or (*batch, 1, ..., 1) to () or (*batch,), float64."""
        value = value.to(device=like.device, dtype=torch.float64)
        return value.reshape(value.shape[: value.ndim - self.frame_dims - 1]) if value.ndim else value

    def _column(self, frame: Tensor) -> Tensor:
        """(*batch, *frame) as (*batch, pixels, 1)."""
        return frame.flatten(frame.ndim - self.frame_dims).unsqueeze(-1)

    def _together(self, frames: list[Tensor]) -> Tensor:
        return torch.stack(frames, dim=frames[0].ndim - self.frame_dims)


def _observed(x: Tensor, mask: Tensor | None, otherwise: Tensor | float) -> Tensor:
    return x if mask is None else torch.where(mask, x, otherwise)
