"""On what a benchmark ran: interpreter, machine, libraries.

No date and no host name, so that records differ only where results may.
"""

import os
import platform
from pathlib import Path

import torch

from benchmarks.peers import versions


def environment() -> dict[str, str]:
    """What a reader needs to judge the timings."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        "libraries": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def _processor() -> str:
    """The model's name where Linux tells it, else what the platform says."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
