"""The `clickorder` command: thin, and heavy imports only inside the commands that need them."""

import json
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from clickorder.cli.adapt import adapt
from clickorder.cli.audit import AuditCommand, audit
from clickorder.cli.bench import bench_app
from clickorder.cli.keys import keys_app
from clickorder.cli.labels import labels_app
from clickorder.cli.models import models_app
from clickorder.cli.solve_arguments import SolveCommand
from clickorder.cli.text import text_app
from clickorder.cli.training import CacheOption, average, generate, ingredients, quantise
from clickorder.errors import CommandError, UsageError
from labels.console import App, say, show

if TYPE_CHECKING:
    from rich.console import Console

    from service.settings import Settings
    from training.evaluation.evaluate import Outcome


OUR_ERRORS = {
    "classifier.errors.ClassifierError",
    "clickorder.client.errors.ClientError",
    "detector.errors.DetectorError",
    "labels.errors.LabelsError",
    "modelfile.errors.ModelFileError",
    "service.models.backends.BackendError",
    "service.models.bundle.BundleError",
    "service.solving.calibration.CalibrationError",
    "service.errors.ServiceError",
    "service.solving.gallery.GalleryError",
    "service.capture.sample_store.KeepingError",
    "service.settings_file.ConfigurationError",
    "siamese.errors.SiameseError",
    "training.errors.TrainingError",
    "training.synthetic.errors.SyntheticError",
}
"""The roots of the trees whose errors are sentences."""


class Backend(StrEnum):
    """Which models solve."""

    AUTO = "auto"
    OWN = "own"
    DDDDOCR = "ddddocr"


class LogLevel(StrEnum):
    """How much the service says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OneSentence(TyperGroup):
    """Tells our own errors in one sentence on stderr, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = _exit_code(error)
            if code is None:
                raise
            typer.echo(f"clickorder: {error}", err=True)
            raise typer.Exit(code) from error


app = App(
    cls=OneSentence,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Click-CAPTCHA vision: picture and prompt in, ordered click coordinates out.\n\n"
    "Start with `clickorder serve`, or solve one picture with `clickorder solve`.",
)

app.add_typer(labels_app, name="labels")
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(text_app, name="text")
app.add_typer(bench_app, name="bench")
app.command()(adapt)
app.command(cls=AuditCommand)(audit)
for command in (generate, ingredients, average, quantise):
    app.command()(command)

BackendOption = Annotated[
    Backend | None,
    typer.Option(
        help="Which models solve: `own` weights, the embedded `ddddocr` ones, or `auto`: own "
        "weights where they are installed. [env: CLICKORDER_BACKEND; default: auto]"
    ),
]
MinConfidence = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="Below this confidence the answer is an abstention."),
]

MinConfidenceOrSettings = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Below this confidence the answer is an abstention; 0 always answers. "
        "[default: that of the settings or the service, 0.05 unless changed]",
    ),
]


_TWO_SOLVERS = "--backend chooses what solves in this process; a service at --url has its own."


def _print_version(value: bool) -> None:
    if value:
        try:
            typer.echo(f"clickorder {version('clickorder')}")
        except PackageNotFoundError:
            typer.echo("clickorder, run from files that were not installed")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which, stop."),
    ] = False,
) -> None:
    """Nothing to do before a command."""


@app.command()
def serve(
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file of settings. [env: CLICKORDER_SETTINGS]"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. [default: 8000]"),
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of gRPC beside HTTP; 0 takes a free one. [default: none]",
        ),
    ] = None,
    models_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of models: bundles (see `clickorder models`), or detector.onnx, "
            "classifier.onnx, siamese.onnx and text.onnx themselves, as in the folder of a "
            "training run. The shipped ones fill what is missing. [env: CLICKORDER_MODELS_DIR]"
        ),
    ] = None,
    backend: BackendOption = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="[default: info]")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Requests computed at the same time. [default: 2]")
    ] = None,
    keep_failures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Store the pictures and words of puzzles that were abstained from, or answered "
            "with little confidence, here; see `clickorder labels from-puzzles`. [default: no]",
        ),
    ] = None,
) -> None:
    """Run the HTTP service until it is stopped.

    Every setting also has an environment variable: `CLICKORDER_PORT=9000`,
    `CLICKORDER_LIMITS__BODY_BYTES=1048576`. What is given here goes first, then the environment,
    then the file, where the same would be `port = 9000`, and `body_bytes = 1048576` under
    `[limits]`.

    On any address but loopback the service needs API keys: see `clickorder keys new --help`.

    For example:

    - `clickorder serve --port 9000 --backend ddddocr`, then open `/docs` there
    - `clickorder keys new me`, then `clickorder serve --host 0.0.0.0 --settings clickorder.toml`
    """
    from service.serve import run_server

    run_server(
        _settings(
            settings=settings,
            host=host,
            port=port,
            grpc_port=grpc_port,
            models_dir=models_dir,
            backend=backend,
            workers=workers,
            level=log_level,
            keep=None if keep_failures is None else {"dir": keep_failures},
        )
    )


