"""`clickorder text test`, `read` and `to-ddddocr`: what a text model makes of pictures."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

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

T = TypeVar("T")


class Part(StrEnum):
    """Which pictures to test with."""

    ALL = "all"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


Model = Annotated[
    Path | None,
    typer.Option(
        help="ONNX file of `train-text`, or of dddd_trainer with its `charsets.json`; or a reader "
        "that is shipped, by its name in `clickorder text models`. [default: the shipped one of "
        "everything]"
    ),
]
Length = Annotated[
    int | None, typer.Option(min=1, help="How many characters there are. [default: any]")
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        "--colour",
        help="Read only the characters of this colour: `red`, `红`, `#cc2030`.",
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads that one run of the model may use.")]


def measure(
    folders: Folders,
    model: Model = None,
    pattern: Pattern = None,
    part: Annotated[
        Part, typer.Option(help="Which part of what `split` decided. [default: all]")
    ] = Part.ALL,
    charset: CharsetOption = None,
    length: Length = None,
    color: Color = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Draw the worst readings into this PNG.")
    ] = None,
    threads: Threads = 1,
    json_file: JsonFile = None,
) -> None:
    """Read labelled pictures and say how well: whole pictures, characters, confusions, time.

    Intervals are Wilson's of 95 %. Labels are folded as the model's were (its case, its
    replacements). Pictures are read one at a time; the time is from the decoded picture to the
    text.

    For example:

    - `clickorder text test pictures --model runs/text/text.onnx --part test`
    - `clickorder text test pictures --model text.onnx --sheet worst.png --json -`
    """
    import io

    from rich.console import Console
    from rich.table import Table

    from classifier.charsets import characters_of
    from classifier.text_reader import TextReader, reader_file
    from labels.atomic import write_atomically
    from labels.text_split import kept_split
    from training.evaluation.failures import Lettering
    from training.text.scoring import read_all, score_json, score_texts
    from training.text.sheet import draw_text_sheet

    to_stdout = json_file is not None and str(json_file) == "-"
    shown = Console(stderr=to_stdout)
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UsageError(f"{sheet} is no .png; the sheet is written as PNG.")
    allowed = None if charset is None else characters_of(charset)
    reader = TextReader.load(reader_file(model), threads=threads)
    with report_os_errors(folders[0]):
        texts = read_folders(folders, pattern)
        pictures = texts.pictures
        if part is not Part.ALL:
            pictures = kept_split(pictures).of(part.value)
        if not pictures:
            raise CommandError(
                "There is no labelled picture to test with; see `clickorder text check`, or "
                "`split` for the parts."
            )
        outcomes = read_all(
            pictures, reader, charset=allowed, length=length, colour=color, track=_read_aloud
        )
        score = score_texts(outcomes)
        drawn = None
        if sheet is not None:
            drawn = draw_text_sheet((o.on_sheet for o in outcomes), Lettering.find())
    table = Table(show_header=False)
    table.add_row("whole pictures", str(score.pictures))
    table.add_row("characters", str(score.characters))
    table.add_row(
        "time for a picture",
        f"median {score.median_ms:.2f} ms, 95 % within {score.p95_ms:.2f} ms, {threads} thread(s)",
    )
    say(shown, reader.name)
    show(shown, table)
    if score.confusions:
        confused = Table("is", "read as", "count", title="Confusions", title_justify="left")
        for (there, read_as), count in list(score.confusions.items())[:15]:
            confused.add_row(cell(there or "(nothing)"), cell(read_as or "(nothing)"), str(count))
        show(shown, confused)
    if texts.faults:
        typer.echo(
            f"{len(texts.faults)} faults in the folders; see `clickorder text check`.", err=True
        )
    if sheet is not None and drawn is not None:
        content = io.BytesIO()
        drawn.save(content, "PNG")
        with report_os_errors(sheet):
            write_atomically(sheet, content.getvalue())
        typer.echo(f"The worst readings: {sheet}", err=to_stdout)
    write_json(json_file, {"model": reader.name, **score_json(score, outcomes)})


_SHOWN_CHARACTERS = 100
_ALIKE = frozenset("0Oo1lI")


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures.")],
    model: Model = None,
    charset: CharsetOption = None,
    length: Length = None,
    color: Color = None,
    threads: Threads = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each picture, a line each.")
    ] = False,
) -> None:
    """Read pictures, a line each: the file, its text, and how sure that is.

    Exit status 1: a picture could not be opened; the others are read all the same.

    For example:

    - `clickorder text read captcha.png`
    - `clickorder text read captcha.png --model captcha-upper4`
    - `clickorder text read *.png --model text.onnx --charset numeric --length 4 --json`
    """
    from classifier.charsets import characters_of
    from classifier.text_reader import TextReader, reader_file
    from labels.pictures import UNREADABLE, load_rgb

    allowed = None if charset is None else characters_of(charset)
    reader = TextReader.load(reader_file(model), threads=threads)
    if allowed is not None:
        typer.echo(f"Characters in use: {_shortened(allowed)}", err=True)
    failed = doubtful = False
    for file in files:
        try:
            picture = load_rgb(file)
        except UNREADABLE as error:
            typer.echo(f"{file} cannot be read as a picture ({error}).", err=True)
            failed = True
            continue
        (reading,) = reader.read([picture], charset=allowed, length=length, colour=color)
        doubtful |= allowed is None and bool(_ALIKE & set(reading.text))
        if as_json:
            answer = {
                "file": str(file),
                "text": reading.text,
                "confidence": reading.confidence,
                "characters": [
                    {"char": character, "confidence": share}
                    for character, share in reading.characters
                ],
            }
            typer.echo(json.dumps(answer, ensure_ascii=False))
        else:
            typer.echo(f"{file}\t{reading.text}\t{reading.confidence:.3f}")
    if doubtful and not as_json:
        typer.echo(
            "0 and O, or 1, l and I, look alike: where you know which may occur, say so with "
            "--charset (as numeric) and --length.",
            err=True,
        )
    if failed:
        raise typer.Exit(1)


def models() -> None:
    """List the readers that are shipped: what they read, and where the file lies.

    A model of one kind of picture is far more often right on that kind, and wrong on all others.

    For example:

    - `clickorder text models`
    - `clickorder text read captcha.png --model captcha-digits4`
    """
    from rich.console import Console
    from rich.table import Table

    from classifier.text_reader import SHIPPED, SHIPPED_READERS, TextReader

    table = Table("name", "reads", "characters", "MB", "file")
    for name, file in {"(default)": SHIPPED, **SHIPPED_READERS}.items():
        reader = TextReader.load(file)
        told = reader.metadata.training_data if reader.metadata else ""
        size = f"{file.stat().st_size / 1e6:.1f}"
        table.add_row(name, cell(told), str(len(reader.charset.symbols) - 1), size, cell(str(file)))
    show(Console(), table)


def to_ddddocr(
    model: Annotated[Path, typer.Argument(help="ONNX file of `train-text --head ctc`.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write. [default: charsets.json beside the model]"),
    ] = None,
) -> None:
    """Write the `charsets.json` with which the package ddddocr can run a text model of ours.

    For example:

    - `clickorder text to-ddddocr text.onnx`, then in Python
      `DdddOcr(ocr=False, import_onnx_path="text.onnx", charsets_path="charsets.json")`
    """
    from classifier.ddddocr_charsets import CHARSETS_FILE, ddddocr_charsets_text
    from classifier.text_reader import TextReader

    metadata = TextReader.load(model).metadata
    if metadata is None:
        raise CommandError(
            f"{model} is an export of dddd_trainer, which ddddocr runs with the charsets.json that "
            "it has already."
        )
    text = ddddocr_charsets_text(metadata, source=str(model))
    write_new(out or model.with_name(CHARSETS_FILE), text)


def _shortened(characters: str) -> str:
    rest = len(characters) - _SHOWN_CHARACTERS
    return characters if rest <= 0 else f"{characters[:_SHOWN_CHARACTERS]} and {rest} more"


def _read_aloud(pictures: Sequence[T]) -> Iterable[T]:
    return through("Reading", pictures, len(pictures))
