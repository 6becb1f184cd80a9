"""What is printed stays whole, whatever the width and whatever is in it."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from labels.console import say, show

PATH = "/a place/[bold]/" + "very-long-folder/" * 12 + "图片.png"


def console(width: int, *, terminal: bool = False) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=terminal, color_system=None), file


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [1, 40, 300])
def test_a_sentence_is_one_line_without_markup(width: int, terminal: bool) -> None:
    shown, file = console(width, terminal=terminal)
    say(shown, f"Wrote {PATH}.")
    assert file.getvalue() == f"Wrote {PATH}.\n"


def table() -> Table:
    drawn = Table("file", "count")
    drawn.add_row(PATH.replace("[", "\\["), "1")
    return drawn


@pytest.mark.parametrize("width", [20, 300])
def test_a_table_in_a_file_is_as_wide_as_it_has_to_be(width: int) -> None:
    shown, file = console(width)
    show(shown, table())
    (row,) = (line for line in file.getvalue().splitlines() if PATH in line)
    assert row.split()[-2] == "1"
    assert shown.width == width


def test_a_table_on_a_terminal_fits_it() -> None:
    shown, file = console(40, terminal=True)
    show(shown, table())
    assert max(map(len, file.getvalue().splitlines())) <= 40
