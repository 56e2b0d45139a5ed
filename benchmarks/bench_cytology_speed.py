"""Stained smears: time a megapixel, part by part and beside simple methods; of a scan and of folders from files to files."""

import multiprocessing
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.bench_cytology import _network
from benchmarks.command import foreknow_command, one_thread_environment
from benchmarks.cytology_cases import FOLDER
from benchmarks.cytology_methods import methods
from benchmarks.table import Table
from foreknow.cytology.batch import DetectOptions, detect_file
from foreknow.cytology.density import optical_density_of
from foreknow.cytology.detect import detect, detect_on
from foreknow.cytology.finder import SolvedBackground
from foreknow.cytology.measure import measure_cells
from foreknow.cytology.settings import DetectSettings
from foreknow.cytology.simulate import SmearSettings, simulate_smear

TITLE = "Stained smears: CPU time a megapixel"
_FOLDER = 8  # fields
_ROUNDS = 3
_SLOW = 5.0  # seconds from which one turn is enough
_NOTES = [
    """Fields in colour at the resolution that is worked on (about half a micrometre a pixel), so that megapixels of the file and of
    the work are the same: simulated ones (a third covered by cells), and a quarter of the real oral scan (sparse, as it is:
    0.23 micrometres). CPU time of one
    thread, all methods in turns, medians; it grows when other jobs share the processor's caches, the ratio hardly does. Ratio: to
    "foreknow, shipped network". Plain robust PCA works on 320 x 256 pixels whatever the size. The flat field is left out: its
    percentile filter, as it is written here, takes a minute at the size of the scan.""",
    """Part: density of the image, its background, cells and nuclei in it, their measurements. The background costs the same for a
    field of any size, and once for a slide.""",
    """Scan: 6496 x 3360 pixels (JPEG, 21.8 megapixels of the file) from file to files, report included, without the start of the
    program (about 3 seconds); worked on as it is, or, told that a pixel has 0.23 micrometres, at half the size (5.5 megapixels
    worked on); megapixels are those of the file.""",
    """Folder: 8 of the simulated fields of 2048 x 2048 (two fifths covered). Files to files: `foreknow cytology detect DIR --model
    shipped --no-report` from the start of the program (each job starts its own, some seconds) to its end, all other files included.
    Analysis: density, background, cells, nuclei and measurements alone, in so many processes that have started already. Seconds by
    the clock are those of a machine with two processors that other jobs shared.""",
]
Pixels = NDArray[np.uint8]


def run(quick: bool) -> Table:
    torch.set_num_threads(1)
    table = Table(
        ["field", "method", "megapixels", "CPU seconds", "CPU ms a megapixel", "ratio", "seconds", "ms a megapixel"],
        notes=[*_NOTES],
    )
    rounds = 1 if quick else _ROUNDS
    fields = {f"simulated, {side} x {side}": _simulated(side) for side in ((512,) if quick else (1024, 2048))}
    scan = next((FOLDER / "wsi").glob("*.jpg"), None)
    if scan is None:
        table.notes.append("The scan is absent here.")
    else:
        from foreknow.cytology.image_file import read_field

        fields["oral scan, 3248 x 1680"] = np.ascontiguousarray(read_field(scan).pixels[:1680, :3248]).astype(np.uint8)
    for name, image in fields.items():
        _add(table, name, image, _calls(image), rounds, "foreknow, shipped network")
    for name, image in fields.items():
        _add(table, f"{name}, part", image, _parts(image), rounds, None)
    if scan is not None and not quick:
        for name, pixel in (("as it is", None), ("at half the size", 0.23)):
            seconds = _end_to_end(scan, pixel)
            table.add(
                f"oral scan, file to files, {name}", "foreknow, solver", 21.8, seconds, 1e3 * seconds / 21.8, None, None, None
            )
    _add_folder(table, *((2, 512) if quick else (_FOLDER, 2048)))
    return table


def _simulated(side: int) -> Pixels:
    cells = round(80 * (side / 1024) ** 2)
    return simulate_smear(SmearSettings(height=side, width=side, cells=cells), 3).image.numpy()


def _calls(image: Pixels) -> dict[str, Callable[[], object]]:
    chosen = [method for method in methods(_network()) if not method.name.startswith("flat field")]
    return {method.name: lambda method=method: method.find([image]) for method in chosen}


