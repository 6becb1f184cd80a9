"""`clickorder text generate`: drawn text CAPTCHAs as a folder of labelled pictures."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clickorder.errors import CommandError
from clickorder.terminal import report_os_errors, through


class Fold(StrEnum):
    """The case that letters of labels are written in."""

    LOWER = "lower"
    UPPER = "upper"


def generate(
    out: Annotated[Path, typer.Option(help="A new folder for the pictures.")],
    count: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 1000,
    synthetic: Annotated[
        str,
        typer.Option(
            help="captcha (of the captcha package), two-colours, strips (as prompts of click "
            "puzzles); several with shares: captcha:2,strips:1."
        ),
    ] = "captcha",
    charset: Annotated[
        str,
        typer.Option(
            help="numeric, lower, upper, alphabet, alphanumeric, common-chinese, chinese, sums "
            "with +, the characters themselves, or a file."
        ),
    ] = "numeric+upper",
    exclude: Annotated[str, typer.Option(help="Characters to leave out.")] = "",
    often: Annotated[str, typer.Option(help="Characters to draw four times as often.")] = "",
    length: Annotated[str, typer.Option(help="Characters of a text: 4, or 4-6.")] = "4",
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Of the pictures; strips keep their own.")
    ] = "160x60",
    fold: Annotated[
        Fold | None, typer.Option(help="Write labels in this case. [default: as drawn]")
    ] = None,
    replace: Annotated[
        str, typer.Option(help="In labels, in pairs: O0I1 writes O as 0 and I as 1.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Another one, other pictures.")] = 0,
) -> None:
    """Draw labelled text CAPTCHAs, `label_hash.png` each and all of them in `labels.txt`.

    `captcha` needs only the package of that name; strips and Chinese need `clickorder
    ingredients`. Where one colour of several is to be read, there is a folder for each colour.
    `train-text --synthetic` draws such pictures itself, without end.

    For example:

    - `clickorder text generate --charset numeric --length 4-6 --count 10000 --out digits`
    - `clickorder text generate --synthetic two-colours --charset alphanumeric --out coloured`
    """
    from training.text.settings import settings_of

    try:
        from training.text.writing import write_texts
    except ImportError as error:
        raise CommandError(
            f"Drawing pictures needs packages that are not installed ({error.name}); install them "
            'with pip install -e ".[texts]".'
        ) from error
    settings = settings_of(
        {
            "synthetic": synthetic,
            "charset": charset,
            "exclude": exclude,
            "often": often,
            "length": length,
            "draw": size,
            "fold": str(fold or ""),
            "replace": replace,
            "seed": seed,
            "grey": False,
        }
    )
    with report_os_errors(out):
        for _ in through("Drawing pictures", write_texts(settings, count, out), count):
            pass
    typer.echo(f"{count} pictures in {out}, with their labels in {out / 'labels.txt'}.")
