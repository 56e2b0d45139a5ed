"""Whole slides of stained smears: memory against size, time a megapixel, and what a killed run keeps."""

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.command import foreknow_command, one_thread_environment
from benchmarks.table import Table
from foreknow.cytology.simulate import SmearSettings, simulate_smear
from foreknow.files.summary import read_summary

TITLE = "Stained smears: whole slides, memory and time"
_PATCH = 1024  # pixels of a side
_COVERED = 0.15  # share of patches with cells
_TOOL = "foreknow cytology detect"
_NOTES = [
    f"""Synthetic slides of half a micrometre a pixel, JPEG tiles of 512 pixels without a pyramid: patches of {_PATCH} pixels,
    {100 * _COVERED:.0f} % of them one of six simulated smears, the others glass with its noise. All pixels are worked on.
    One thread a job, `foreknow cytology detect SLIDE --jobs N` from the start of the program to its end, files and report
    included; seconds by the clock of a machine of two processors that other jobs shared (CPU seconds say how much). Peak: the
    largest resident set.""",
    """Killed: the run is killed (SIGKILL) when a third of the tiles are done, and started again by the same command; kept: tiles
    that the second run did not make again; same: whether its labels are those of the run that was not killed, byte for byte.
    Of two jobs: whether they are those of one job.""",
]
_COLUMNS = [
    "slide", "jobs", "megapixels", "cells", "tiles", "seconds", "ms a megapixel", "CPU seconds", "CPU ms a megapixel", "peak MB",
    "kept tiles", "same",
]  # fmt: skip


@dataclass(frozen=True)
class _Run:
    seconds: float
    cpu: float
    peak: float
    cells: int
    tiles: int
    labels: str


def run(quick: bool) -> Table:
    return measured([2048] if quick else [10_000], quick=quick, thoroughly=True)


def measured(sides: Sequence[int], *, quick: bool, thoroughly: bool) -> Table:
    """Slides of these sides by one job; thoroughly: also killed and started again, and by two jobs."""
    table = Table(_COLUMNS, notes=[*_NOTES])
    with tempfile.TemporaryDirectory(prefix="foreknow-slides-") as folder:
        patches = _patches(1 if quick else 6)
        for side in sides:
            path = Path(folder) / f"slide_{side}.svs"
            _write_slide(path, side, patches)
            whole = _detect(path, Path(folder) / f"out_{side}")
            if not thoroughly:
                _add(table, side, 1, whole, None, None)
                continue
            kept, again = _killed(path, Path(folder) / f"again_{side}", whole.tiles)
            _add(table, side, 1, whole, kept, again.labels == whole.labels)
            both = _detect(path, Path(folder) / f"both_{side}", jobs=2)
            _add(table, side, 2, both, None, both.labels == whole.labels)
    return table


def _add(table: Table, side: int, jobs: int, found: _Run, kept: int | None, same: bool | None) -> None:
    megapixels = side * side / 1e6
    table.add(
        f"{side} x {side}", jobs, megapixels, found.cells, found.tiles, found.seconds, 1e3 * found.seconds / megapixels, found.cpu,
        1e3 * found.cpu / megapixels, found.peak, kept, None if same is None else ("yes" if same else "no"),
    )  # fmt: skip


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


def _start(path: Path, out: Path, told: IO[bytes], jobs: int = 1) -> subprocess.Popen[bytes]:
    command = foreknow_command("cytology", "detect", str(path), "-o", str(out), "--jobs", str(jobs))
    return subprocess.Popen(command, env=one_thread_environment(), stdout=subprocess.DEVNULL, stderr=told)  # noqa: S603


def _detect(path: Path, out: Path, jobs: int = 1) -> _Run:
    with tempfile.TemporaryFile() as told:
        start = time.perf_counter()
        process = _start(path, out, told, jobs)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise RuntimeError(told.read().decode()[-2000:])
        seconds = time.perf_counter() - start
    return _outcome(path, out, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _outcome(path: Path, out: Path, seconds: float, cpu: float, peak: float) -> _Run:
    summary = read_summary(out / path.stem, _TOOL)
    assert summary is not None
    return _Run(seconds, cpu, peak, int(summary["cells"]), int(summary["tiles"]), _digest(out / path.stem / "cells.tif"))


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
    return sum(seen[name] == made for name, made in before.items()), _outcome(path, out, 0.0, 0.0, 0.0)


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
