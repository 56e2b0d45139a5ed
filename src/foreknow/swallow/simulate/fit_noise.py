"""The noise of a real depth camera, measured on its frames, as settings of the simulator."""

from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import DataError
from foreknow.files.depth import DepthVideo, inspect_depth
from foreknow.swallow.simulate.noise import NoiseSettings
from foreknow.swallow.simulate.steps import fit_steps
from foreknow.swallow.simulate.variogram import BLOCK, blocks_of, fit_variogram, semivariances, share_left, without_planes

_LEAST_BLOCKS = 3
_LEAST_SEEN = 0.6  # of a block's pixels
_LARGEST_JUMP = 0.02  # of the depth: blocks with edges in them are left out
_LEAST_SPAN = 1.25  # of the depths, for an exponent to be fitted
_BINS = 12
_FRAMES_AT_ONCE = 8
_SECOND_DIFFERENCE = 6.0  # variance of z[t-1] - 2 z[t] + z[t+1] of white noise of variance 1


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """What was measured.

    Attributes:
        sd_mm: standard deviation of a pixel from frame to frame at the reference distance.
        reference_mm: median depth of the blocks that were used.
        exponent: of its growth with depth; 2 where the depths are too alike to tell.
        exponent_fitted: whether it was measured.
        correlation_px: standard deviation of the Gaussian that smooths white noise into it.
        stretch: correlation along rows relative to along columns.
        patchiness: standard deviation of the logarithm of the noise from place to place, from its kurtosis.
        white: share of the variance from frame to frame that neighbours do not share.
        standing_mm: standard deviation about local planes that is the same in all frames: fixed pattern and true unevenness.
        within_mm: standard deviation about local planes in single frames: all noise and true unevenness, the most noise can be.
        common_mm: standard deviation of an offset of whole frames (with the shaking of a camera that is held), None below 5 frames.
        step_mm: step of the counts.
        disparity_step_mm: step in depth at the reference distance by steps of disparity, 0 for none.
        invalid: share of pixels without a measurement.
        repeated: share of frames that repeat the one before.
        depths_mm: centres of the bins of depth.
        sds_mm: standard deviation in each.
        blocks: how many blocks of 32 x 32 pixels were used.
    """

    sd_mm: float
    reference_mm: float
    exponent: float
    exponent_fitted: bool
    correlation_px: float
    stretch: float
    patchiness: float
    white: float
    standing_mm: float
    within_mm: float
    common_mm: float | None
    step_mm: float
    disparity_step_mm: float
    invalid: float
    repeated: float
    depths_mm: tuple[float, ...]
    sds_mm: tuple[float, ...]
    blocks: int

    def settings(self, *, flat: bool = False, handheld: bool = False) -> NoiseSettings:
        """The simulator's noise that is like this.

        Args:
            flat: whether the scene was a plane, so that what stands still in the picture is noise; if not it is left out.
            handheld: whether the camera was moved, so that the common offset is not noise and is left out.
        """
        standing = self.standing_mm**2 if flat else 0.0
        counted = max(self.step_mm, self.disparity_step_mm) ** 2 / 12  # the simulator will count in steps as well
        most = self.within_mm**2 - counted
        moving = max(min(self.sd_mm**2 - counted, most), 0.01 * self.sd_mm**2)
        standing = max(0.0, min(standing, most - moving))
        total = moving + standing
        return NoiseSettings(
            sd_mm=total**0.5,
            reference_mm=self.reference_mm,
            exponent=self.exponent,
            correlation_px=self.correlation_px,
            stretch=self.stretch,
            white=min(1.0, max(0.0, self.white * self.sd_mm**2 - counted) / moving) if moving else 0.0,
            patchiness=min(self.patchiness, 1.0),
            standing=standing / total if total else 0.0,
            common_mm=0.0 if handheld or self.common_mm is None else self.common_mm,
            drift_mm=0.0,
            step_mm=max(self.step_mm, 1e-3),
            disparity_step_mm=self.disparity_step_mm,
        )


