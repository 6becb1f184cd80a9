"""What commands say to the person at the terminal: progress, faults, errors in a sentence."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import typer

T = TypeVar("T")

_MOST_FAULTS = 12


def tell_faults(sentences: Iterable[str]) -> None:
    """On stderr, a line each, as many as can be read."""
    told = list(sentences)
    for sentence in told[:_MOST_FAULTS]:
        typer.echo(sentence, err=True)
    if len(told) > _MOST_FAULTS:
        typer.echo(f"And {len(told) - _MOST_FAULTS} more; see `clickorder labels check`.", err=True)


@contextlib.contextmanager
def report_os_errors(place: Path) -> Iterator[None]:
    """A full disk or a folder that is not writable is no fault of the program."""
    from clickorder.errors import CommandError

    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{error.filename or place} cannot be read or written ({error.strerror or error})."
        ) from error


@contextlib.contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[], object]]:
    """A progress bar on stderr; what it yields is called for each step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining()
    console = Console(stderr=True)
    # In a log file it would be no bar but lines of rubbish.
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def through(what: str, items: Iterable[T], total: int | None = None) -> Iterator[T]:
    """The items, with a progress bar while they come."""
    with progress_bar(what, total) as advance:
        for item in items:
            yield item
            advance()
