"""Whole slides of stained smears: memory against size, time a megapixel, and what a killed run keeps."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.table import Table
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.files.summary import read_summary

TITLE = "Stained smears: whole slides, memory and time"
_PATCH = 1024  # pixels of a side
_COVERED = 0.15  # share of patches with cells
_TOOL = "foreknow cytology detect"
_NOTES = [
    f"""Synthetic slides of half a micrometre a pixel, JPEG tiles of 512 pixels without a pyramid: patches of {_PATCH} pixels,
    {100 * _COVERED:.0f} % of them one of six simulated smears, the others glass with its noise. All pixels are worked on. One job,
    one thread, `foreknow cytology detect SLIDE --jobs 1` from the start of the program to its end, files and report included. Peak:
    the largest resident set.""",
    """Killed: the run is killed (SIGKILL) when a third of the tiles are done, and started again by the same command; kept: tiles
    that the second run did not make again; same: whether its labels are those of the run that was not killed, byte for byte.""",
]
_COLUMNS = ["slide", "megapixels", "cells", "tiles", "CPU seconds", "CPU ms a megapixel", "peak MB", "kept tiles", "same"]


@dataclass(frozen=True)
class _Run:
    cpu: float
    peak: float
    cells: int
    tiles: int
    labels: str


def run(quick: bool) -> Table:
    table = Table(_COLUMNS, notes=[*_NOTES])
    with tempfile.TemporaryDirectory(prefix="foreknow-slides-") as folder:
        patches = _patches(1 if quick else 6)
        for side in (2048, 4096) if quick else (10_000, 40_000):
            path = Path(folder) / f"slide_{side}.svs"
            _write_slide(path, side, patches)
            whole = _detect(path, Path(folder) / f"out_{side}")
            megapixels = side * side / 1e6
            killed = side < 20_000
            kept, again = _killed(path, Path(folder) / f"again_{side}", whole.tiles) if killed else (None, None)
            table.add(
                f"{side} x {side}", megapixels, whole.cells, whole.tiles, whole.cpu, 1e3 * whole.cpu / megapixels, whole.peak, kept,
                None if again is None else ("yes" if again.labels == whole.labels else "no"),
            )  # fmt: skip
            path.unlink()
    return table


def _patches(count: int) -> list[NDArray[np.uint8]]:
    """Smears with cells, and one of empty glass at the end."""
    settings = [SmearSettings(height=_PATCH, width=_PATCH, cells=cells) for cells in (*range(20, 20 + 12 * count, 12), 0)]
    return [simulate_smear(one, 500 + number).image.numpy() for number, one in enumerate(settings)]


def _write_slide(path: Path, side: int, patches: list[NDArray[np.uint8]]) -> None:
    chosen = np.random.default_rng(0)
    across = -(-side // _PATCH)
    which = np.where(
        chosen.random((across, across)) < _COVERED, chosen.integers(0, len(patches) - 1, (across, across)), len(patches) - 1
    )

    def tiles() -> Iterator[NDArray[np.uint8]]:
        for top in range(0, side, 512):
            for left in range(0, side, 512):
                patch = patches[which[top // _PATCH, left // _PATCH]]
                yield patch[top % _PATCH : top % _PATCH + 512, left % _PATCH : left % _PATCH + 512]

    tifffile.imwrite(
        path, tiles(), shape=(side, side, 3), dtype=np.uint8, tile=(512, 512), compression="jpeg", photometric="rgb",
        description="Aperio Image Library v12|AppMag = 20|MPP = 0.5", metadata=None, bigtiff=True,
    )  # fmt: skip


def _start(path: Path, out: Path, told: IO[bytes]) -> subprocess.Popen[bytes]:
    call = "from foreknow.cli import main; main()"
    command = [sys.executable, "-c", call, "cytology", "detect", str(path), "-o", str(out), "--jobs", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=told)  # noqa: S603


def _detect(path: Path, out: Path) -> _Run:
    with tempfile.TemporaryFile() as told:
        process = _start(path, out, told)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise RuntimeError(told.read().decode()[-2000:])
    return _outcome(path, out, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _outcome(path: Path, out: Path, cpu: float, peak: float) -> _Run:
    summary = read_summary(out / path.stem, _TOOL)
    assert summary is not None
    return _Run(cpu, peak, int(summary["cells"]), int(summary["tiles"]), _digest(out / path.stem / "cells.tif"))


def _killed(path: Path, out: Path, tiles: int) -> tuple[int, _Run]:
    """Tiles that were kept, and the second run."""
    with tempfile.TemporaryFile() as told:
        with _start(path, out, told) as process:
            while process.poll() is None and len(_done(out)) < max(1, tiles // 3):
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        before = _done(out)
        seen = dict(before)
        with _start(path, out, told) as process:
            while process.poll() is None:
                seen |= _done(out)
                time.sleep(0.05)
    return sum(seen[name] == made for name, made in before.items()), _outcome(path, out, 0.0, 0.0)


def _done(out: Path) -> dict[str, int]:
    """When each tile was made."""
    found = {}
    for file in out.glob(".*.tiles/tile-*.npz"):
        with suppress(FileNotFoundError):  # the run ends meanwhile
            found[file.name] = file.stat().st_mtime_ns
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
