"""Evaluation: a solver answers puzzle sets, and its answers are summarised per family."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from labels.console import cell
from labels.puzzles import Puzzle, PuzzleSet
from training.errors import EvaluationError
from training.evaluation.scoring import CAUSES, Reply, Score, read_reply, score_reply
from training.evaluation.statistics import (
    coverage_at_precision,
    expected_calibration_error,
    precision_at_coverage,
    wilson_interval,
)

COVERAGE = 0.95
PRECISION = 0.995
OVERALL = "all"

Solve = Callable[[Puzzle, Path], Mapping[str, object]]
"""Takes a puzzle and the folder of its pictures; gives the body of `POST /solve`, or a problem."""


Answered = tuple[Mapping[str, object], float]
"""The body of an answer, and the milliseconds from the question to it."""

AnswerAll = Callable[[Sequence[tuple[Puzzle, Path]]], Iterable[Answered]]
"""Solves puzzles, each with the folder of its pictures; gives the answers in their order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One puzzle, its answer and the verdict.

    Attributes:
        group: Row of the table that it counts in.
        puzzle: The puzzle with its truth.
        folder: Folder of its pictures.
        reply: Answer of the solver.
        score: Verdict on the answer.
        wall_ms: Time from the question to the answer, reading the files included.
    """

    group: str
    puzzle: Puzzle
    folder: Path
    reply: Reply
    score: Score
    wall_ms: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Results of one row of puzzles; shares are 0..1, times are milliseconds.

    Attributes:
        group: Family, or set and family where several sets are evaluated.
        n: Number of puzzles.
        solved: Number of puzzles that were solved.
        solve_rate: Share of the puzzles that were solved.
        interval: Wilson 95 % interval of the solve rate.
        failures: Number of puzzles for each cause; a failed puzzle has one cause.
        all_found: Share in which every target has a detected box.
        count_right: Share of the prompt pictures whose items were counted right; None where no
            prompt is a picture.
        service_ms: p50 and p95 of the solver's own total; None where it does not say.
        wall_ms: p50 and p95 as the caller sees them.
        precision_at_95_coverage: Share of right answers among the most confident 95 %.
        coverage_at_995_precision: Largest share of answers that can be kept at 99.5 % precision.
        calibration_error: Expected calibration error, ten bins of equal mass.
    """

    group: str
    n: int
    solved: int
    solve_rate: float
    interval: tuple[float, float]
    failures: Mapping[str, int]
    all_found: float
    count_right: float | None
    service_ms: tuple[float, float] | None
    wall_ms: tuple[float, float]
    precision_at_95_coverage: float
    coverage_at_995_precision: float
    calibration_error: float


def evaluate(
    sets: Sequence[PuzzleSet],
    solve: Solve | None,
    *,
    answer_all: AnswerAll | None = None,
    limit: int | None = None,
    console: Console | None = None,
) -> list[Outcome]:
    """Solve every puzzle, one at a time, and score the answers.

    The first puzzle is solved once more beforehand, so that loading is not measured.

    Args:
        sets: Puzzle sets with their truth.
        solve: Solves one puzzle; called with it and the folder of its pictures.
        answer_all: Solves them all, in place of `solve`.
        limit: Number of puzzles of each family of each set, the first ones; None for all.
        console: Console of a progress bar; None draws none.

    Returns:
        One outcome for each puzzle, in the order of the sets.

    Raises:
        EvaluationError: there is no puzzle, or `solve` cannot reach a solver.
    """
    asked = [
        (_group(puzzle.family, puzzles, sets), puzzle, puzzles.folder)
        for puzzles in sets
        for puzzle in first_of_each_family(puzzles, limit)
    ]
    if not asked:
        raise EvaluationError("There is nothing to evaluate; give at least one puzzle set.")
    if answer_all is None:
        assert solve is not None  # noqa: S101 - one of the two is given
        answer_all = one_by_one(solve)
    answers = answer_all([(puzzle, folder) for _, puzzle, folder in asked])
    outcomes: list[Outcome] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    quiet = console or Console(quiet=True)
    with Progress(*columns, TimeRemainingColumn(), console=quiet, transient=True) as progress:
        task = progress.add_task("solving", total=len(asked))
        for (group, puzzle, folder), (body, wall_ms) in zip(asked, answers, strict=True):
            reply = read_reply(body)
            score = score_reply(puzzle, reply)
            outcomes.append(Outcome(group, puzzle, folder, reply, score, wall_ms))
            solved = sum(outcome.score.solved for outcome in outcomes)
            progress.update(task, advance=1, description=f"solved {solved / len(outcomes):.1%}")
    return outcomes


def one_by_one(solve: Solve) -> AnswerAll:
    """Solve puzzles in this thread."""

    def answers(asked: Sequence[tuple[Puzzle, Path]]) -> Iterator[Answered]:
        solve(*asked[0])
        return (timed(solve, puzzle, folder) for puzzle, folder in asked)

    return answers


def timed(solve: Solve, puzzle: Puzzle, folder: Path) -> Answered:
    """Solve one puzzle, and measure how long it takes."""
    start = perf_counter()
    body = solve(puzzle, folder)
    return body, (perf_counter() - start) * 1000


