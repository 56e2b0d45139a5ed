"""Run the benchmarks: `python -m benchmarks [names...] [--quick] [--output FOLDER]`.

Prints each table when it is ready and writes `benchmarks/results.json` and `results.md`. A quick run is for trying out:
it prints, and writes only where `--output` says. The exit code is 1 if a benchmark failed, 2 if a name is unknown.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import THREAD_VARIABLES


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # before numpy and torch are imported
    import torch
    from rich.console import Console

    from benchmarks import harness, record
    from benchmarks.environment import environment

    torch.set_num_threads(1)
    console = Console()
    try:
        chosen = harness.select(harness.discover(), options.names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(chosen))
        return 0
    outcomes = []
    for outcome in harness.run_all(chosen, quick=options.quick):
        outcomes.append(outcome)
        if outcome.table is None:
            console.print(f"[bold red]{outcome.title}: failed[/]", highlight=False)
            console.print(outcome.trace, markup=False, highlight=False)
        else:
            console.print(outcome.table.as_rich(outcome.title))
            console.print(f"({outcome.name}: {outcome.seconds:.0f} s)\n", highlight=False)
    folder = options.output or (None if options.quick else harness.FOLDER)
    if folder is not None:
        console.print("written:", *map(str, record.update(folder, outcomes, environment(), quick=options.quick)), highlight=False)
    return int(any(outcome.table is None for outcome in outcomes))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure foreknow against peers and baselines.")
    parser.add_argument("names", nargs="*", help="benchmarks to run (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, for trying out; writes no record unless --output is given"
    )
    parser.add_argument("--output", type=Path, help="folder for results.json and results.md (default: benchmarks/)")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and stop")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
