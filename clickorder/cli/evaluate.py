"""`clickorder evaluate`: put whole puzzle sets to the solver."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickorder.cli.solver_options import (
    TWO_SOLVERS,
    AddressOption,
    BackendOption,
    DeviceOption,
    EffortOption,
    MinConfidence,
    RayOption,
    settings_of,
)
from clickorder.cli.training import CacheOption
from clickorder.errors import CommandError, UsageError
from labels.console import say, show

if TYPE_CHECKING:
    from rich.console import Console

    from training.evaluation.evaluate import Outcome


def evaluate(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Folders of puzzles.")],
    url: Annotated[
        str | None, typer.Option(help="Ask the service there. [default: solve in this process]")
    ] = None,
    backend: BackendOption = None,
    device: DeviceOption = None,
    min_confidence: MinConfidence = 0.0,
    effort: EffortOption = None,
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
    ray: RayOption = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --ray: where the answers are kept one by one. Needed."
        ),
    ] = None,
    address: AddressOption = None,
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
    - `clickorder evaluate sets/* --ray --journal runs/evaluation.jsonl --address auto`
    """
    from contextlib import ExitStack

    from rich.console import Console

    from labels.puzzles import read_puzzles
    from training.evaluation.evaluate import as_json, problems, summarise, tables
    from training.evaluation.evaluate import evaluate as run

    if url is not None and (backend is not None or device is not None):
        raise UsageError(TWO_SOLVERS)
    if ray and url is not None:
        raise UsageError("--ray solves on a cluster, and --url asks a service; give one of them.")
    if ray != (journal is not None):
        raise UsageError("--ray and --journal FILE go together; give both, or neither.")
    puzzle_sets = [read_puzzles(folder) for folder in dict.fromkeys(sets)]
    told = Console(stderr=True)
    solver: Any = None
    answer_all: Any = None
    with ExitStack() as stack:
        if journal is not None:
            from clickorder.ray_session import session
            from clickorder.solving_on_ray import answers_on_ray

            settings = settings_of(backend=backend, device=device, effort=effort)
            answer_all = stack.enter_context(
                answers_on_ray(settings, min_confidence, journal, told)
            )
            stack.enter_context(session(address))
        elif url is not None:
            from clickorder.remote import RemoteSolver

            solver = stack.enter_context(
                RemoteSolver(
                    url,
                    min_confidence=min_confidence,
                    effort=None if effort is None else effort.value,
                )
            )
        else:
            from clickorder.local import LocalSolver

            solver = LocalSolver(
                settings_of(backend=backend, device=device, effort=effort),
                min_confidence=min_confidence,
            )
        outcomes = run(puzzle_sets, solver, answer_all=answer_all, limit=limit, console=told)
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


def _draw_failures(
    outcomes: "list[Outcome]", folder: Path, cache: Path | None, console: "Console"
) -> None:
    from training.evaluation.failures import Lettering, draw_failures
    from training.synthetic.ingredients.stamps import default_cache

    fonts = cache or default_cache()
    number = draw_failures(outcomes, folder, Lettering.find([fonts] if fonts.is_dir() else []))
    say(console, f"{number} failed puzzles drawn: {folder / 'index.html'}")
