"""Finding and running the benchmarks: every `bench_*.py` of this folder with a `TITLE` and a `run(quick) -> Table`.

One that fails is reported with its error and does not stop the others.
"""

import importlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from benchmarks.table import Table

FOLDER = Path(__file__).parent
PREFIX = "bench_"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark that ran.

    Attributes:
        name: module name without the prefix `bench_`.
        title: its heading; the name where the module could not be imported.
        seconds: wall-clock time of the whole benchmark.
        table: what it measured; None if it failed.
        error: one line of what went wrong; empty if nothing did.
        trace: the traceback that belongs to the error.
    """

    name: str
    title: str
    seconds: float
    table: Table | None
    error: str = ""
    trace: str = ""


def discover(folder: Path = FOLDER) -> dict[str, Path]:
    """Benchmarks of a folder by name, in alphabetical order."""
    return {path.stem.removeprefix(PREFIX): path for path in sorted(folder.glob(f"{PREFIX}*.py"))}


def select(available: dict[str, Path], names: Sequence[str]) -> dict[str, Path]:
    """Those asked for (all if none is named); a name may carry the prefix `bench_` or the ending `.py`.

    Raises:
        ValueError: if a name is unknown; the message lists what there is.
    """
    wanted = [Path(name).stem.removeprefix(PREFIX) for name in names] or list(available)
    if unknown := [name for name in wanted if name not in available]:
        message = f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(available) or 'none'}"
        raise ValueError(message)
    return {name: available[name] for name in wanted}


def run_all(benchmarks: dict[str, Path], *, quick: bool) -> Iterator[Outcome]:
    """Run benchmarks one after another; yields each outcome as soon as it is known."""
    for name, path in benchmarks.items():
        yield run_one(name, path, quick=quick)


def run_one(name: str, path: Path, *, quick: bool) -> Outcome:
    """Import and run one benchmark; an exception becomes part of the outcome."""
    title, start = name, time.perf_counter()
    try:
        module = _load(path)
        title = str(getattr(module, "TITLE", name))
        table = module.run(quick)
        if not isinstance(table, Table):
            message = f"{path.name}: run(quick) must return a benchmarks.table.Table, not {type(table).__name__}"
            raise TypeError(message)  # noqa: TRY301  (reported like any other failure of the module)
    except Exception as error:  # noqa: BLE001  (whatever goes wrong in one benchmark belongs in the report, not in the way)
        reason = f"{type(error).__name__}: {error}"
        return Outcome(name, title, time.perf_counter() - start, None, reason, traceback.format_exc())
    return Outcome(name, title, time.perf_counter() - start, table)


def _load(path: Path) -> ModuleType:
    name = path.stem
    if path.parent == Path(__file__).parent:
        return importlib.import_module(f"benchmarks.{name}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = f"{path} is not a Python module"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop(name, None)
    return module
