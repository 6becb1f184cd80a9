"""`clickorder audit`: how strong a CAPTCHA of one's own is, and what makes it stronger."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from clickorder.cli.solver_options import AddressOption, RayOption
from clickorder.errors import CommandError, UsageError
from clickorder.terminal import report_os_errors
from labels.console import say

if TYPE_CHECKING:
    from clickorder.audit.acceptance import Accept
    from clickorder.audit.pipeline import Adapt
    from service.settings import Settings


class AuditCommand(TyperCommand):
    """Reads `people SET` as the set with a flag; a folder of that name is `./people`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the line."""
        return super().parse_args(ctx, ["--people", *args[1:]] if args[:1] == ["people"] else args)


def audit(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="SET",
            help="A puzzle set with its truth, or labelled pictures of any layout.",
            show_default=False,
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="In place of a set: your generator, whose knobs are ranked by their harm to the "
            "machine per legibility lost.",
        ),
    ] = None,
    points: Annotated[
        int, typer.Option(min=10, help="Settings of the generator that are tried.")
    ] = 40,
    per_point: Annotated[int, typer.Option(min=1, help="Puzzles drawn at each of them.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Where the report goes. [default: SET-audit]")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Leave out what an attacker gains by training; that takes most time."
        ),
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Of training for each number of labels.")
    ] = 3.0,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your own check of clicks, to be probed for faults: it gets a puzzle (its line of "
            "`puzzles.jsonl` as a dictionary) and a list of `(x, y)`. [default: the `accept` "
            "regions of the set]",
        ),
    ] = None,
    guess_bound: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="RATE", help="Most that guesses may succeed."),
    ] = 0.05,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N puzzles. [default: all]")
    ] = None,
    tries_per_hour: Annotated[
        float, typer.Option(min=0.0, help="Answers that the site takes from one visitor.")
    ] = 60.0,
    price: Annotated[
        float, typer.Option(min=0.0, help="Of an hour of one CPU core, for the cost of solves.")
    ] = 0.04,
    people: Annotated[bool, typer.Option("--people", hidden=True)] = False,
    host: Annotated[
        str,
        typer.Option(help="Of `people`: address to listen on; others can be reached by guests."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of `people`; 0 takes a free one.")
    ] = 8001,
    models_dir: Annotated[
        Path | None, typer.Option(help="Models that solve. [default: the shipped ones]")
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="RATE",
            help="Exit with 1 where a machine solves more than this share, for CI.",
        ),
    ] = None,
    ray: RayOption = False,
    address: AddressOption = None,
) -> None:
    """Measure how strong a CAPTCHA of your own is, and say what to change.

    Solves the puzzles with the shipped models, measures their pictures, and writes a report of one
    page in English and in Chinese (`report.html`, `report.zh.html`) and all numbers
    (`audit.json`): how often a machine passes, which property of the pictures explains its
    failures, which faults the validator and its answers have, what retries, abstentions and
    training on a few labels bring an attacker, and a grade with its reasons. The same command
    goes on where it was interrupted. With `--ray`, the puzzles of the set are solved on the
    cluster, and all else is done here.

    Needs `pip install -e ".[audit]"`, and `".[train]"` without `--quick`.

    For example:

    - `clickorder audit my-puzzles --quick`
    - `clickorder audit my-puzzles --quick --accept mysite:check_clicks`
    - `clickorder audit my-puzzles --quick --fail-above 0.2` in CI
    - `clickorder audit /shared/my-puzzles --quick --ray --address auto`
    - `clickorder audit people my-puzzles`: a page on which invited people solve the puzzles; their
      success and seconds go into the next report
    - `clickorder audit --generator clickorder.audit.examples.plain:draw`
    """
    from clickorder.audit.grade import grade_of, strongest_rate
    from clickorder.audit.messages import percent
    from clickorder.audit.pipeline import Choices, audit_set
    from clickorder.audit.report import FILES, headline, write_reports
    from clickorder.audit.result import RESULT_FILE, write_result

    if (folder is None) == (generator is None):
        raise UsageError("Give either a SET or --generator MODULE:FUNCTION.")
    if ray and (people or generator is not None):
        raise UsageError(
            "--ray solves the puzzles of a SET; leave it out with `people` and --generator."
        )
    if folder is None:
        assert generator is not None  # noqa: S101 (one of the two is given)
        _search(generator, out or Path("generator-audit"), points, per_point, models_dir)
        return
    target = out or _beside(folder)
    if people:
        _serve_people(folder, target, host, port)
        return
    settings = _settings(models_dir)
    adapt = None if quick else _adapt(settings, minutes)
    from contextlib import ExitStack

    from rich.console import Console

    from clickorder.audit.answers import on_ray
    from clickorder.local import LocalSolver
    from clickorder.ray_session import session

    with report_os_errors(target), ExitStack() as stack:
        solver = LocalSolver(settings)
        if ray:
            stack.enter_context(session(address))
        found = audit_set(
            folder,
            target,
            solver,
            Choices(tries_per_hour, price, guess_bound, limit),
            ask_all=on_ray(settings) if ray else None,
            adapt=adapt,
            accept=None if accept is None else _accept(accept),
        )
        grade = grade_of(found)
        write_result(found, grade, target)
        write_reports(found, grade, target)
    shown = Console()
    say(shown, headline(grade))
    for sentence in (*grade.reasons, *grade.advice):
        say(shown, f"- {sentence.text()}")
    say(shown, f"Report: {target / FILES['en']}, {target / FILES['zh']}")
    say(shown, f"Numbers: {target / RESULT_FILE}")
    rate = strongest_rate(found)
    if fail_above is not None and rate > fail_above:
        raise CommandError(
            f"A machine solves {percent(rate)} of the puzzles, which is more than "
            f"{percent(fail_above)} (--fail-above)."
        )


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.resolve().name}-audit")


def _serve_people(folder: Path, target: Path, host: str, port: int) -> None:
    """Serve the page on which people solve puzzles."""
    from clickorder.audit.people import PEOPLE_FILE, run_people
    from clickorder.audit.pipeline import puzzles_in

    puzzles = puzzles_in(folder, target)
    with report_os_errors(target):
        run_people(puzzles, target / PEOPLE_FILE, host, port)


def _search(name: str, target: Path, points: int, per_point: int, models_dir: Path | None) -> None:
    """Rank the knobs of a generator."""
    from rich.console import Console

    from clickorder.audit.extra import need_scikit_learn
    from clickorder.audit.generator import Generator
    from clickorder.audit.search import puzzle_count, search
    from clickorder.audit.search_report import headline, write_search
    from clickorder.local import LocalSolver
    from clickorder.terminal import progress_bar

    need_scikit_learn()
    generator = Generator.load(name)
    solver = LocalSolver(_settings(models_dir))
    total = puzzle_count(points, per_point)
    with report_os_errors(target), progress_bar("Drawing and solving", total) as advance:
        found = search(generator, solver, points=points, puzzles=per_point, advance=advance)
        target.mkdir(parents=True, exist_ok=True)
        write_search(found, target)
    shown = Console()
    for sentence in headline(found):
        say(shown, sentence)
    say(shown, f"Report: {target / 'report.html'}, {target / 'report.zh.html'}")
    say(shown, f"Numbers: {target / 'generator.json'}")


def _accept(name: str) -> "Accept":
    from clickorder.audit.acceptance import as_accept
    from clickorder.audit.plugin import load_function

    _, function = load_function(name)
    return as_accept(function, name)


def _settings(models_dir: Path | None) -> "Settings":
    from service.settings import load_settings
    from service.settings_file import ConfigurationError

    options = {} if models_dir is None else {"models_dir": models_dir}
    try:
        return load_settings(**options)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def _adapt(settings: "Settings", minutes: float) -> "Adapt":
    from clickorder.audit.extra import need_torch

    need_torch()
    from rich.console import Console

    from clickorder.audit.adapting import Adapting

    return Adapting(settings, minutes, Console(stderr=True))