@app.command(cls=SolveCommand)
def solve(
    background: Annotated[
        Path | None, typer.Argument(help="The picture to click on.", show_default=False)
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option(help="The words to click, in order; commas part words too."),
    ] = None,
    icon: Annotated[
        list[Path] | None, typer.Option(help="A picture of each item to click, in order.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Picture of the whole prompt, read left to right.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="`x1,y1,x2,y2`: where in the background the prompt is; ends exclusive."),
    ] = None,
    puzzle: Annotated[
        str | None, typer.Option(help="`SET:ID`: a puzzle of a set, in place of all the above.")
    ] = None,
    min_confidence: MinConfidenceOrSettings = None,
    backend: BackendOption = None,
    url: Annotated[
        str | None, typer.Option(help="Ask the service there. [default: solve in this process]")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="For a service that wants one; in CLICKORDER_API_KEY fewer people see it."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Bundle of the service that is to answer.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Where the picture is from; bundles say what they serve.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="Which of the site's kinds of puzzle it is.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(help="Write the picture with boxes and clicks here.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the body that the service would answer.")
    ] = False,
) -> None:
    """Solve one picture: in this process, or with `--url` through a service.

    Give the background first, and exactly one of `--words`, `--icon`, `--image`, `--region`; or
    `--puzzle` alone, which also says whether the clicks are right.

    For example:

    - `clickorder solve captcha.png --words 并 细 什 --draw answer.png`
    - `clickorder solve captcha.png --words 并,细 --url http://127.0.0.1:8000`
    - `clickorder solve captcha.png --icon first.png second.png`
    - `clickorder solve captcha.png --region 0,160,344,200 --json`
    - `clickorder solve --puzzle benchmarks/puzzles/text-words:0001`
    """
    from clickorder.cli.question import Question, answer_lines

    if url is not None and backend is not None:
        raise UsageError(_TWO_SOLVERS)
    where = {"model": model, "site": site, "type": type_}
    for option, value in ({"api-key": api_key} | where).items():
        if url is None and value is not None:
            raise UsageError(f"--{option} is for a service; give its --url too.")
    if puzzle is not None:
        if background or words or icon or image or region:
            raise UsageError(
                "--puzzle brings its own background and prompt; give nothing beside it."
            )
        question = Question.of_puzzle(puzzle)
    elif background is not None:
        question = Question.of_options(background, words, icon, image, region)
    else:
        raise UsageError("There is no picture; give the BACKGROUND, or --puzzle SET:ID.")

    # Only now: loading models takes its time, and a slip in the options should be told at once.
    from training.evaluation.failures import draw_answer
    from training.evaluation.scoring import read_reply, score_reply

    if url is not None:
        body = question.put_to(url, api_key, min_confidence, where)
    else:
        from clickorder.local import LocalSolver

        settings = _settings(backend=backend)
        least = settings.min_confidence if min_confidence is None else min_confidence
        solver = LocalSolver(settings, min_confidence=least)
        body = solver.solve(question.folder, question.background, question.prompt)
    reply = read_reply(body)
    if draw is not None:
        try:
            draw_answer(question.folder / question.background, reply).save(draw)
        except (OSError, ValueError) as error:
            raise CommandError(f"{draw} cannot be written ({error}).") from error
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False))
        return
    typer.echo("\n".join(answer_lines(body)))
    if question.truth is not None:
        cause = score_reply(question.truth, reply).cause
        typer.echo("Right." if cause is None else f"Wrong: {cause}.")


