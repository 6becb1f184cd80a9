"""Items worked off by processes of a Ray cluster.

A process that dies is started again by Ray, which gives it its items once more. What is done is
kept in a journal by the driver: one that dies goes on there when it is started again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from training.core.journal import Journal

T = TypeVar("T")

Work = Callable[[T], Any]
"""Makes the result of an item, which JSON can write; the same whenever it is repeated."""

_AHEAD = 2
"""Items that a worker has at hand, so that it need not wait for the driver."""


class _Worker(Generic[T]):
    """A process of the cluster."""

    def __init__(self, start: Callable[[], Work[T]]) -> None:
        self._work = start()

    def do(self, key: str, item: T) -> tuple[str, Any]:
        return key, self._work(item)


def work_on_ray(
    start: Callable[[], Work[T]],
    items: Mapping[str, T],
    journal: Journal,
    *,
    done: Callable[[int], None] = lambda _: None,
    workers: int | None = None,
) -> None:
    """Put the result of every item that has none yet into a journal.

    Args:
        start: Called once in each worker; picklable, and importable on every node.
        items: What to work off, by key; picklable.
        journal: Gets the results in the order in which they come.
        done: Called with the number of results, after each.
        workers: Processes, of one core each; None for all cores of the cluster.

    Raises:
        Exception: whatever `start` or the work raises; the results so far are kept.
    """
    import ray
    from ray.exceptions import RayTaskError

    left = [(key, item) for key, item in items.items() if key not in journal.results]
    left.reverse()
    total = len(items)
    done(total - len(left))
    if not left:
        return
    cores = int(ray.cluster_resources().get("CPU", 1))
    remote: Any = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Worker)
    actors = [remote.remote(start) for _ in range(min(workers or max(1, cores), len(left)))]
    running: dict[Any, Any] = {}

    def give(actor: Any) -> None:
        if left:
            running[actor.do.remote(*left.pop())] = actor

    for _ in range(_AHEAD):
        for actor in actors:
            give(actor)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        actor = running.pop(ready)
        try:
            key, result = ray.get(ready)
        except RayTaskError as error:
            raise error.cause or error from error
        journal.add(key, result)
        done(total - len(left) - len(running))
        give(actor)