def _parts(image: Pixels) -> dict[str, Callable[[], object]]:
    settings, network = DetectSettings(), _network()
    density = optical_density_of(torch.as_tensor(image))
    solved = SolvedBackground().find(density, settings)
    above = density - solved.surface
    found = detect_on(above, solved, settings)
    parts: dict[str, Callable[[], object]] = {
        "density": lambda: optical_density_of(torch.as_tensor(image)),
        "background, solver": lambda: SolvedBackground().find(density, settings),
        "cells and nuclei": lambda: detect_on(above, solved, settings),
        "measurements": lambda: measure_cells(found.cells, found.nuclei, found.density),
    }
    if network is not None:
        parts["background, network"] = lambda: network.find(density, settings)
    return parts


def _add(
    table: Table, field: str, image: Pixels, calls: dict[str, Callable[[], object]], rounds: int, reference: str | None
) -> None:
    spent: dict[str, list[float]] = {name: [] for name in calls}
    with torch.no_grad():
        for turn in range(rounds + 1):
            for name, call in calls.items():
                if turn and max(spent[name], default=0.0) > _SLOW:
                    continue
                start = time.process_time()
                call()
                took = time.process_time() - start
                if turn or took > _SLOW:  # the first turn warms up
                    spent[name].append(took)
    megapixels = image.shape[0] * image.shape[1] / 1e6
    medians = {name: statistics.median(values) for name, values in spent.items()}
    for name, seconds in medians.items():
        ratio = seconds / medians[reference] if reference in medians else None
        table.add(field, name, megapixels, seconds, 1e3 * seconds / megapixels, ratio, None, None)


def _add_folder(table: Table, count: int, side: int) -> None:
    image, megapixels = _simulated(side), count * side * side / 1e6
    name = f"folder of {count}, {side} x {side}"
    with tempfile.TemporaryDirectory(prefix="foreknow-fields-") as folder:
        fields = Path(folder) / "fields"
        fields.mkdir()
        for number in range(count):
            Image.fromarray(np.roll(image, 97 * number, axis=1)).save(fields / f"field_{number}.png", compress_level=1)
        for jobs in (1, 2):
            for what, call in (("analysis", _analysis), ("files to files", _from_files)):
                wall, cpu = call(fields, Path(folder) / f"out_{jobs}", jobs)
                shown = f"foreknow, shipped network, {jobs} {'job' if jobs == 1 else 'jobs'}"
                per = 1e3 / megapixels
                table.add(f"{name}, {what}", shown, megapixels, cpu, per * cpu, None, wall, per * wall)


def _from_files(fields: Path, out: Path, jobs: int) -> tuple[float, float]:
    """Seconds by the clock and of the processors."""
    options = ["--model", "shipped", "--no-report", "--jobs", str(jobs)]
    command = foreknow_command("cytology", "detect", str(fields), "-o", str(out), *options)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=one_thread_environment(), check=True, capture_output=True)  # noqa: S603
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _analysis(fields: Path, out: Path, jobs: int) -> tuple[float, float]:  # noqa: ARG001
    """Likewise, of processes that start together, once all have read their images and warmed up."""
    files = sorted(str(path) for path in fields.glob("*.png"))
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(jobs + 1)
    spent: Queue[float] = context.Queue()
    workers = [context.Process(target=_analyse, args=(files[number::jobs], ready, spent)) for number in range(jobs)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    cpu = sum(spent.get() for _ in workers)
    wall = time.perf_counter() - start
    for worker in workers:
        worker.join()
    return wall, cpu


def _analyse(files: list[str], ready: Barrier, spent: "Queue[float]") -> None:
    from foreknow.cytology.image_file import read_field

    torch.set_num_threads(1)
    network = _network()
    images = [read_field(Path(file)).pixels for file in files]

    def one(image: NDArray[np.generic]) -> None:
        found = detect(image, None, network)
        measure_cells(found.cells, found.nuclei, found.density)

    one(images[0])
    ready.wait()
    start = time.process_time()
    for image in images:
        one(image)
    spent.put(time.process_time() - start)


def _end_to_end(scan: Path, pixel: float | None) -> float:
    with tempfile.TemporaryDirectory(prefix="foreknow-scan-") as folder:
        start = time.process_time()
        detect_file(scan, Path(folder) / "out", DetectOptions(pixel_um=pixel))
        return time.process_time() - start