@app.command()
def evaluate(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders of puzzles.")],
    url: Annotated[
        str | None, typer.Option(help="Ask the service there. [default: solve in this process]")
    ] = None,
    backend: BackendOption = None,
    min_confidence: MinConfidence = 0.0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N puzzles of every family.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all numbers here; `-` is stdout."),
    ] = None,
    failures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw every failed puzzle here, with an index.html."),
    ] = None,
    cache: CacheOption = None,
) -> None:
    """Put whole puzzle sets to the solver and say how it does, per family.

    A puzzle is solved only when there are as many clicks as targets and each, in order, lies in
    its target. Items of the prompt that are the same word may be clicked in any order.

    The causes of failure: *item-count* (the prompt picture was not split into its items),
    *not-detected* (a target has no box), *wrong-item* (the wrong box was clicked), *declined* (an
    abstention), *error* (no answer). `P at 95 % cov.` is the share of right answers among the
    most confident 95 %.

    For example:

    - `clickorder evaluate benchmarks/puzzles/*`
    - `clickorder evaluate my-set --failures failed/ --json result.json`
    - `clickorder evaluate my-set --url http://127.0.0.1:8000 --limit 20`
    """
    from contextlib import ExitStack

    from rich.console import Console

    from labels.puzzles import read_puzzles
    from training.evaluation.evaluate import as_json, problems, summarise, tables
    from training.evaluation.evaluate import evaluate as run

    if url is not None and backend is not None:
        raise UsageError(_TWO_SOLVERS)
    puzzle_sets = [read_puzzles(folder) for folder in dict.fromkeys(sets)]
    told = Console(stderr=True)
    with ExitStack() as stack:
        if url is not None:
            from training.evaluation.remote import RemoteSolver

            solver: Any = stack.enter_context(RemoteSolver(url, min_confidence=min_confidence))
        else:
            from clickorder.local import LocalSolver

            solver = LocalSolver(_settings(backend=backend), min_confidence=min_confidence)
        outcomes = run(puzzle_sets, solver, limit=limit, console=told)
    summaries = summarise(outcomes)
    to_stdout = json_file is not None and str(json_file) == "-"
    shown = told if to_stdout else Console()
    for table in tables(summaries):
        show(shown, table)
    for problem, number in problems(outcomes).items():
        say(shown, f"{number} x {problem}")
    if json_file is not None:
        result = as_json(
            summaries,
            outcomes,
            sets=[str(folder) for folder in sets],
            solver=url or "in process",
            min_confidence=min_confidence,
        )
        text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
        if to_stdout:
            typer.echo(text, nl=False)
        else:
            try:
                json_file.write_text(text, encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{json_file} cannot be written ({error}).") from error
    if failures is not None:
        _draw_failures(outcomes, failures, cache, shown)


def _exit_code(error: Exception) -> int | None:
    """Of our own errors; None for everything else, whose traceback is wanted."""
    if isinstance(error, CommandError):
        return error.exit_code
    # By name: importing the trees to compare with would load half of what a command may need.
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    if "labels.errors.PuzzleSetError" in names:
        return UsageError.exit_code
    return CommandError.exit_code if names & OUR_ERRORS else None


def _settings(
    *, backend: Backend | None, level: LogLevel | None = None, **given: object
) -> "Settings":
    """Settings of environment and file, and over them what was given on the command line."""
    from service.settings import load_settings
    from service.settings_file import ConfigurationError

    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if backend is not None:
        options["backend"] = backend.value
    if level is not None:
        options["log"] = {"level": level.value}
    try:
        return load_settings(**options)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def _draw_failures(
    outcomes: "list[Outcome]", folder: Path, cache: Path | None, console: "Console"
) -> None:
    from training.evaluation.failures import Lettering, draw_failures
    from training.synthetic.stamps import default_cache

    fonts = cache or default_cache()
    number = draw_failures(outcomes, folder, Lettering.find([fonts] if fonts.is_dir() else []))
    say(console, f"{number} failed puzzles drawn: {folder / 'index.html'}")
