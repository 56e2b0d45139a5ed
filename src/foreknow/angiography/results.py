"""What is known of a run after its separation, and the files that say it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreknow.angiography.contrast import contrast_to_noise, maximum_opacity
from foreknow.angiography.derived_layers import TOOL, write_derived_layers
from foreknow.angiography.mask import VesselMask
from foreknow.angiography.modes import Enhancer, Mode
from foreknow.angiography.pictures import Window, encode_png, overlay, write_film
from foreknow.angiography.run_file import RunFile
from foreknow.angiography.separate import Separation
from foreknow.angiography.settings import EnhanceSettings
from foreknow.angiography.tree import VesselTree
from foreknow.files import write_json_atomic
from foreknow.files.summary import SUMMARY
from foreknow.files.summary import read_summary as summary_of
from foreknow.files.table import csv_text

VESSELS, BACKGROUND, SOFT, MASK, OPACITY = "vessels.tif", "background.tif", "soft_mask.tif", "mask.tif", "maximum_opacity.tif"
OVERLAY, OPACITY_PICTURE = "overlay.png", "maximum_opacity.png"
BRANCHES, CONTRAST, REPORT = "branches.csv", "contrast.csv", "report.html"
DISCLAIMER = "A means of research, not a diagnosis: thin, faint or still vessels may be missing; look at the run itself."


@dataclass(frozen=True)
class RunResult:
    """One separated run.

    Attributes:
        name: of its results.
        folder: where they are.
        run: the run as it was read.
        separation: its layers.
        mask: where vessels are.
        tree: what the frame with most vessels shows.
        window: for all frames.
        mode: how it was separated.
        settings: numbers of that.
        content: a hash of its attenuation, by which results are known again.
        seconds: wall-clock time of the separation.
    """

    name: str
    folder: Path
    run: RunFile
    separation: Separation = field(repr=False)
    mask: VesselMask = field(repr=False)
    tree: VesselTree = field(repr=False)
    window: Window
    mode: Mode
    settings: EnhanceSettings
    content: str
    seconds: float

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that the user should read."""
        return (*self.run.notices, *self.separation.notices)

    @property
    def vessel_share(self) -> float:
        """Share of exposed pixels in the mask, over all frames."""
        area = self.separation.area
        return sum(int(frame[area].sum()) for frame in self.mask.binary) / max(1, self.run.frames * int(area.sum()))

    def contrast_to_noise(self) -> float | None:
        """Median over frames of the CNR of the vessel layer on its own mask; None without vessels."""
        pairs = zip(self.separation.vessels, self.mask.binary, strict=True)
        values = torch.stack([contrast_to_noise(layer, mask, self.separation.area) for layer, mask in pairs])
        values = values[values.isfinite()]
        return float(values.median()) if len(values) else None

    def attenuation(self, frame: int) -> Tensor:
        """Of one frame, as it was read: the sum of the layers."""
        return self.separation.vessels[frame] + self.separation.background[frame]

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``: numbers, strings and None only, nothing of the file's name or header."""
        run, found = self.run, self.separation
        cnr = self.contrast_to_noise()
        return {
            "tool": TOOL,
            "version": version("foreknow"),
            "disclaimer": DISCLAIMER,
            "name": self.name,
            "mode": self.mode.value,
            "kind": run.kind,
            "frames": run.frames,
            "height": run.height,
            "width": run.width,
            "frames_per_second": _rounded(run.rate),
            "pixel_mm_at_detector": _rounded(run.spacing[0] if run.spacing else None),
            "pixel_intensity_relationship": run.table.relationship.value,
            "exposed_share": _rounded(float(found.area.float().mean())),
            "noise": _rounded(found.noise),
            "vessel_share": _rounded(self.vessel_share),
            "vessel_layer_mean": _rounded(float(found.vessels.mean())),
            "vessel_layer_99_9_percent": _rounded(_high(found.vessels.numpy())),
            "mask_threshold": _rounded(self.mask.threshold),
            "contrast_to_noise": _rounded(cnr),
            "tree_frame": self.tree.frame + 1,
            "branches": len(self.tree.branches),
            "tree_length_px": _rounded(self.tree.length),
            "pan_px": _rounded(found.pan.reach),
            "notices": list(self.notices),
            "model": found.formula,
            "background_directions": found.directions,
            "relative_duality_gap": found.certificate,
            "iterations": found.iterations,
            "converged": found.converged,
            "seconds": _rounded(self.seconds),
            "settings": asdict(self.settings),
            "content": self.content,
        }

    def write(self, folder: Path) -> None:
        """Write all files but the report into ``folder``, the summary last."""
        self._write_layers(folder)
        write_derived_layers(self, folder)
        frame = self.tree.frame
        (folder / OVERLAY).write_bytes(encode_png(overlay(self.attenuation(frame), self.mask.shown_frame(frame), self.window)))
        (folder / OPACITY_PICTURE).write_bytes(encode_png(self.opacity_picture()))
        frames = ((self.attenuation(number), self.mask.shown_frame(number)) for number in range(self.run.frames))
        write_film(folder, frames, self.window, self.run.rate)
        (folder / BRANCHES).write_text(self._branches(), encoding="utf-8", newline="")
        (folder / CONTRAST).write_text(self._contrast(), encoding="utf-8", newline="")
        write_json_atomic(folder / SUMMARY, self.summary())

    def opacity_picture(self) -> NDArray[np.uint8]:
        """The maximum opacity, dark vessels on white."""
        opacity = maximum_opacity(self.separation.vessels)
        return Window(0.0, max(self._faint(), _high(opacity.numpy()))).grey(opacity)

    def layer_window(self) -> Window:
        """One window for the vessel layer of all frames, dark vessels on white."""
        return Window(0.0, max(self._faint(), _high(self.separation.vessels.numpy())))

    def _faint(self) -> float:
        """Attenuation below which a window would show noise."""
        return 4 * self.mask.threshold if self.separation.gate is None else 8 * self.separation.noise

    def _write_layers(self, folder: Path) -> None:
        found, mask = self.separation, self.mask
        _write_tiff(folder / VESSELS, (frame.numpy() for frame in found.vessels))
        _write_tiff(folder / BACKGROUND, (frame.numpy() for frame in found.background))
        _write_tiff(folder / SOFT, ((255 * mask.soft_frame(n)).round().byte().numpy() for n in range(self.run.frames)))
        _write_tiff(folder / MASK, (255 * frame.byte().numpy() for frame in mask.binary))
        _write_tiff(folder / OPACITY, [maximum_opacity(found.vessels).numpy()])

    def _branches(self) -> str:
        rows = [
            [
                branch.number,
                f"{branch.length:.2f}",
                f"{branch.width:.2f}",
                f"{branch.contrast.max():.5f}",
                branch.peak_frame + 1,
                "n/a" if self.run.seconds is None else f"{self.run.seconds[branch.peak_frame]:.4f}",
            ]
            for branch in self.tree.branches
        ]
        return csv_text(["branch", "length_px", "width_px", "peak_attenuation", "peak_frame", "peak_s"], rows)

    def _contrast(self) -> str:
        seconds = self.run.seconds
        areas = self.mask.binary.sum(dim=(1, 2)).tolist()
        rows = [
            [
                frame + 1,
                "n/a" if seconds is None else f"{seconds[frame]:.4f}",
                areas[frame],
                *(f"{branch.contrast[frame]:.5f}" for branch in self.tree.branches),
            ]
            for frame in range(self.run.frames)
        ]
        return csv_text(["frame", "s", "mask_px", *(f"branch_{branch.number}" for branch in self.tree.branches)], rows)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What an earlier run wrote as ``summary.json``; None if there is none that this program wrote."""
    return summary_of(folder, TOOL)


def _write_tiff(path: Path, frames: Iterable[NDArray[Any]]) -> None:
    """Pages of a TIFF, a frame at a time."""
    with tifffile.TiffWriter(path) as file:
        for frame in frames:
            file.write(frame, compression="zlib", compressionargs={"level": 1}, photometric="minisblack", metadata=None)


def fingerprint(attenuation: Tensor) -> str:
    """A hash of the values of a run; of all that a file says of a person it holds nothing."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr(tuple(attenuation.shape)).encode())
    for frame in attenuation:
        digest.update(frame.contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_done(folder: Path, content: str, mode: Mode, enhancer: Enhancer) -> bool:
    """Whether a folder holds the results of this run in this mode, of the same settings and version."""
    summary = read_summary(folder) or {}
    wanted = {"content": content, "mode": mode.value, "settings": asdict(enhancer.settings), "version": version("foreknow")}
    return enhancer.model is None and all(summary.get(name) == value for name, value in wanted.items())


def _high(layer: NDArray[np.float32]) -> float:
    """The value that a thousandth of the entries exceed."""
    values = layer.ravel()
    return float(np.quantile(values[:: max(1, values.size // 2**22)], 0.999))


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.6g}")
