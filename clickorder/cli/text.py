"""`clickorder text`: pictures of text, from a folder of them to a measured model."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from clickorder.cli.text_generate import generate
from clickorder.cli.text_read import measure, models, read, to_ddddocr
from clickorder.errors import CommandError, UsageError
from clickorder.terminal import report_os_errors, through
from clickorder.text_files import (
    CharsetOption,
    Folders,
    JsonFile,
    Pattern,
    read_folders,
    write_json,
    write_new,
)
from labels.console import cell, say, show

if TYPE_CHECKING:
    from labels.text_check import TextReport
    from labels.texts import TextPictures

T = TypeVar("T")

text_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Whole text CAPTCHAs: check and split pictures, collect their characters, read, test.\n\n"
    "Pictures are named `label_anything.png`, or listed in a `labels.txt` or `labels.json` "
    "beside them. A typical morning: `check`, `labels`, `split`, then `train-text`, and `test` at "
    "the end.",
)


class Also(StrEnum):
    """Faults that only a person can say are faults."""

    WRONG_SUFFIX = "wrong-suffix"
    WRONG_SIZE = "wrong-size"
    MISSING_LABEL = "missing-label"
    EMPTY_LABEL = "empty-label"


@text_app.command()
def check(
    folders: Folders,
    pattern: Pattern = None,
    charset: CharsetOption = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Size that pictures must have. [default: any]"),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Move what is broken to DIR/quarantine; delete nothing."),
    ] = False,
    also: Annotated[
        list[Also] | None,
        typer.Option(help="With --fix, move these too; the option can be repeated."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Find what is wrong with labelled pictures of text, each fault in a sentence.

    Pictures that cannot be opened, that are blank, whose suffix is not their format, or of another
    size than asked for; missing and empty labels; characters outside the charset; lines that name
    no picture; the same pixels twice, with the same label or with another.

    `--fix` moves unreadable and blank pictures, foreign characters and copies to `DIR/quarantine`,
    takes their lines out of the label file (and lines that name no picture; a copy of the file is
    kept), and notes each in `quarantine/quarantine.jsonl`; move a file back to undo it. Which of
    two labels is right it leaves to you. Run it again if it was interrupted.

    Exit status: 0 clean, 1 faults are left, 2 the folders cannot be checked at all.

    For example:

    - `clickorder text check pictures --charset alphanumeric --size 160x60`
    - `clickorder text check pictures more --fix`
    """
    from rich.console import Console

    from classifier.charsets import characters_of
    from labels.errors import LabelsError
    from labels.quarantine import Change, Quarantine
    from labels.text_check import check_texts, fix_texts
    from labels.text_report import text_check_json, text_left_to_the_user, text_tables
    from labels.texts import TextFaultKind, outermost

    if also and not fix:
        raise UsageError("--also says what else --fix moves; give both.")
    wanted_size = None if size is None else _size(size)
    characters = None if charset is None else characters_of(charset)
    to_stdout = json_file is not None and str(json_file) == "-"
    shown = Console(stderr=to_stdout)

    def look() -> "TextReport":
        texts = read_folders(folders, pattern)
        return check_texts(texts, charset=characters, size=wanted_size, track=_looked_at)

    changes: tuple[Change, ...] = ()
    with report_os_errors(folders[0]):
        try:
            if fix:
                for folder in outermost(folders):
                    Quarantine(folder).recover()
            report = look()
            if fix:
                changes = fix_texts(report, [TextFaultKind(kind.value) for kind in also or ()])
                report = look() if changes else report
        except LabelsError as error:
            raise UsageError(str(error)) from error
    for table in text_tables(report):
        show(shown, table)
    for sentence in (*(fault.sentence for fault in report.faults), *text_left_to_the_user(report)):
        say(shown, sentence)
    for change in changes:
        say(shown, str(change))
    if changes:
        typer.echo(f"{len(changes)} files moved to quarantine or mended.", err=to_stdout)
    write_json(json_file, text_check_json(report, changes))
    if report.faults:
        raise typer.Exit(1)
    shown.print("No faults.")


