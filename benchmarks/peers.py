"""Libraries that we measure against: imported if they are there, reported if not."""

import importlib
import importlib.metadata
from types import ModuleType

from benchmarks.table import Table

# module: distribution. What appears in the record of versions when installed.
PEERS = {
    "torch": "torch",
    "numpy": "numpy",
    "scipy": "scipy",
    "pywt": "PyWavelets",
    "sklearn": "scikit-learn",
    "soxr": "soxr",
    "ptwt": "ptwt",
    "prox_tv": "prox-tv",
    "deepinv": "deepinv",
    "pyproximal": "pyproximal",
    "pylops": "pylops",
    "tensorly": "tensorly",
    "celer": "celer",
    "skglm": "skglm",
    "sporco": "sporco",
    "mrpro": "mrpro",
    "librosa": "librosa",
    "dapper": "dapper",
}


def peer(module: str, table: Table) -> ModuleType | None:
    """A peer library, or None with a note in the table that says so."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        table.notes.append(f"{PEERS.get(module, module)} is not importable here ({error}); its rows are left out.")
        return None


def versions() -> dict[str, str]:
    """Versions of the known libraries that are installed."""
    found = {}
    for distribution in PEERS.values():
        try:
            found[distribution] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
