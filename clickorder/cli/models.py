"""`clickorder models`: bundles of models, written and tried before a service sees them."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.errors import CommandError, UsageError

models_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Bundles of models: folders that a running service takes up by itself.\n\n"
    "`pack` writes the manifest into a folder, `check` does what the service does before it "
    "serves one. Then move the folder into the service's models folder "
    "(`CLICKORDER_MODELS_DIR`).",
)

BundleArgument = Annotated[Path, typer.Argument(help="Folder with the files of the bundle.")]


@models_app.command()
def pack(
    folder: BundleArgument,
    name: Annotated[str, typer.Option(help="Of the bundle: letters, digits and `._-`.")],
    version: Annotated[str, typer.Option(help="A later one is served in place of this one.")],
    site: Annotated[
        list[str] | None, typer.Option(help="Serve requests with this `site`; can be repeated.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="Serve requests with this `type`; can be repeated."),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(help="`WIDTHxHEIGHT` of backgrounds to serve; can be repeated."),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            help="Only `words`, `icons`, `image`, `region`, or `text` to read; can be repeated."
        ),
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Serve what no other bundle serves.")
    ] = False,
    prompt_count: Annotated[
        str | None,
        typer.Option(
            help="How many items the site's prompt pictures show, where that is known: `4`, or "
            "`3-5`."
        ),
    ] = None,
    selftest: Annotated[
        Path | None,
        typer.Option(help="Puzzle set that the bundle must solve; its first puzzles are copied."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=20, help="How many puzzles of --selftest to copy.")
    ] = 3,
) -> None:
    """Write the manifest `bundle.json`: what the bundle is, what it serves, and its checksums.

    The folder holds any of `detector.onnx`, `prompt_detector.onnx`, `classifier.onnx`,
    `siamese.onnx`, `names.onnx` with `names.npz` (and `vocabulary.jsonl`, where these are of a
    vocabulary of one's own), `text.onnx`, `calibration.json`, and `gallery/NAME/*.png`: reference
    pictures, so that the word `<NAME>` of a prompt names an icon. What a bundle does not have is
    taken from the default models.

    For example:

    - `clickorder models pack adapted/bundle --name shop --version 1.0 --site shop --default`
    - `clickorder models pack icons --name icons --version 2.1 --size 344x220 --prompt icons`
    """
    from pydantic import ValidationError

    from labels.atomic import write_atomically
    from service.models.bundle import MANIFEST, Bundle, Serves, file_sums, manifest_text
    from service.models.bundle import Manifest as BundleManifest

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the one with the bundle's files.")
    if selftest is not None:
        _copy_selftest(selftest, folder, count)
    try:
        manifest = BundleManifest(
            name=name,
            version=version,
            serves=Serves(
                sites=tuple(site or ()),
                types=tuple(type_ or ()),
                sizes=tuple(_size(text) for text in size or ()),
                prompts=tuple(prompt or ()),
            ),
            default=default,
            prompt_count=None if prompt_count is None else _counts(prompt_count),
            sha256=file_sums(folder),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"--{step} " for step in first["loc"][:1])
        raise UsageError(f"{place}is not valid: {first['msg']} ({first['input']!r}).") from error
    text = manifest_text(manifest).encode("utf-8")
    write_atomically(folder / MANIFEST, text)
    bundle = Bundle.read(folder)
    typer.echo(f"{folder / MANIFEST}: {bundle.title}, {len(manifest.sha256)} files.")


def _counts(text: str) -> tuple[int, int]:
    """`"4"` or `"3-5"` as the least and the greatest number."""
    least, _, greatest = text.partition("-")
    try:
        return int(least), int(greatest or least)
    except ValueError as error:
        raise UsageError(
            f"--prompt-count {text} is neither a number nor a range; write 4, or 3-5."
        ) from error


@models_app.command()
def check(folder: BundleArgument) -> None:
    """Do what the service does before it serves a bundle: checksums, loading, self-test.

    Exit status 0 where it would be served, 1 with the reason where it would be refused.

    For example: `clickorder models check adapted/bundle`
    """
    from service.models.backends import load_solver, make_solver
    from service.models.bundle import Bundle
    from service.models.selftest import check_solver
    from service.settings import Settings

    bundle = Bundle.read(folder)
    # The default models fill what the bundle does not have, as they do in a service.
    settings = Settings()
    default = load_solver(settings.model_copy(update={"models_dir": None}))
    solver = make_solver(bundle.open(settings, default.parts), settings)
    check_solver(solver, bundle.selftest, settings.limits)
    typer.echo(f"{bundle.title} can be served:")
    for role, model in solver.models.items():
        typer.echo(f"  {role}: {model}")
    if solver.parts.namer is not None:
        typer.echo(f"  {len(solver.parts.namer.vocabulary)} things that words name")
    for word in sorted(solver.parts.gallery.pictures):
        typer.echo(f"  word <{word}>")


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split("x"))
    except ValueError as error:
        raise UsageError(f"--size {text!r} is not WIDTHxHEIGHT, as in 344x220.") from error
    return width, height


def _copy_selftest(source: Path, folder: Path, count: int) -> None:
    """The first puzzles of a set, into the bundle."""
    import shutil

    from labels.puzzles import read_puzzles, write_puzzles
    from service.models.bundle import SELFTEST

    puzzles = read_puzzles(source).puzzles[:count]
    target = folder / SELFTEST
    if target.exists():
        raise CommandError(f"{target} is there already; remove it, or leave --selftest out.")
    target.mkdir()
    for puzzle in puzzles:
        for file in puzzle.files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
    write_puzzles(target, puzzles)
