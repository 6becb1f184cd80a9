"""How long the stages of one request take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from service.telemetry.spans import span


@dataclass
class StageTimer:
    """Milliseconds by stage.

    Attributes:
        check: Called before each stage; raises where nobody waits for the answer any more.
        stages: Filled by `stage`.
    """

    check: Callable[[], None] = lambda: None
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a `with` block to a stage."""
        self.check()
        start = perf_counter()
        try:
            with span(name):
                yield
        finally:
            spent_ms = (perf_counter() - start) * 1000
            self.stages[name] = self.stages.get(name, 0.0) + spent_ms
