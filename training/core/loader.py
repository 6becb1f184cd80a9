"""Batches from blocks that worker processes make.

Making a block costs about as much as a training step on it. Where both share few cores, a block
may therefore be used several times, each time slightly changed; new blocks always come first and
replace the most used. A thread takes blocks from the workers at any time: a pipe holds less than
one block, so a worker would otherwise wait until the trainer asks again.
"""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.queues import Queue
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

U8 = NDArray[np.uint8]

_WAIT_S = 2.0
_POLL_S = 0.25
_QUEUE_BLOCKS = 24
_NICE = 3
"""On two cores a worker of equal priority drew more crops than were used and halved the speed of
training (107 pairs/s instead of 187)."""


class LoaderError(TrainingError):
    """A worker process has ended."""


class HasWords(Protocol):
    """A block, which a worker makes at a time: some pictures, and the word that each shows."""

    @property
    def words(self) -> tuple[str, ...]:
        """The word of each picture."""
        ...


B = TypeVar("B", bound=HasWords)
B_co = TypeVar("B_co", bound=HasWords, covariant=True)


class Source(Protocol[B_co]):
    """Makes blocks in a worker process."""

    def block(self, kind: str) -> B_co:
        """The next block of a kind."""
        ...


class BlockLoader(Generic[B]):
    """Batches from blocks that worker processes make; a context manager."""

    def __init__(
        self,
        make: Callable[[int], Source[B]],
        kinds: Mapping[str, int],
        *,
        seed: int,
        workers: int = 1,
        pool_blocks: int = 800,
        uses: int = 3,
    ) -> None:
        """Start the workers.

        Args:
            make: Makes a worker's source from its seed; picklable.
            kinds: Number of blocks of each kind in a batch.
            seed: Random seed of the workers and of the choice and augmentation of blocks.
            workers: Number of processes.
            pool_blocks: Size of the pool in blocks, all kinds together.
            uses: Maximum number of times that a block is used.
        """
        self._kinds = dict(kinds)
        self._rng = np.random.default_rng(seed)
        self._uses = uses
        total = sum(kinds.values())
        self._limits = {kind: max(pool_blocks * n // total, n) for kind, n in kinds.items()}
        self._pools: dict[str, list[tuple[B, int]]] = {kind: [] for kind in kinds}
        self.drawn = 0
        context = multiprocessing.get_context("spawn")
        self._queue: Queue[tuple[str, B]] = context.Queue(_QUEUE_BLOCKS)
        order = [kind for kind, n in kinds.items() for _ in range(n)]
        self._processes = [
            context.Process(
                target=_work, args=(self._queue, make, order, seed + 1000 * (i + 1)), daemon=True
            )
            for i in range(workers)
        ]
        for process in self._processes:
            process.start()
        self._arrived: queue.Queue[tuple[str, B]] = queue.Queue(_QUEUE_BLOCKS)
        self._closing = threading.Event()
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._receiver.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._receiver.join()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(timeout=5)
        self._queue.cancel_join_thread()
        self._queue.close()

    def batch(self) -> B:
        """The next batch: its blocks, joined.

        Raises:
            LoaderError: a worker has ended.
        """
        self._collect(wait=False)
        while any(len(self._ready(kind)) < n for kind, n in self._kinds.items()):
            self._collect(wait=True)
        chosen: list[B] = []
        for kind, count in self._kinds.items():
            pool = self._pools[kind]
            ready = self._ready(kind)
            # Unused blocks come first, the others in random order.
            order = sorted(ready, key=lambda i: (min(pool[i][1], 1), self._rng.random()))
            for i in order[:count]:
                block, uses = pool[i]
                pool[i] = (block, uses + 1)
                chosen.append(block if uses == 0 else self.changed(block))
        return self.join(chosen)

    def join(self, blocks: Sequence[B]) -> B:
        """Several blocks as one."""
        raise NotImplementedError

    def changed(self, block: B) -> B:
        """The augmentation of a block that is used again."""
        return block

    def _ready(self, kind: str) -> list[int]:
        return [i for i, (_, uses) in enumerate(self._pools[kind]) if uses < self._uses]

    def _receive(self) -> None:
        """Receive blocks from the workers until the loader is closed; runs in its own thread."""
        while not self._closing.is_set():
            try:
                arrived = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            while not self._closing.is_set():
                try:
                    self._arrived.put(arrived, timeout=_POLL_S)
                    break
                except queue.Full:
                    continue

    def _collect(self, *, wait: bool) -> None:
        """Move finished blocks into the pools."""
        while True:
            try:
                kind, block = self._arrived.get(block=wait, timeout=_WAIT_S)
            except queue.Empty:
                if any(not process.is_alive() for process in self._processes):
                    raise LoaderError(
                        "A process that draws crops has ended; its error is printed above."
                    ) from None
                return
            pool = self._pools[kind]
            pool.append((block, 0))
            self.drawn += len(block.words)
            if len(pool) > self._limits[kind]:
                pool.pop(max(range(len(pool)), key=lambda i: (pool[i][1], -i)))
            if wait:
                return


def _work(
    blocks: "Queue[tuple[str, B]]",
    make: Callable[[int], Source[B]],
    kinds: Sequence[str],
    seed: int,
) -> None:
    """Run a worker process: make blocks of all kinds, in proportion, until it is terminated."""
    # Ctrl-C reaches the whole process group; the trainer ends the workers itself.
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    source = make(seed)
    rng = np.random.default_rng(seed)
    while True:
        for at in rng.permutation(len(kinds)):
            kind = kinds[int(at)]
            block = source.block(kind)
            while True:
                try:
                    blocks.put((kind, block), timeout=_WAIT_S)
                    break
                except queue.Full:
                    # A trainer that was killed hard leaves nobody to end its workers.
                    trainer = multiprocessing.parent_process()
                    if trainer is not None and not trainer.is_alive():
                        # Nor anybody to read what is still in the pipe, which an end waits for.
                        blocks.cancel_join_thread()
                        return
