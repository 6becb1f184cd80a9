"""What commands print on a console, so that no width and no name changes it."""

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text


def survive_encodings() -> None:
    """Let what a terminal or a pipe cannot encode be printed as escapes, and end no command.

    A console in cp1252 or GBK lacks most scripts, and a path may hold bytes of no encoding at all.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            # What was put in the place of a file may not be able to tell its position.
            with contextlib.suppress(OSError):
                stream.reconfigure(errors="backslashreplace")


class App(typer.Typer):
    """A command line that no encoding of the terminal ends."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        survive_encodings()
        return super().__call__(*args, **kwargs)


def cell(text: str) -> "Text":
    """What users have named, for a table: neither markup nor the code of an emoji."""
    from rich.text import Text

    return Text(text)


def say(console: "Console", sentence: str, style: str | None = None) -> None:
    """Print a sentence as it is: nothing in it is markup, and the terminal alone folds it.

    A path that was folded could not be copied, nor found in a log.

    Args:
        console: Where.
        sentence: A line, or several.
        style: Rich style.
    """
    console.print(sentence, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show(console: "Console", table: "RenderableType") -> None:
    """Print a table; in a file or a pipe, which have no width, it is as wide as it has to be."""
    if console.is_terminal:
        console.print(table)
        return
    usual = console.width
    unlimited = console.options.update(width=10_000)
    console.width = max(usual, console.measure(table, options=unlimited).maximum)
    console.print(table)
    console.width = usual