def fit_noise(video: DepthVideo) -> NoiseFit:
    """Measure the noise of a camera on three frames or more of a scene that stands still or moves slowly.

    Second differences in time take out steady motion, planes over blocks of 32 x 32 pixels what is left of it; variograms of the
    rest give variance and correlation together. Their growth with depth is a straight line in log-log.

    Raises:
        DataError: if there are fewer than three different frames, or too few blocks without holes and edges.
    """
    quality = inspect_depth(video)
    again = torch.zeros(len(video.frames), dtype=torch.bool)
    again[list(quality.repeated)] = True
    frames = video.frames[~again] * 1000.0
    if len(frames) < 3:
        message = f"noise is measured on three different frames or more; this video has {len(frames)}"
        raise DataError(message)
    usable, depth = _usable_blocks(frames)
    if int(usable.any(0).sum()) < _LEAST_BLOCKS:
        message = "too few parts of the picture are free of holes and edges to measure noise; record a wall or a person at rest"
        raise DataError(message)
    temporal, peaked, weight, offsets = _temporal(frames, usable)
    seen = weight > 0
    reference = float(depth[seen].median())
    exponent, fitted, depths, sds = _growth(depth[seen], temporal[seen][:, :, -1].mean(1).sqrt(), reference)
    scale = (depth[seen] / reference) ** (2 * exponent)
    pooled = (temporal[seen] / scale[:, None, None]).median(dim=0).values
    down, along, both = (fit_variogram(values) for values in (pooled[0], pooled[1], pooled.mean(0)))
    left = share_left(both.correlation) ** 0.5
    within, standing = _within(frames, usable, left**2 * both.variance, exponent, reference)
    common = None if len(offsets) < 3 else _robust_sd(offsets) / _SECOND_DIFFERENCE**0.5
    step, disparity = fit_steps(frames, reference)
    return NoiseFit(
        sd_mm=both.variance**0.5,
        reference_mm=reference,
        exponent=exponent,
        exponent_fitted=fitted,
        correlation_px=both.correlation if both.sill > 0 else 0.0,
        stretch=along.correlation / down.correlation if min(along.sill, down.sill) > 0 else 1.0,
        patchiness=float((peaked[seen].median() / 3).clamp(min=1).log() / 4) ** 0.5,
        white=both.nugget / both.variance if both.variance else 1.0,
        standing_mm=standing / left,
        within_mm=within / left,
        common_mm=common,
        step_mm=step,
        disparity_step_mm=disparity,
        invalid=quality.invalid,
        repeated=len(quality.repeated) / quality.frames,
        depths_mm=tuple(depths.tolist()),
        sds_mm=tuple(sds.tolist()),
        blocks=int(seen.sum()),
    )