def first_of_each_family(puzzles: Iterable[Puzzle], limit: int | None) -> list[Puzzle]:
    """The first puzzles of every family.

    Args:
        puzzles: Puzzles of any families.
        limit: Number of puzzles of each family; None for all.

    Returns:
        Those puzzles in the order they came.
    """
    kept: list[Puzzle] = []
    counts: dict[str, int] = {}
    for puzzle in puzzles:
        counts[puzzle.family] = counts.get(puzzle.family, 0) + 1
        if limit is None or counts[puzzle.family] <= limit:
            kept.append(puzzle)
    return kept


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """Summarise outcomes per group.

    Args:
        outcomes: At least one.

    Returns:
        One summary for each group, in order of appearance, then one of all where there are several.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    summaries = [_summary(group, members) for group, members in groups.items()]
    return summaries if len(summaries) == 1 else [*summaries, _summary(OVERALL, outcomes)]


def as_json(
    summaries: Sequence[Summary], outcomes: Sequence[Outcome], **about: object
) -> dict[str, object]:
    """All results as JSON.

    Args:
        summaries: Summaries of the groups.
        outcomes: Outcomes of the puzzles; each is listed with its verdict.
        about: Fields that come first: what was evaluated, and how.

    Returns:
        What `json.dumps` takes.
    """
    models: dict[str, str] = {}
    for outcome in outcomes:
        models |= outcome.reply.models or {}
    return {
        **about,
        "models": models,
        "groups": [asdict(summary) for summary in summaries],
        "puzzles": [
            {
                "group": outcome.group,
                "id": outcome.puzzle.id,
                **asdict(outcome.score),
                "confidence": outcome.reply.confidence,
                "reason": outcome.reply.reason,
                "problem": outcome.reply.problem,
                "service_ms": outcome.reply.total_ms,
                "wall_ms": round(outcome.wall_ms, 3),
            }
            for outcome in outcomes
        ],
    }


def tables(summaries: Sequence[Summary]) -> list[Table]:
    """Tables for a terminal: solve rates, causes of failures, latency with confidence.

    Args:
        summaries: A row of each table.
    """
    solved = _table("Solved", "n", "solved", "95 % interval", "all found", "count right")
    failed = _table("Failed, by cause", *CAUSES)
    felt = _table(
        "Latency (p50 / p95) and confidence",
        *("service ms", "wall ms", "P at 95 %\ncoverage", "coverage at\nP 99.5 %", "ECE"),
    )
    for row in summaries:
        style = "bold" if row.group == OVERALL and len(summaries) > 1 else None
        name = cell(row.group or "-")
        low, high = row.interval
        solved.add_row(
            name,
            str(row.n),
            f"{row.solve_rate:.1%}",
            f"{low:.1%} - {high:.1%}",
            f"{row.all_found:.1%}",
            "-" if row.count_right is None else f"{row.count_right:.1%}",
            style=style,
        )
        failed.add_row(name, *(str(row.failures[cause]) for cause in CAUSES), style=style)
        felt.add_row(
            name,
            "-" if row.service_ms is None else _times(row.service_ms),
            _times(row.wall_ms),
            f"{row.precision_at_95_coverage:.1%}",
            f"{row.coverage_at_995_precision:.1%}",
            f"{row.calibration_error:.3f}",
            style=style,
        )
    return [solved, failed, felt]


def problems(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Number of times that each problem was answered, the most frequent first."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        if outcome.reply.problem is not None:
            counts[outcome.reply.problem] = counts.get(outcome.reply.problem, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def percentiles(times_ms: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile.

    Args:
        times_ms: At least one time in milliseconds.

    Returns:
        p50 and p95 in milliseconds, rounded to a microsecond.
    """
    p50, p95 = np.percentile(times_ms, (50, 95))
    return round(float(p50), 3), round(float(p95), 3)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("family", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _times(times_ms: Sequence[float]) -> str:
    return " / ".join(f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" for ms in times_ms)


def _group(family: str, puzzles: PuzzleSet, sets: Sequence[PuzzleSet]) -> str:
    """The family; with the set's folder where another set has the family too."""
    alike = [other for other in sets if family in other.families]
    if len(alike) == 1:
        return family
    names = {other.folder.name for other in alike}
    folder = puzzles.folder.name if len(names) == len(alike) else str(puzzles.folder)
    return f"{folder}: {family}"


def _summary(group: str, outcomes: Sequence[Outcome]) -> Summary:
    scores = [outcome.score for outcome in outcomes]
    confidence = np.array([outcome.reply.confidence for outcome in outcomes], np.float64)
    # Confidence speaks of the clicks, so it is measured on them: an abstention whose best attempt
    # is right was right to be confident.
    correct = np.array([score.correct for score in scores], np.bool_)
    counted = [score.count_right for score in scores if score.count_right is not None]
    totals = [outcome.reply.total_ms for outcome in outcomes if outcome.reply.total_ms is not None]
    solved = sum(score.solved for score in scores)
    return Summary(
        group=group,
        n=len(scores),
        solved=solved,
        solve_rate=solved / len(scores),
        interval=wilson_interval(solved, len(scores)),
        failures={cause: sum(score.cause == cause for score in scores) for cause in CAUSES},
        all_found=sum(score.all_found for score in scores) / len(scores),
        count_right=sum(counted) / len(counted) if counted else None,
        service_ms=percentiles(totals) if totals else None,
        wall_ms=percentiles([outcome.wall_ms for outcome in outcomes]),
        precision_at_95_coverage=precision_at_coverage(confidence, correct, COVERAGE),
        coverage_at_995_precision=coverage_at_precision(confidence, correct, PRECISION),
        calibration_error=expected_calibration_error(confidence, correct),
    )
