"""What is seen of a stress test while it runs."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickorder.bench.load import Level, Sample

_EVERY_S = 0.2
_RECENT = 200


@contextmanager
def live_bar(level: "Level") -> "Iterator[Callable[[Sample], None]]":
    """A bar on stderr with the rate, the median of late and what failed; takes each sample."""
    from statistics import median

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    begin, told_at = time.perf_counter(), 0.0
    ended = answered = refused = 0
    recent: deque[float] = deque(maxlen=_RECENT)
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn(),
        TextColumn("{task.fields[live]}", markup=False),
    )  # fmt: skip
    # In a log file it would be no bar but lines of rubbish.
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(level.name, total=1.0, live="")

        def take(sample: "Sample") -> None:
            nonlocal ended, answered, refused, told_at
            ended += 1
            answered += sample.answered
            refused += sample.refused
            if sample.answered:
                recent.append(sample.taken_ms)
            passed = time.perf_counter() - begin
            done = max(
                ended / level.requests if level.requests else 0.0,
                passed / level.seconds if level.seconds else 0.0,
            )
            # A median for every answer would take time from those who ask.
            if passed - told_at < _EVERY_S and done < 1:
                return
            told_at = passed
            middle = f"p50 {median(recent):.0f} ms" if recent else "no answer yet"
            progress.update(
                task,
                completed=min(done, 1.0),
                live=f"{answered / passed:.1f}/s, {middle}, {ended - answered - refused} errors, "
                f"{refused} refused",
            )

        yield take
