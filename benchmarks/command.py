"""The command line as benchmarks call it: a program of its own, on one thread."""

import os
import sys

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def foreknow_command(*words: str) -> list[str]:
    """``foreknow`` with these words, by this Python."""
    return [sys.executable, "-c", "from foreknow.cli import main; main()", *words]


def one_thread_environment() -> dict[str, str]:
    """That of this program, but for the number of threads."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
