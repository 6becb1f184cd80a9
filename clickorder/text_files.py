"""What the commands of `clickorder text` share: options, reading folders, writing results."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickorder.errors import CommandError
from clickorder.terminal import report_os_errors

if TYPE_CHECKING:
    from labels.texts import TextPictures

Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="Labelled pictures.")]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="Where file names hold the label: a regular expression with a group `label`. "
        "[default: all up to the first underscore]",
        show_default=False,
    ),
]
CharsetOption = Annotated[
    str | None,
    typer.Option(
        help="Characters that may occur: `numeric`, `lower`, `upper`, `alphabet`, "
        "`alphanumeric`, `chinese`, several joined by `+`, a `.txt` or `.json` file, or the "
        "characters themselves. [default: any]",
        show_default=False,
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all of it here; `-` is stdout."),
]


def read_folders(folders: Sequence[Path], pattern: str | None) -> "TextPictures":
    """Labelled pictures, by the default pattern where none is given."""
    from labels.texts import NAME_PATTERN, read_texts

    return read_texts(folders, pattern=NAME_PATTERN if pattern is None else pattern)


def write_json(file: Path | None, value: object) -> None:
    """Write a result where it was asked for: `-` is stdout."""
    from labels.atomic import write_atomically

    if file is None:
        return
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    with report_os_errors(file):
        write_atomically(file, text.encode())


def write_new(file: Path, text: str) -> None:
    """Write a file that was not there, or said the same."""
    from labels.atomic import write_atomically

    with report_os_errors(file):
        if file.exists() and file.read_bytes() != text.encode():
            raise CommandError(
                f"{file} is there already and holds something else; give another with --out."
            )
        write_atomically(file, text.encode())
    typer.echo(f"Written: {file}")
