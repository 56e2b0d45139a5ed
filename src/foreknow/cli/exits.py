"""What ends a command, as exit code and sentence: the one place that decides."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import typer
from typer.core import TyperGroup

from foreknow.errors import ForeknowError

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
SYSTEM_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


class ExitCodes(TyperGroup):
    """A group of commands whose errors end as one sentence on stderr and an exit code.

    0: all done. 1: the system failed (disk full). 2: the command line or a recording that it names cannot be used; the other
    recordings are done. 130: interrupted; results that were complete are kept. With ``--debug``, anywhere on the line, the
    traceback is shown as well.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  (a type of the library below typer)
        """Take ``--debug`` from wherever it stands."""
        options = args[: args.index("--")] if "--" in args else args
        if "--debug" in options:
            args = ["--debug", *(word for word in options if word != "--debug"), *args[len(options) :]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; turn what it raises into an exit code."""
        debug = bool(ctx.params.get("debug"))
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _end("interrupted; results that were complete are kept", INTERRUPTED, debug=debug)
        except ForeknowError as error:
            _end(str(error), BAD_INPUT, debug=debug)
        except BrokenPipeError:
            raise
        except OSError as error:
            _end(_system_sentence(error), SYSTEM_FAILED, debug=debug)
        except Exception as error:
            if _is_of_the_command_line(error):
                raise
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            _end(f"this is a fault of foreknow, please report it with the output of --debug ({what})", SYSTEM_FAILED, debug=debug)


def exit_code_of_batch(failed: int, *, bad_input: bool) -> int:
    """The exit code of a command that worked on several recordings.

    Args:
        failed: how many were not done.
        bad_input: whether every failure is the fault of its recording.
    """
    if not failed:
        return OK
    return BAD_INPUT if bad_input else SYSTEM_FAILED


class BatchFailure(Protocol):
    """What is told of a file that was not done."""

    @property
    def message(self) -> str:
        """One sentence that says why."""
        ...

    @property
    def is_input(self) -> bool:
        """Whether the file itself is to blame."""
        ...


def end_batch(failures: Sequence[BatchFailure]) -> None:
    """Tell what was not done, and end the command with the exit code for it; go on if all was done."""
    for failure in failures:
        say_error(failure.message)
    code = exit_code_of_batch(len(failures), bad_input=all(failure.is_input for failure in failures))
    if code:
        raise typer.Exit(code)


def say_error(sentence: str) -> None:
    """Print one sentence on stderr, as it is."""
    print(f"foreknow: {sentence}", file=sys.stderr)  # noqa: T201


def _end(sentence: str, code: int, *, debug: bool) -> NoReturn:
    if debug:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    say_error(sentence)
    raise typer.Exit(code)


def _system_sentence(error: OSError) -> str:
    from foreknow.files.names import display_name  # noqa: PLC0415

    where = f"{display_name(error.filename)}: " if isinstance(error.filename, str) else ""
    return f"{where}{error.strerror or error}; check that the folder can be written to and that the disk is not full"


def _is_of_the_command_line(error: Exception) -> bool:
    """Whether typer raised it to speak to the user itself (usage errors, exits)."""
    return type(error).__module__.split(".", maxsplit=1)[0] in {"typer", "click"}