@text_app.command()
def split(
    folders: Folders,
    test: Annotated[
        float, typer.Option(help="Share of pictures to measure with at the end.")
    ] = 0.05,
    validation: Annotated[float, typer.Option(help="Share of pictures to choose models by.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another one divides new pictures otherwise.")] = 0,
    pattern: Pattern = None,
) -> None:
    """Divide labelled pictures into training and test, 95 to 5, and keep it that way.

    The parts are kept in `DIR/split.json`: run it again after adding pictures, and the old ones
    stay where they are, also those that were renamed. Pictures with the same pixels come into the
    same part. `train-text` trains on what is not test and measures with the rest.

    For example:

    - `clickorder text split pictures`
    - `clickorder text split pictures more --test 0.1 --validation 0.05`
    """
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from labels.split import PARTS, Shares
    from labels.text_check import check_texts
    from labels.text_split import split_texts

    shares = Shares(validation, test)
    with report_os_errors(folders[0]):
        texts = read_folders(folders, pattern)
        report = check_texts(texts, track=_looked_at)
        parts = split_texts(report.pictures, report.digests, shares, seed)
    sizes = Counter(parts.parts.values())
    table = Table("part", "pictures", "share")
    for part in PARTS:
        share = sizes[part] / max(1, len(parts.parts))
        table.add_row(part, str(sizes[part]), f"{share:.1%}")
    show(Console(), table)
    if report.faults:
        typer.echo(
            f"There are {len(report.faults)} faults, and pictures without a label have no part; "
            "see `clickorder text check`."
        )
    typer.echo(f"{parts.new} pictures are new in {' and '.join(_split_files(texts))}.")


@text_app.command()
def labels(
    folders: Folders,
    pattern: Pattern = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the characters here, for `--charset`. [default: only show them]"),
    ] = None,
) -> None:
    """Collect the characters of all labels, with how often each occurs, and suggest a charset.

    For example:

    - `clickorder text labels pictures`
    - `clickorder text labels pictures --out charset.txt`, then `--charset charset.txt`
    """
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from classifier.charsets import characters_of, fitting_preset

    with report_os_errors(folders[0]):
        texts = read_folders(folders, pattern)
    counts = Counter("".join(texts.labels))
    if not counts:
        raise CommandError(
            "There is no label in these folders; see `clickorder text check` for what is there."
        )
    table = Table("character", "count")
    for character, count in sorted(counts.items()):
        table.add_row(cell(character), str(count))
    console = Console()
    show(console, table)
    lengths = Counter(map(len, texts.labels))
    spread = ", ".join(f"{count} of {length}" for length, count in sorted(lengths.items()))
    characters = "".join(sorted(counts))
    preset = fitting_preset(characters)
    lines = [
        f"{len(texts.pictures)} labels, {len(counts)} characters; by length: {spread}.",
        f"--charset {preset} has them all ({len(characters_of(preset))} characters)."
        if preset
        else "No preset has them all; use the list, with --out FILE and --charset FILE.",
    ]
    if texts.faults:
        lines.append(f"There are {len(texts.faults)} faults; see `clickorder text check`.")
    for line in lines:
        say(console, line)
    if out is not None:
        write_new(out, characters + "\n")


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)[xX×](\d+)", text.strip())
    if found is None or not int(found[1]) or not int(found[2]):
        raise UsageError(f"--size {text!r} is no size; write it as 160x60.")
    return int(found[1]), int(found[2])


def _looked_at(files: Sequence[T]) -> Iterable[T]:
    return through("Looking at pictures", files, len(files))


def _split_files(texts: "TextPictures") -> list[str]:
    from labels.split import SPLIT_FILE

    folders = dict.fromkeys(picture.folder for picture in texts.pictures)
    return [str(folder / SPLIT_FILE) for folder in folders]


text_app.command()(generate)
text_app.command("test")(measure)
text_app.command()(read)
text_app.command()(models)
text_app.command("to-ddddocr")(to_ddddocr)
