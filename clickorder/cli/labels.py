"""`clickorder labels`: the user's own pictures, from a folder of screenshots to training data."""

import contextlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from clickorder.cli.crops import crop, group, prelabel
from clickorder.cli.puzzles import from_puzzles, to_puzzles
from clickorder.terminal import report_os_errors, through
from labels.annotations import Kind, Layout
from labels.console import say, show

if TYPE_CHECKING:
    from labels.quarantine import Change

T = TypeVar("T")

labels_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Your own pictures: check, split, prelabel, crop, group, review, convert.\n\n"
    "A typical afternoon: `prelabel` a folder of screenshots, correct it in `review`, `crop` and "
    "`group` the items, name the groups, then `check` and `split`.",
)


labels_app.command()(prelabel)


@labels_app.command()
def review(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Pictures, with labelImg's YOLO files or none.")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")
    ] = 8010,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open nothing.")
    ] = False,
) -> None:
    """Correct labels on a page in your browser, on this machine only, until Ctrl+C.

    Drag to draw a box, type its name, Enter. `o`, then click the boxes in the order of clicks.
    Space says that a picture is right and goes to the next. Everything is saved as you go, beside
    the pictures: `classes.txt` and a `.txt` for each (YOLO, as labelImg writes), `order.json`, and
    in `review.json` what was reviewed. The page explains its keys; it speaks English and Chinese.

    For example:

    - `clickorder labels review my-pictures`
    - `clickorder labels review my-pictures --port 9000 --no-browser`
    """
    from clickorder.errors import CommandError
    from clickorder.review.server import run_review

    try:
        run_review(folder, port, browser=not no_browser)
    except OSError as error:
        if error.filename is not None:
            raise CommandError(
                f"{error.filename} cannot be read or written ({error.strerror})."
            ) from error
        raise CommandError(
            f"The page cannot be served on port {port} ({error.strerror}); give another with "
            "--port, or 0 for a free one."
        ) from error


labels_app.command()(crop)
labels_app.command()(group)


class Also(StrEnum):
    """Faults that only a person can say are faults."""

    UNREADABLE_LABEL = "unreadable-label"
    MALFORMED_LINE = "malformed-line"
    MISSING_LABEL = "missing-label"
    NEAR_DUPLICATE = "near-duplicate"


LayoutOption = Annotated[
    Layout | None,
    typer.Option(help="How labels are stored. [default: found out from what is there]"),
]


@labels_app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled pictures.")],
    layout: LayoutOption = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Move what is broken to DIR/quarantine; delete nothing.")
    ] = False,
    also: Annotated[
        list[Also] | None,
        typer.Option(help="With --fix, move these too; the option can be repeated."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all faults here; `-` is stdout."),
    ] = None,
) -> None:
    """Find what is wrong with labelled pictures, each fault in a sentence.

    Unreadable pictures; missing, broken and orphaned label files; boxes without area or outside
    the picture; unknown classes; copies, exact and almost; classes with no picture or only one.

    `--fix` moves broken files and exact copies to `DIR/quarantine`, with their labels, and notes
    each in `quarantine/quarantine.jsonl`; move a file back to undo it. A labelImg file with some
    bad boxes stays without them. Lines and label files that are not understood stay as they are,
    unless `--also` names them. Every file and line that was changed is listed. Run it again if it
    was interrupted.

    Exit status: 0 clean, 1 faults are left, 2 the folder cannot be checked at all.

    For example:

    - `clickorder labels check my-pictures`
    - `clickorder labels check my-pictures --fix --also near-duplicate`
    - `clickorder labels check crops --layout classes --json faults.json`
    """
    import json

    from rich.console import Console

    from clickorder.errors import UsageError
    from labels.check import check_folder, fix_folder
    from labels.quarantine import Quarantine
    from labels.report import check_json, check_tables, left_to_the_user

    if also and not fix:
        raise UsageError("--also says what else --fix moves; give both.")
    to_stdout = json_file is not None and str(json_file) == "-"
    shown = Console(stderr=to_stdout)
    changes: tuple[Change, ...] = ()
    with report_os_errors(folder), _refused():
        if fix and Quarantine(folder).recover():
            shown.print("What an interrupted run had begun is done now.")
        report = check_folder(folder, layout, _checked)
        if fix:
            changes = fix_folder(report, [Kind(kind.value) for kind in also or ()])
            # Without what was moved, classes may have become empty, and copies unique.
            report = check_folder(folder, layout, _checked) if changes else report
    say(shown, str(report.annotations.folder))
    for table in check_tables(report):
        show(shown, table)
    for sentence in (*(fault.sentence for fault in report.faults), *left_to_the_user(report)):
        say(shown, sentence)
    for change in changes:
        say(shown, str(change))
    if changes:
        typer.echo(
            f"{len(changes)} files moved to {folder / 'quarantine'} or mended.", err=to_stdout
        )
    if json_file is not None:
        text = json.dumps(check_json(report, changes), ensure_ascii=False, indent=1) + "\n"
        if to_stdout:
            typer.echo(text, nl=False)
        else:
            with report_os_errors(json_file):
                json_file.write_text(text, encoding="utf-8")
    if report.faults:
        raise typer.Exit(1)
    shown.print("No faults.")