def _usable_blocks(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Which blocks see enough and have no edge, (time, blocks) bool, and their median depth over time, (blocks,)."""
    usable, means = [], []
    for part in frames.split(_FRAMES_AT_ONCE):
        blocks = blocks_of(part)
        limit = _LARGEST_JUMP * blocks.nan_to_num(0.0).amax((-2, -1))
        jumps = [blocks.diff(dim=axis).abs().nan_to_num(0.0).amax((-2, -1)) for axis in (-1, -2)]
        enough = (~blocks.isnan()).to(torch.float64).mean((-2, -1)) >= _LEAST_SEEN
        usable.append(enough & (torch.maximum(*jumps) < limit))
        means.append(blocks.nanmean((-2, -1)))
    good, mean = torch.cat(usable), torch.cat(means)
    return good, torch.where(good, mean, torch.nan).nanmedian(dim=0).values


def _temporal(frames: Tensor, usable: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean semivariances of each block, kurtosis, number of frames they are from, and offsets of whole frames.

    Shapes (blocks, 2, lags), (blocks,), (blocks,), (time - 2,).
    """
    total: list[Tensor] = []
    moments: list[Tensor] = []
    offsets: list[Tensor] = []
    triple = usable[:-2] & usable[1:-1] & usable[2:]
    weight = torch.zeros(usable.shape[1], dtype=torch.float64)
    for start in range(0, len(triple), _FRAMES_AT_ONCE):
        part = frames[start : start + _FRAMES_AT_ONCE + 2]
        blocks = blocks_of(part[:-2] - 2 * part[1:-1] + part[2:])
        valid = ~blocks.isnan()
        good = triple[start : start + len(blocks)] & (valid.to(torch.float64).mean((-2, -1)) >= _LEAST_SEEN)
        valid = valid & good[..., None, None]
        rest = without_planes(blocks.nan_to_num(0.0), valid)
        total.append(semivariances(rest, valid).to(torch.float64).sum(0) / _SECOND_DIFFERENCE)
        squares = rest.to(torch.float64).square()
        sums = (part.sum((0, -2, -1)) for part in (squares, squares.square(), valid.to(torch.float64)))
        moments.append(torch.stack(tuple(sums)))
        weight += good.to(torch.float64).sum(0)
        means = torch.where(good, blocks.nanmean((-2, -1)), torch.nan)
        offsets.append(means.nanmean(1)[good.any(1)])
    second, fourth, pixels = torch.stack(moments).sum(0)
    kurtosis = fourth * pixels / second.square().clamp(min=1e-30)
    return torch.stack(total).sum(0) / weight.clamp(min=1)[:, None, None], kurtosis, weight, torch.cat(offsets)


def _growth(depth: Tensor, sd: Tensor, reference: float) -> tuple[float, bool, Tensor, Tensor]:
    """Exponent of the growth of the noise with depth, whether it could be fitted, and medians in bins of depth."""
    order = depth.argsort()
    size = max(1, len(order) // _BINS)
    groups = [group for group in order.split(size) if len(group) >= min(size, _LEAST_BLOCKS)]
    depths = torch.stack([depth[group].median() for group in groups]).to(torch.float64)
    sds = torch.stack([sd[group].median() for group in groups]).to(torch.float64)
    known = sds > 0
    if int(known.sum()) < 3 or float(depths[known].max() / depths[known].min()) < _LEAST_SPAN:
        return 2.0, False, depths, sds
    x = torch.log(depths[known] / reference)
    y = torch.log(sds[known])
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())
    return min(4.0, max(0.0, slope)), True, depths, sds


def _within(frames: Tensor, usable: Tensor, variance: float, exponent: float, reference: float) -> tuple[float, float]:
    """Standard deviation about local planes at the reference distance: of single frames, and of their mean over time.

    What is left of the noise in that mean is taken off.
    """
    often = usable.sum(0) >= max(1, int(0.5 * int(usable.sum(0).max())))
    total, counts = torch.zeros(2, int(often.sum()), BLOCK, BLOCK).unbind(0)
    single = torch.zeros(int(often.sum()), dtype=torch.float64)
    number = usable[:, often].sum(0)
    for part, good in zip(frames.split(_FRAMES_AT_ONCE), usable.split(_FRAMES_AT_ONCE), strict=True):
        blocks = torch.where(good[..., None, None], blocks_of(part), torch.nan)[:, often]
        valid = ~blocks.isnan()
        total += blocks.nan_to_num(0.0).sum(0)
        counts += valid.sum(0)
        level = blocks.nan_to_num(0.0).sum((-2, -1), keepdim=True) / valid.sum((-2, -1), keepdim=True).clamp(min=1)
        rest = without_planes(torch.where(valid, blocks - level, 0.0), valid)
        single += (rest.square().sum((-2, -1)) / valid.sum((-2, -1)).clamp(min=1)).sum(0).to(torch.float64)
    seen = counts >= 0.5 * counts.amax((-2, -1), keepdim=True).clamp(min=1)
    mean = torch.where(seen, total / counts.clamp(min=1), 0.0)
    depth = mean.sum((-2, -1)) / seen.sum((-2, -1)).clamp(min=1)
    scale = (depth / reference) ** (2 * exponent)
    rest = without_planes(torch.where(seen, mean - depth[:, None, None], 0.0), seen)
    still = rest.square().sum((-2, -1)) / seen.sum((-2, -1)).clamp(min=1) / scale
    still = still - variance / counts.amax((-2, -1)).clamp(min=1)
    within = single / number.clamp(min=1) / scale
    return float(within.median().sqrt()), float(still.median().clamp(min=0).sqrt())


def _robust_sd(values: Tensor) -> float:
    """Standard deviation without what is beyond 3.5 times that of the median deviation."""
    away = values - values.median()
    return float(away[away.abs() <= 3.5 * 1.4826 * away.abs().median()].square().mean().sqrt())
