"""What commands print on a console, so that no width and no name changes it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def say(console: "Console", sentence: str, style: str | None = None) -> None:
    """Print a sentence as it is: nothing in it is markup, and the terminal alone folds it.

    A path that was folded could not be copied, nor found in a log.

    Args:
        console: Where.
        sentence: A line, or several.
        style: Rich style.
    """
    console.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)


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
