"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.errors import ParameterError

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results; made if it is not there.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results of an earlier run.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of random numbers.")]
Device = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda, cuda:1, mps, or auto.")]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=0, help="Recordings worked on at once; 0: as many as pay off. Results do not depend on it."),
]


def check_device(name: str) -> str:
    """The device that ``--device`` means.

    Raises:
        ParameterError: if there is no such device here.
    """
    import torch  # noqa: PLC0415

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        message = (
            f"there is no device {name!r} here that torch {torch.__version__} can use; see foreknow info, or leave out --device"
        )
        raise ParameterError(message) from error
    return name


def check_output(folder: Path) -> None:
    """Check before any work that results can be written.

    Raises:
        ParameterError: if ``folder`` cannot be made or written to.
    """
    from foreknow.files.atomic import atomic_path  # noqa: PLC0415
    from foreknow.files.names import display_name  # noqa: PLC0415

    try:
        with atomic_path(folder / ".write-test") as temporary:
            temporary.touch()
        (folder / ".write-test").unlink()
    except OSError as error:
        message = f"results cannot be written to {display_name(folder)} ({error.strerror}); choose another folder with -o"
        raise ParameterError(message) from error
