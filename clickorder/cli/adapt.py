"""`clickorder adapt`: the user's own pictures make the models better at the user's own CAPTCHA."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.terminal import report_os_errors
from labels.annotations import Layout
from labels.console import say


def adapt(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Labelled pictures: a puzzle set, boxes (labelImg YOLO, Pascal VOC, Label Studio) "
            "or a folder for each class.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Where bundle, report and runs go. [default: DIR-adapted]"),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(min=0.1, help="Of training, divided among the models by what is missed."),
    ] = 12.0,
    validation: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.9,
            help="Share of pictures to decide by whether new weights are better.",
        ),
    ] = 0.15,
    test: Annotated[
        float,
        typer.Option(min=0.0, max=0.9, help="Share of pictures to measure before and after with."),
    ] = 0.15,
    models_dir: Annotated[
        Path | None, typer.Option(help="Models to start from. [default: the shipped ones]")
    ] = None,
    mix: Annotated[
        bool,
        typer.Option(
            help="Mix in generated pictures, so that nothing is forgotten, where `clickorder "
            "ingredients` was run."
        ),
    ] = True,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 for all.")] = 0,
    seed: Annotated[int, typer.Option(help="Another one trains otherwise.")] = 1,
    layout: Annotated[
        Layout | None,
        typer.Option(help="How labels are stored. [default: found out from what is there]"),
    ] = None,
) -> None:
    """Fine-tune the models to your own labelled pictures, and say what it brought.

    Checks the labels, divides the pictures (`split.json`, as `clickorder labels split` does),
    trains what they support - the detector from boxes, that of prompt pictures where these are
    counted wrongly, matcher and classifier from names -, measures before and after on pictures that
    were held back, and writes a folder of models that the service loads, and a report of one page.
    New weights that lose two or more of the validation pictures are not taken. Where puzzles ask
    for things by names, such as 飞机, pictures of the labelled targets become the gallery of these
    names. Ctrl-C, or a crash: the same command goes on.

    For example:

    - `clickorder adapt my-pictures`
    - `clickorder adapt my-puzzles --out adapted --minutes 5`, then
      `CLICKORDER_MODELS_DIR=adapted/bundle clickorder serve`
    """
    from rich.console import Console

    from clickorder.errors import CommandError

    try:
        from clickorder.adapt.pipeline import REPORT_FILE
        from clickorder.adapt.pipeline import adapt as run
        from clickorder.adapt.state import AdaptOptions
    except ImportError as error:
        raise CommandError(
            f"Training needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".'
        ) from error
    target = out or folder.with_name(f"{folder.resolve().name}-adapted")
    options = AdaptOptions(minutes, validation, test, models_dir, threads, seed, mix, layout)
    console = Console(stderr=True)
    with report_os_errors(target):
        record = run(folder, target, options, console)
    shown = Console()
    for compared in record.compared:
        before, after = compared.before, compared.after
        say(
            shown,
            f"{compared.name}: {after.right} of {after.n} ({after.rate:.0%}), "
            f"{before.right} before ({before.rate:.0%})",
        )
    say(shown, f"Models: {record.bundle}")
    say(shown, f"Report: {target / REPORT_FILE}")
