"""Items worked off by processes of a Ray cluster.

A process that dies is started again by Ray, which gives it its items once more. The driver keeps
what is done where it belongs, in a `Journal` for instance: one that dies goes on there when it is
started again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from training.core.journal import Journal

T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[T], R]
"""Makes the result of an item, which is the same whenever it is repeated; both are picklable."""

_AHEAD = 2
"""Items that a worker has at hand, so that it need not wait for the driver."""


class _Worker(Generic[T, R]):
    """A process of the cluster."""

    def __init__(self, start: Callable[[], Work[T, R]]) -> None:
        self._start = start
        self._work: Work[T, R] | None = None

    def do(self, key: str, item: T) -> tuple[str, R]:
        # Not in __init__: what that raises reaches the driver as the death of an actor.
        if self._work is None:
            self._work = self._start()
        return key, self._work(item)


def map_on_ray(
    start: Callable[[], Work[T, R]], items: Mapping[str, T], *, workers: int | None = None
) -> Iterator[tuple[str, R]]:
    """Work items off on the cluster that this process is connected to.

    Args:
        start: Called once in each worker; picklable, and importable on every node.
        items: What to work off, by key; begun in this order.
        workers: Processes, of one core each; None for all cores of the cluster.

    Yields:
        The key and the result of each item, in the order in which results come.

    Raises:
        Exception: whatever `start` or the work raises.
    """
    import ray
    from ray.exceptions import RayTaskError

    if not items:
        return
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    remote: Any = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Worker)
    actors = [remote.remote(start) for _ in range(min(workers or cores, len(items)))]
    left = iter(items.items())
    running: dict[Any, Any] = {}

    def give(actor: Any) -> None:
        for key, item in left:
            running[actor.do.remote(key, item)] = actor
            return

    for _ in range(_AHEAD):
        for actor in actors:
            give(actor)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        actor = running.pop(ready)
        try:
            result: tuple[str, R] = ray.get(ready)
        except RayTaskError as error:
            raise error.cause or error from error
        give(actor)
        yield result


def in_order(results: Iterable[tuple[str, R]], keys: Iterable[str]) -> Iterator[R]:
    """Results in the order of their keys, each as soon as those before it are there.

    Args:
        results: One for each key, in any order.
        keys: The order.
    """
    early: dict[str, R] = {}
    coming = iter(results)
    for wanted in keys:
        while wanted not in early:
            key, result = next(coming)
            early[key] = result
        yield early.pop(wanted)


def work_on_ray(
    start: Callable[[], Work[T, Any]],
    items: Mapping[str, T],
    journal: Journal,
    *,
    workers: int | None = None,
) -> Iterator[tuple[str, Any]]:
    """Work items off as `map_on_ray` does, but for those that have their results in a journal.

    Args:
        start: As for `map_on_ray`; JSON must be able to write the results.
        items: What to work off, by key.
        journal: Gets each result before it is given.
        workers: As for `map_on_ray`.

    Yields:
        The key and the result of each item: first those of the journal, then the others in the
        order in which they come.

    Raises:
        Exception: whatever `start` or the work raises; the results so far are kept.
    """
    left = {key: item for key, item in items.items() if key not in journal.results}
    for key in items:
        if key not in left:
            yield key, journal.results[key]
    for key, result in map_on_ray(start, left, workers=workers):
        journal.add(key, result)
        yield key, result
