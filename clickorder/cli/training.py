"""`clickorder generate`, `ingredients`, `average` and `quantise`: around the trainers."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clickorder.cli.solver_options import AddressOption, RayOption
from clickorder.errors import CommandError

CacheOption = Annotated[
    Path | None,
    typer.Option(help="Folder of the fonts, icons and photos. [default: the user's cache]"),
]


class Split(StrEnum):
    """Which fonts, icon collections and photos are drawn from."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def generate(
    family: Annotated[
        str,
        typer.Option(
            help="Kind of puzzle: `text-words`, `text-strip`, `icon-list`, `icon-strip`, `mixed`, "
            "`composite`, `latin`, `icon-words`, `module:object` for a family of your own; several "
            "separated by commas, or `all`."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new set.")],
    split: Annotated[
        Split, typer.Option(help="Which fonts, icon collections and photos to draw from.")
    ] = Split.TRAIN,
    count: Annotated[int, typer.Option(min=1, help="How many puzzles (of each family).")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same puzzles.")] = 0,
    clipped: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Probability that the border of the background cuts through an item; a puzzle "
            "that cannot be cut stays whole.",
        ),
    ] = 0.0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes. [default: one for each core]")
    ] = None,
    cache: CacheOption = None,
    ray: RayOption = False,
    address: AddressOption = None,
) -> None:
    """Draw puzzles with their ground truth.

    Fonts, icons and photos come from the cache that `clickorder ingredients` fills.

    For example:

    - `clickorder generate --family text-words --count 1000 --seed 7 --out sets/text-words`
    - `clickorder generate --family all --split test --count 100 --out sets/test`
    - `clickorder generate --family latin,my_families:SLIDES --out sets/own`
    - `clickorder generate --family all --count 100000 --out /shared/sets/large --ray`
    """
    from contextlib import nullcontext

    from clickorder.ray_session import session
    from training.synthetic.generate import run_generate

    if ray:
        # Workers have a folder of their own to start in.
        out, cache = out.resolve(), None if cache is None else cache.resolve()
    with session(address) if ray else nullcontext():
        run_generate(
            family,
            split.value,
            count,
            seed,
            out,
            jobs or os.cpu_count() or 1,
            cache,
            clipped=clipped,
            on_ray=ray,
        )


def ingredients(
    cache: CacheOption = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that draw icons.")] = 2,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing; use what this machine has.")
    ] = False,
) -> None:
    """Fetch fonts, icon collections and photos for `clickorder generate`.

    They come by package name with the ordinary clients (apt, npm, pip) and stay in the cache,
    outside of any repository. Run it again to go on where it was interrupted.
    """
    from training.synthetic.ingredients.fetch import run_ingredients

    run_ingredients(cache=cache, jobs=jobs, offline=offline)


def average(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of train-siamese, two or more.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the mean: a new run.")],
    weight: Annotated[
        list[float] | None,
        typer.Option(help="How much a run counts, once for each, in order. [default: alike]"),
    ] = None,
    trials: Annotated[int, typer.Option(min=10, help="Small puzzles to measure on.")] = 500,
    name: Annotated[str, typer.Option(help="Prefix of the models' names.")] = "clickorder",
    version: Annotated[str, typer.Option(help="Of the weights.")] = "1.0.0",
    cache: CacheOption = None,
) -> None:
    """Write the mean of several training runs, which is often better than any of them.

    The runs began with the same weights (`--from` one another). Says what each of them and the
    mean solve; the new folder has `siamese.onnx` and `classifier.onnx` like any other run's.

    For example:

    - `clickorder average runs/siamese-1 runs/siamese-2 --out runs/siamese-mean`
    """
    try:
        from training.core.schedule import Schedule
        from training.matcher.averaging import average_runs
        from training.matcher.settings import Settings
    except ImportError as error:
        raise CommandError(
            f"Averaging needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".'
        ) from error
    settings = Settings(Schedule(steps=1, decay_steps=1), trials=trials, name=name, version=version)
    average_runs(runs, out, settings, weights=weight or (), cache=cache)


def quantise(
    model: Annotated[Path, typer.Argument(help="A file that one of the trainers exported.")],
    data: Annotated[
        list[Path],
        typer.Option(help="Puzzle set to measure activations on; the option can be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="The new file.")],
    pictures: Annotated[
        int, typer.Option(min=1, help="How many puzzles to look at, spread over the sets.")
    ] = 200,
) -> None:
    """Write a model with convolutions in 8 bits: smaller, and about two to four times faster.

    Measure before and after with `clickorder evaluate`. The trainers can start from either file.

    For example:

    - `clickorder quantise runs/detector/detector.onnx --data sets/val --out models/detector.onnx`
    """
    try:
        from training.core.quantisation import run_quantise
    except ImportError as error:
        raise CommandError(
            f"Quantising needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[quantise]".'
        ) from error
    run_quantise(model, data, out, pictures)
