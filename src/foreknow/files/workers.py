"""The files of a batch one after the other, or side by side in processes."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any, Protocol, TypeVar

from foreknow.errors import ParameterError

Progress = Callable[[str, float], None]
OutcomeT = TypeVar("OutcomeT")
OutcomeT_co = TypeVar("OutcomeT_co", covariant=True)


class BatchTask(Protocol[OutcomeT_co]):
    """One file of a batch and what to do with it; can be sent to another process, and so can its outcome."""

    @property
    def name(self) -> str:
        """Of its results."""
        ...

    def run(self, progress: Callable[[float], None], /) -> OutcomeT_co:
        """Do it, and tell how far it is; whatever goes wrong becomes an outcome, except an interrupt."""
        ...

    def failure(self, message: str, /, *, is_input: bool) -> OutcomeT_co:
        """The outcome of a file that was not done; whether the file itself is to blame."""
        ...


def run_tasks(tasks: Sequence[BatchTask[OutcomeT]], jobs: int, progress: Progress, finished: Callable[[OutcomeT], None]) -> None:
    """Run tasks; with more than one job in processes that are started afresh.

    Args:
        tasks: what to do.
        jobs: how many at once.
        progress: told the name of a task and how far it is.
        finished: told each outcome as it comes, in this thread.

    Raises:
        ParameterError: if there are tasks, but not at least one job.
        KeyboardInterrupt: after the running tasks have been stopped and have removed their unfinished files.
    """
    if tasks and jobs < 1:
        message = f"at least one job is needed, not {jobs}"
        raise ParameterError(message)
    if jobs <= 1:
        for task in tasks:
            finished(task.run(lambda done, name=task.name: progress(name, done)))  # type: ignore[misc]
        return
    context = multiprocessing.get_context("spawn")
    messages: Queue[tuple[str, float] | None] = context.Queue()
    stop = context.Event()
    listener = threading.Thread(target=_listen, args=(messages, progress), daemon=True)
    listener.start()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare, initargs=(messages, stop))
    try:
        with _hold_interrupts():
            pending = {pool.submit(_run, task): task for task in tasks}
        for future in as_completed(pending):
            try:
                outcome = future.result()
            except BrokenExecutor:
                why = "the system ended its process, perhaps for want of memory; try it again with --jobs 1"
                task = pending[future]
                outcome = task.failure(f"{task.name} was not finished: {why}", is_input=False)
            finished(outcome)
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        messages.put(None)
        listener.join()


@contextmanager
def _hold_interrupts() -> Iterator[None]:
    """Deliver an interrupt after the block; processes that are started within it hear none, not even while they are starting."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _StoppedError(KeyboardInterrupt):
    """Raised inside a task when the whole run was interrupted."""


_shared: dict[str, Any] = {}  # of a worker process: set once when it starts


def _prepare(messages: "Queue[tuple[str, float] | None]", stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process hears it, and tells by `stop`
    _shared.update(messages=messages, stop=stop)


def _run(task: BatchTask[OutcomeT]) -> OutcomeT:
    def progress(done: float) -> None:
        if _shared["stop"].is_set():
            raise _StoppedError
        _shared["messages"].put((task.name, done))

    try:
        progress(0.0)
        return task.run(progress)
    except _StoppedError:
        return task.failure(f"{task.name} was interrupted", is_input=False)


def _listen(messages: "Queue[tuple[str, float] | None]", progress: Progress) -> None:
    while (message := messages.get()) is not None:
        progress(*message)
