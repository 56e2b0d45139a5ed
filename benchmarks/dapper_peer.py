"""DAPPER as a peer, without the parts of it that need notebooks."""

import contextlib
import io
import pprint
import sys
from dataclasses import dataclass
from types import ModuleType

from benchmarks.table import Table

STUBS = ("IPython", "IPython.lib", "IPython.lib.pretty", "ipdb", "pathos", "pathos.helpers", "pathos.multiprocessing")
"""Modules that DAPPER imports and that an assimilation does not use (printing, debugging, process pools)."""


@dataclass(frozen=True)
class DapperRun:
    """A twin experiment of DAPPER's, simulated and ready."""

    model: object
    truth: object
    observations: object
    method: object

    def run(self) -> None:
        """One assimilation."""
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            self.method.assimilate(self.model, self.truth, self.observations, liveplots=False)  # type: ignore[attr-defined]


def dapper_run(table: Table, cycles: int) -> DapperRun | None:
    """Lorenz-96 as in Sakov and Oke 2008 with the ensemble square root filter, or None with a note where DAPPER is missing."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        for name in STUBS:
            if name not in sys.modules:
                sys.modules[name] = ModuleType(name)
        sys.modules["IPython.lib.pretty"].pretty = pprint.pformat  # type: ignore[attr-defined]
        sys.modules["pathos.multiprocessing"].ProcessPool = object  # type: ignore[attr-defined]
        sys.modules["pathos.helpers"].cpu_count = lambda: 1  # type: ignore[attr-defined]
        import dapper
        from dapper.da_methods import EnKF
        from dapper.mods.Lorenz96.sakov2008 import HMM
    except ImportError as error:
        table.notes.append(f"DAPPER is not importable here ({error}); its row is left out.")
        return None
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        HMM.tseq.Ko = cycles
        dapper.set_seed(3000)
        truth, observations = HMM.simulate()
    return DapperRun(HMM, truth, observations, EnKF("Sqrt", N=24, infl=1.02, rot=True))