@labels_app.command()
def split(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled pictures.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Make folders train, validation and test here. [default: only split.json]"
        ),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of pictures to choose models by.")
    ] = 0.15,
    test: Annotated[
        float, typer.Option(help="Share of pictures to measure with at the end.")
    ] = 0.15,
    seed: Annotated[int, typer.Option(help="Another one divides new pictures otherwise.")] = 0,
    layout: LayoutOption = None,
) -> None:
    """Divide labelled pictures into training, validation and test, and keep it that way.

    Pictures that are almost the same stay on one side, and every class is divided alike where it
    has enough pictures. The parts are kept in `DIR/split.json`: run it again after adding
    pictures, and the old ones stay where they are, also those that were renamed.

    With `--out`, pictures are linked (or copied) into `train/`, `validation/` and `test/` in the
    layout they have, with their labels; the originals stay as they are.

    For example:

    - `clickorder labels split my-pictures --out parts`, then
      `train-detector parts/train --validation parts/validation`
    - `clickorder labels split crops --validation 0.2 --test 0`
    """
    from rich.console import Console

    from labels.check import check_folder
    from labels.report import split_table
    from labels.split import Shares, split_folder
    from labels.split_export import claim_folder, write_parts

    shares = Shares(validation, test)
    shown = Console()
    with report_os_errors(out or folder):
        if out is not None:
            claim_folder(folder, out)
        report = check_folder(folder, layout, _checked)
        parts = split_folder(report.annotations, report.prints, shares, seed)
        written = write_parts(report.annotations, parts, out) if out is not None else None
    show(shown, split_table(report, parts))
    for path in parts.left_out:
        say(shown, f"{path} has no part: it looks almost the same as pictures of another one.")
    left = len(report.annotations.unlabelled)
    if left or report.faults:
        say(
            shown,
            f"{left} pictures have no label and no part, and there are {len(report.faults)} "
            f"faults; see `clickorder labels check {folder}`.",
        )
    typer.echo(f"{parts.new} pictures are new in {folder / 'split.json'}.")
    if written is not None:
        say(
            shown,
            f"{written.placed} files placed in {out}, {written.stale} that do not belong there any "
            "more moved to its quarantine.",
        )


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """Tells a folder that cannot be checked from one with faults, by the exit status."""
    from clickorder.errors import UsageError
    from labels.errors import LabelsError

    try:
        yield
    except LabelsError as error:
        raise UsageError(str(error)) from error


def _checked(pictures: Iterable[T], total: int) -> Iterator[T]:
    return through("Looking at pictures", pictures, total)


labels_app.command("from-puzzles")(from_puzzles)
labels_app.command("to-puzzles")(to_puzzles)
