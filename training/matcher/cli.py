"""`train-siamese` and `train-classifier`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labels.console import App
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.matcher.run import Settings

siamese_app = App(add_completion=False, pretty_exceptions_enable=False)
classifier_app = App(add_completion=False, pretty_exceptions_enable=False)

Data = Annotated[
    Path | None,
    typer.Argument(
        help="A folder for each class (deeper ones too), pictures named label_hash.png, a "
        "labels.txt beside images/, or a puzzle set; leave it out with --synthetic."
    ),
]
Synthetic = Annotated[
    bool, typer.Option("--synthetic", help="Train on endless drawn crops instead of DATA.")
]
Out = Annotated[Path, typer.Option(help="Folder of the run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Finish = Annotated[
    bool, typer.Option("--finish", help="With --resume: let the learning rate fall now.")
]
Start = Annotated[
    str,
    typer.Option(
        "--from",
        help="What to start from: shipped (the weights that come with clickorder), scratch, a run "
        "folder, a checkpoint (.pt) or our .onnx file.",
    ),
]
Mix = Annotated[
    bool | None,
    typer.Option(
        "--mix/--no-mix",
        help="Draw half of each batch, so that nothing is forgotten. [default: when starting from "
        "weights, where `clickorder ingredients` was run]",
        show_default=False,
    ),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Batches in all.")]
Decay = Annotated[
    int | None, typer.Option(min=1, help="Batches, at the end, in which the rate falls.")
]
Batch = Annotated[int, typer.Option(min=12, help="Pairs in a batch; multiples of 12.")]
Rate = Annotated[
    float | None,
    typer.Option(
        min=1e-6,
        help="Highest learning rate. [default: 1.5e-3 from scratch, less from weights]",
        show_default=False,
    ),
]
Minutes = Annotated[float, typer.Option(min=0, help="Time at most; 0 for no limit.")]
Check = Annotated[int | None, typer.Option(min=1, help="Batches between two measurements.")]
Patience = Annotated[
    int, typer.Option(min=0, help="Measurements without a better one before the rate falls.")
]
Trials = Annotated[int, typer.Option(min=10, help="Small puzzles to measure on.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that draw or read crops.")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 for one less than the cores.")]
Uses = Annotated[int, typer.Option(min=1, help="How often a crop is used at most.")]
Seed = Annotated[int, typer.Option(help="Of weights, crops and order.")]
Skip = Annotated[
    bool, typer.Option("--skip-faulty", help="Leave out unreadable pictures and tiny classes.")
]
Name = Annotated[str, typer.Option(help="Prefix of the model's name.")]
Version = Annotated[str, typer.Option(help="Of the weights.")]
Statement = Annotated[
    str, typer.Option(help="What the weights were trained on, for the file's metadata.")
]

# Steps, decay, check: endless crops reward patience, a folder of pictures is soon learned.
_SYNTHETIC_PLAN = (20_000, 10_000, 1_000)
_PICTURES_PLAN = (2_000, 600, 100)
_UNMIXED = (
    "No drawn crops are mixed in, since there is nothing to draw with here; run `clickorder "
    "ingredients` for that."
)


@siamese_app.command()
def train_siamese(
    data: Data = None,
    synthetic: Synthetic = False,
    out: Out = Path("runs/siamese"),
    resume: Resume = False,
    finish: Finish = False,
    start: Start = "shipped",
    mix: Mix = None,
    steps: Steps = None,
    decay_steps: Decay = None,
    minutes: Minutes = 0,
    batch: Batch = 96,
    rate: Rate = None,
    check_every: Check = None,
    patience: Patience = 8,
    trials: Trials = 200,
    workers: Workers = 1,
    threads: Threads = 0,
    uses: Uses = 4,
    seed: Seed = 1,
    skip_faulty: Skip = False,
    name: Name = "clickorder",
    version: Version = "1.0.0",
    statement: Statement = "",
) -> None:
    """Train the matcher that finds a prompt's items among crops, and export siamese.onnx.

    Starts from the shipped weights, with a low rate and half of each batch drawn; part of every
    class is held back to measure on. Works offline, on a GPU where there is one. Ctrl-C leaves a
    checkpoint for --resume.
    """
    plan = _plan(data, synthetic, (steps, decay_steps, check_every), minutes)
    _run(
        "siamese",
        data,
        out,
        plan,
        (batch, patience, trials, workers, threads, uses, seed),
        (name, version, statement),
        rate=rate,
        start=start,
        mix=mix,
        resume=resume,
        finish=finish,
        skip_faulty=skip_faulty,
    )


@classifier_app.command()
def train_classifier(
    data: Data = None,
    synthetic: Synthetic = False,
    out: Out = Path("runs/classifier"),
    resume: Resume = False,
    finish: Finish = False,
    start: Start = "shipped",
    mix: Mix = None,
    steps: Steps = None,
    decay_steps: Decay = None,
    minutes: Minutes = 0,
    batch: Batch = 96,
    rate: Rate = None,
    check_every: Check = None,
    patience: Patience = 8,
    trials: Trials = 200,
    workers: Workers = 1,
    threads: Threads = 0,
    uses: Uses = 4,
    seed: Seed = 1,
    skip_faulty: Skip = False,
    name: Name = "clickorder",
    version: Version = "1.0.0",
    statement: Statement = "",
) -> None:
    """Train the network that reads one character or icon, and export classifier.onnx.

    Starts from the shipped weights, with a low rate and half of each batch drawn; part of every
    class is held back to measure on. Works offline, on a GPU where there is one. Ctrl-C leaves a
    checkpoint for --resume.
    """
    plan = _plan(data, synthetic, (steps, decay_steps, check_every), minutes)
    _run(
        "classifier",
        data,
        out,
        plan,
        (batch, patience, trials, workers, threads, uses, seed),
        (name, version, statement),
        rate=rate,
        start=start,
        mix=mix,
        resume=resume,
        finish=finish,
        skip_faulty=skip_faulty,
    )


def _plan(
    data: Path | None,
    synthetic: bool,
    chosen: tuple[int | None, int | None, int | None],
    minutes: float,
) -> tuple[int, int, int, float]:
    """Steps, decay steps, check interval and minutes, defaults filled in."""
    if synthetic == (data is not None):
        raise typer.BadParameter("give either a folder of pictures or --synthetic")
    usual = _SYNTHETIC_PLAN if synthetic else _PICTURES_PLAN
    steps = chosen[0] or usual[0]
    decay = chosen[1] or min(usual[1], max(1, steps // 4))
    return steps, decay, chosen[2] or min(usual[2], steps), minutes


def _run(
    trainer: Literal["siamese", "classifier"],
    data: Path | None,
    out: Path,
    plan: tuple[int, int, int, float],
    numbers: tuple[int, int, int, int, int, int, int],
    model: tuple[str, str, str],
    *,
    rate: float | None,
    start: str,
    mix: bool | None,
    resume: bool,
    finish: bool,
    skip_faulty: bool,
) -> None:
    try:
        from labels.errors import LabelsError
        from modelfile import ModelFileError
        from training.core.initial_weights import MATCHER_RATE, starting_files
        from training.core.run_folder import RunFolder
        from training.ingredients import has_ingredients
        from training.matcher.classifier_trainer import run_classifier_training
        from training.matcher.siamese_trainer import run_siamese_training
        from training.synthetic.errors import SyntheticError
    except ImportError as error:
        typer.echo(
            f"Training needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".',
            err=True,
        )
        raise typer.Exit(2) from error
    run = run_siamese_training if trainer == "siamese" else run_classifier_training
    if finish and not resume:
        raise typer.BadParameter("--finish ends a run that is resumed; add --resume")
    try:
        files = () if resume else starting_files(trainer, start, drawn=data is None)
        # What is known is kept best at a low rate, and few pictures need the lowest.
        usual = (1e-3 if data is None else MATCHER_RATE) if files else 1.5e-3
        mixed = data is not None and (bool(files) and has_ingredients() if mix is None else mix)
        if resume:
            # What was not said again stays as it was.
            before = RunFolder(out).config()
            usual = float(before["schedule"]["rate"])
            mixed = data is not None and (len(before["kinds"]) > 1 if mix is None else mix)
        alone = bool(files) and data is not None and not mixed and mix is None
        done = run(
            data,
            out,
            _settings(plan, numbers, rate or usual, model),
            start=files,
            mix=mixed,
            notes=(_UNMIXED,) if alone else (),
            resume=resume,
            finish=finish,
            skip_faulty=skip_faulty,
        )
    except KeyboardInterrupt as error:
        typer.echo("Stopped before the first step; nothing is lost.", err=True)
        raise typer.Exit(130) from error
    except (TrainingError, LabelsError, SyntheticError, ModelFileError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if not done:
        raise typer.Exit(130)


def _settings(
    plan: tuple[int, int, int, float],
    numbers: tuple[int, int, int, int, int, int, int],
    rate: float,
    model: tuple[str, str, str],
) -> "Settings":
    from training.core.loop import Schedule
    from training.matcher.run import Settings

    steps, decay, check, minutes = plan
    batch, patience, trials, workers, threads, uses, seed = numbers
    schedule = Schedule(
        steps=steps,
        decay_steps=decay,
        warmup_steps=min(200, max(1, steps // 10)),
        rate=rate,
        check_every=check,
        patience=patience,
        seed=seed,
        minutes=minutes,
    )
    return Settings(schedule, max(1, batch // 12), trials, workers, threads, uses, *model)
