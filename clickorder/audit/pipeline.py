"""`clickorder audit SET`: put a set to the solver, measure its pictures, and say what follows.

What it leaves in its folder:

    report.html, report.zh.html   the report
    audit.json                    all numbers; audit.schema.json of this package describes it
    answers.jsonl                 the solver's answers, to go on from
    people.jsonl                  what people answered on the page of `audit people`
    puzzles/                      the pictures as puzzles, where the labels are no puzzle set
    adapted/                      what was trained for the curve over labels
"""

import hashlib
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from clickorder.adapt.puzzles import puzzles_of
from clickorder.audit.acceptance import Accept, check_function, check_set
from clickorder.audit.answers import AnswerLog, AskAll, Solver, one_by_one
from clickorder.audit.attack import Adapted, attack_of
from clickorder.audit.explanation import explain, thirds, varying
from clickorder.audit.extra import need_scikit_learn
from clickorder.audit.findings import Finding, decide
from clickorder.audit.leaks import check_answers
from clickorder.audit.people import PEOPLE_FILE, read_people
from clickorder.audit.properties import PROPERTIES, measure_all
from clickorder.audit.record import Audit
from clickorder.errors import CommandError
from clickorder.terminal import progress_bar
from labels.pictures import displayed_size
from labels.puzzles import PUZZLES_FILE, Box, PuzzleSet, read_puzzles
from labels.reading import read_annotations
from training.evaluation.evaluate import OVERALL, Outcome, Summary, summarise
from training.evaluation.scoring import read_reply, score_reply

Adapt = Callable[[PuzzleSet, Path], Sequence[Adapted]]
"""Measures what training adds to the solver: puzzles, and a folder for what is trained."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user may choose.

    Attributes:
        tries_per_hour: Answers that the site takes from one attacker in an hour.
        price: Price of an hour of one CPU core.
        guess_bound: Largest rate at which guesses may succeed.
        limit: At most this many puzzles, the first ones; None for all.
    """

    tries_per_hour: float = 60.0
    price: float = 0.04
    guess_bound: float = 0.05
    limit: int | None = None


def audit_set(
    folder: Path,
    out: Path,
    solver: Solver,
    choices: Choices,
    *,
    ask_all: AskAll | None = None,
    adapt: Adapt | None = None,
    accept: Accept | None = None,
) -> Audit:
    """Audit one set.

    Args:
        folder: A puzzle set with its truth, or labelled pictures of any layout.
        out: Where what is kept goes.
        solver: Asked for every puzzle that `out` has no answer to.
        choices: What the user chose.
        ask_all: Solves many puzzles with the same models, in place of `solver`, which is then only
            asked for their names.
        adapt: Measures what training adds; None leaves it out.
        accept: The owner's check of clicks; None takes the `accept` regions of the set, where it
            has some.

    Raises:
        CommandError: the labels tell no items apart, `accept` raises, or scikit-learn is not
            installed.
        LabelsError: the folder cannot be read.
        OSError: a file cannot be read or written.
    """
    need_scikit_learn()
    began = perf_counter()
    puzzles = puzzles_in(folder, out)
    puzzles = PuzzleSet(puzzles.folder, puzzles.puzzles[: choices.limit])
    # First: a check that raises is told before the time for solving is spent.
    findings, has_validator = _findings(puzzles, accept, choices.guess_bound)
    outcomes, cpu_seconds = _solve(
        puzzles, AnswerLog(out, solver.models), ask_all or one_by_one(solver)
    )
    with progress_bar("Measuring pictures", len(outcomes)) as advance:
        measured = measure_all(outcomes, advance)
    failed = [not outcome.score.solved for outcome in outcomes]
    return Audit(
        source=folder.resolve().name,
        models=dict(solver.models),
        overall=_overall(outcomes),
        families=_grouped(outcomes, lambda outcome: outcome.puzzle.family),
        kinds=_grouped(outcomes, lambda outcome: outcome.puzzle.kind),
        outcomes=tuple(outcomes),
        measured=tuple(measured),
        thirds={
            name: tuple(thirds(measured, failed, name)) for name in varying(measured, PROPERTIES)
        },
        explanation=explain(measured, failed, PROPERTIES),
        attack=attack_of(
            outcomes, cpu_seconds, tries_per_hour=choices.tries_per_hour, price=choices.price
        ),
        adapted=None if adapt is None else tuple(adapt(puzzles, out / "adapted")),
        findings=findings,
        has_validator=has_validator,
        people=read_people(out / PEOPLE_FILE),
        seconds=perf_counter() - began,
        hardware=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
    )


def puzzles_in(folder: Path, out: Path) -> PuzzleSet:
    """The puzzles of a set, or those that labelled pictures make.

    Args:
        folder: Folder of the set or the pictures.
        out: Gets the puzzles of pictures, in a folder `puzzles`.

    Raises:
        CommandError: the labels tell no items apart.
        LabelsError: the folder cannot be read.
        OSError: a file cannot be written.
    """
    if (folder / PUZZLES_FILE).is_file() or not folder.is_dir():
        return read_puzzles(folder)
    puzzles = puzzles_of(read_annotations(folder), out)
    if puzzles is None:
        raise CommandError(
            f"The labels in {folder} name fewer than two different items, so there is no order to "
            "click them in; name the items with `clickorder labels review`."
        )
    return puzzles


def _solve(
    puzzles: PuzzleSet, log: AnswerLog, ask_all: AskAll
) -> tuple[list[Outcome], list[float]]:
    """The outcomes, and the CPU seconds of each."""
    with progress_bar("Solving", len(puzzles)) as advance:
        answers = log.answers(puzzles, ask_all, advance)
    outcomes = []
    for puzzle, answer in zip(puzzles, answers, strict=True):
        reply = read_reply(answer.body)
        score = score_reply(puzzle, reply)
        outcomes.append(Outcome(OVERALL, puzzle, puzzles.folder, reply, score, answer.wall_ms))
    return outcomes, [answer.cpu_seconds for answer in answers]


def _findings(
    puzzles: PuzzleSet, accept: Accept | None, guess_bound: float
) -> tuple[tuple[Finding, ...], bool]:
    """All checks of answers and validator, and whether there was a validator to check."""
    known = list(puzzles)
    files = [puzzles.folder / puzzle.background for puzzle in known]
    sizes = [displayed_size(file) for file in files]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    if accept is None:
        found, probes = check_set(known, sizes)
    else:
        found, probes = check_function(accept, known, sizes)
    regions: dict[str, tuple[Box, ...]] = {puzzle.id: puzzle.targets for puzzle in known}
    for probe in probes:
        pairs = zip(probe.regions, probe.puzzle.targets, strict=True)
        regions[probe.puzzle.id] = tuple(region or target for region, target in pairs)
    answers = check_answers(
        known, sizes, guess_bound=guess_bound, regions=list(regions.values()), digests=digests
    )
    return decide([*found, *answers]), bool(probes)


def _overall(outcomes: Sequence[Outcome]) -> Summary:
    (summary,) = summarise(outcomes)
    return summary


def _grouped(outcomes: Sequence[Outcome], group: Callable[[Outcome], str]) -> tuple[Summary, ...]:
    """A summary of each group where there are several; the last one, of all, is known already."""
    return tuple(summarise([replace(one, group=group(one)) for one in outcomes])[:-1])
