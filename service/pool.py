"""Where requests are computed: a few threads, a short queue, and then a refusal."""

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from service.errors import OverloadedError
from service.telemetry.spans import waited

T = TypeVar("T")

_ASK_AGAIN_S = 0.02
"""How soon a job of a batch that found the queue full asks again."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a pool is.

    Attributes:
        running: Jobs in a worker.
        waiting: Jobs that wait for one.
        room: Jobs that would be taken now.
        reading: Bodies that are being received.
        refused: Requests that were refused since the start.
    """

    running: int
    waiting: int
    room: int
    reading: int
    refused: int


class InferencePool:
    """Runs at most `workers` jobs, lets at most `queue` wait, and refuses the rest.

    The pool is its own, because the default executor of the event loop has an unbounded queue and
    is shared with whatever else needs a thread.

    Args:
        workers: Jobs that run at the same time.
        queue: Jobs that wait for a worker.
        retry_after_s: What a refusal tells the caller.
        batches: Batches that are answered at the same time, however many jobs each of them has.
    """

    def __init__(
        self, workers: int, queue: int, retry_after_s: int = 1, *, batches: int = 4
    ) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="inference")
        self._workers = workers
        self._room = workers + queue
        self._retry_after_s = retry_after_s
        self._held = 0
        self._refused = 0
        self._reading = 0  # this and the next are only ever touched on the event loop
        self._batches = 0
        self._most_batches = batches
        self._leisure = asyncio.Semaphore(max(1, workers - 1))
        # Reentrant: where garbage is collected inside of it, the end of a request that was dropped
        # releases its place in the same thread.
        self._lock = threading.RLock()

    @property
    def load(self) -> Load:
        """How busy it is now."""
        held = self._held
        running = min(held, self._workers)  # a job waits only while every worker has one
        return Load(running, held - running, self._room - held, self._reading, self._refused)

    def check_room(self) -> None:
        """Refuse early, before a body of megabytes is read for nothing.

        Raises:
            OverloadedError: the queue is full.
        """
        if self._held >= self._room:
            raise self._refusal(self._held)

    async def run(self, job: Callable[[], T]) -> T:
        """Run `job` in a worker, with the caller's context variables.

        A caller that is cancelled gives up its place only where the job has not started.

        Raises:
            OverloadedError: the queue is full.
        """
        with self._lock:
            self.check_room()
            self._held += 1
        try:
            context = contextvars.copy_context()
            future = self._executor.submit(context.run, _after_wait, time.time_ns(), job)
        except BaseException:
            self._release()
            raise
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    async def run_low_priority(self, job: Callable[[], T], patience_s: float) -> T:
        """Run a job of a batch: where there is room, and not in the last worker that is free.

        All batches together have one worker less than there are (but one at least), so that
        whoever asks for a single answer waits for one job of theirs at most.

        Args:
            job: As of `run`.
            patience_s: How long to wait for room.

        Raises:
            OverloadedError: there was no room in time.
        """
        end = time.monotonic() + patience_s
        async with self._leisure:
            while not self.load.room and time.monotonic() + _ASK_AGAIN_S < end:
                await asyncio.sleep(_ASK_AGAIN_S)
            return await self.run(job)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Count a batch, from its body to its last answer.

        Raises:
            OverloadedError: as many batches are being answered as are at the same time.
        """
        if self._batches >= self._most_batches:
            self._refused += 1
            raise OverloadedError(
                f"{self._batches} batches are being answered already; try again in "
                f"{self._retry_after_s} s.",
                self._retry_after_s,
            )
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Count a body that is being received: as many as there is room for, and no more.

        Raises:
            OverloadedError: the queue is full, or as many bodies are on their way as it takes.
        """
        self.check_room()
        if self._reading >= self._room:
            raise self._refusal(self._reading)
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    def close(self) -> None:
        """Wait for the jobs that run; drop those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _refusal(self, busy: int) -> OverloadedError:
        self._refused += 1
        return OverloadedError(
            f"{busy} requests are running or waiting already; try again in "
            f"{self._retry_after_s} s.",
            self._retry_after_s,
        )

    def _release(self, _: Future[T] | None = None) -> None:
        with self._lock:
            self._held -= 1


def _after_wait(since_ns: int, job: Callable[[], T]) -> T:
    """Run a job that has waited for its worker."""
    waited(since_ns)
    return job()
