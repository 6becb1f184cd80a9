"""`clickorder names`: what a prompt can name, and the files that names are found with."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clickorder.cli.training import CacheOption
from clickorder.errors import CommandError

names_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Names of everyday things, which a prompt's words may be: what there is, and how the "
    "files are made that drawings are found by.",
)

VocabularyOption = Annotated[
    Path | None,
    typer.Option(
        help="File of the things and their names, a JSON object on each line. [default: the "
        "vocabulary of this project]"
    ),
]


@names_app.command("list")
def list_names(
    text: Annotated[
        str,
        typer.Argument(
            help="A name, a part of one, or one with a typing error, in any language; leave it out "
            "to list everything."
        ),
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many at most. [default: 20, or all]")
    ] = None,
    vocabulary: VocabularyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the things that words of a prompt can name, best matches first.

    For example:

    - `clickorder names list 飞机`
    - `clickorder names list --json`
    """
    from siamese.vocabulary import Vocabulary, shipped_vocabulary

    words = shipped_vocabulary() if vocabulary is None else Vocabulary.load(vocabulary)
    found = words.search(text, limit or (20 if text else len(words)))
    if as_json:
        rows = [{"id": thing.id, "names": thing.names} for thing in found]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not found:
        raise CommandError(f"No name is like {text!r}; `clickorder names list` lists them all.")
    for thing in found:
        names = "; ".join(
            f"{language}: {', '.join(thing.names[language])}" for language in thing.names
        )
        typer.echo(f"{thing.id}  {names}")


@names_app.command()
def build(
    out: Annotated[
        Path | None,
        typer.Option(help="The new file. [default: the vocabulary of this project]"),
    ] = None,
    cache: CacheOption = None,
) -> None:
    """Build the vocabulary from the names of emoji and a table of ours.

    Kept are the things that icons of at least two designs of the training split draw. The
    prototypes are made again after that.
    """
    try:
        from training.names.build import run_build
    except ImportError as error:
        raise _missing(error) from error
    run_build(out, cache)


@names_app.command()
def prototypes(
    network: Annotated[Path, typer.Argument(help="A names.onnx of train-names.")],
    out: Annotated[
        Path | None, typer.Option(help="The new file. [default: names.npz beside the network]")
    ] = None,
    crops: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a training whose drawn crops to use, or to keep new ones in. "
            "[default: the network's]"
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(min=100, help="Crops to draw, where there are none yet.")
    ] = 40_000,
    most: Annotated[int, typer.Option(min=1, max=8, help="Prototypes of one thing at most.")] = 8,
    vocabulary: VocabularyOption = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
    cache: CacheOption = None,
) -> None:
    """Write what the things of the vocabulary look like to a network.

    Run it again whenever the network or the vocabulary has changed: the file is tied to both by
    checksum. A vocabulary of one's own goes into a bundle beside both, as `vocabulary.jsonl`.

    For example:

    - `clickorder names prototypes runs/names/names.onnx`
    - `clickorder names prototypes shop/names.onnx --vocabulary shop/vocabulary.jsonl`
    """
    try:
        from training.names.prototypes import run_prototypes
    except ImportError as error:
        raise _missing(error) from error
    from siamese.vocabulary import VOCABULARY_FILE

    run_prototypes(
        network,
        out or network.with_suffix(".npz"),
        crops=crops,
        count=count,
        most=most,
        words=vocabulary or VOCABULARY_FILE,
        seed=seed,
        cache=cache,
    )


@names_app.command()
def sheet(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    cache: CacheOption = None,
) -> None:
    """Draw contact sheets: the icons that draw each thing, to look them over.

    The pictures show icons of other projects; they are for looking at, not for passing on.
    """
    try:
        from training.names.sheets import run_sheets
    except ImportError as error:
        raise _missing(error) from error
    run_sheets(out, cache)


def _missing(error: ImportError) -> CommandError:
    return CommandError(
        f"This needs packages that are not installed ({error.name}); install them with "
        'pip install -e ".[train]".'
    )
