"""What the measured solver is worth to an attacker: retries, abstentions, hours, cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.evaluate import Outcome
from training.evaluation.statistics import SolvedOf

COVERAGES = (1.0, 0.75, 0.5, 0.25)
"""Shares of the puzzles that an attacker answers; for the others he asks for a new one."""

TRIES = (1, 3, 5, 10)

SECONDS_PER_ACTION = 4.0
"""Time a person needs to draw or correct a box, or to name it. An assumption, not measured."""

_ACTIONS_LEFT = 0.27
"""What the labelling tools leave to do by hand on one site, docs/results.md (labelling by hand)."""

_ACTIONS_PER_ITEM = 2
"""By hand: a box and a name."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the abstention curve.

    Attributes:
        confidence: The least one that is answered.
        coverage: Share of the puzzles answered, 0..1.
        right: Share of these that are right, 0..1.
    """

    confidence: float
    coverage: float
    right: float


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attacker gets.

    Attributes:
        curve: From few answers to all.
        points: The curve at `COVERAGES`.
        per_hundred: Expected successes in a hundred answers, at each of `COVERAGES`.
        per_hour: Expected successes in an hour, at each of `COVERAGES`.
        passes: Chance of at least one success in each of `TRIES` tries, everything answered.
        tries_per_hour: Answers that the site takes in an hour.
        seconds: Wall time of a puzzle, mean.
        cpu_seconds: CPU time of a puzzle, mean, all cores together.
        cost_per_thousand: Cost of a thousand successes, in the currency of the price; None where
            nothing was solved.
        price: Price of an hour of one CPU core.
    """

    curve: tuple[Point, ...]
    points: tuple[Point, ...]
    per_hundred: tuple[float, ...]
    per_hour: tuple[float, ...]
    passes: tuple[float, ...]
    tries_per_hour: float
    seconds: float
    cpu_seconds: float
    cost_per_thousand: float | None
    price: float


@dataclass(frozen=True, slots=True)
class Adapted(SolvedOf):
    """The solve rate after training with an attacker's labels.

    Attributes:
        labels: Labelled puzzles; 0 is the shipped models.
        n: Puzzles asked, which no training has seen.
        solved: Number of them that were solved.
        work_minutes: Minutes of a person's labelling, at `SECONDS_PER_ACTION`.
        training_minutes: Minutes of training; 0 without training.
    """

    labels: int
    n: int
    solved: int
    work_minutes: float
    training_minutes: float


def abstention_curve(confidence: Sequence[float], correct: Sequence[bool]) -> tuple[Point, ...]:
    """What share of the answers is right when only the surest are given.

    Args:
        confidence: Confidence of each answer.
        correct: Whether each is right.

    Returns:
        A point for each confidence, the greatest first; answers of one confidence go together.
    """
    order = np.argsort(-np.array(confidence), kind="stable")
    ranked, right = np.array(confidence)[order], np.array(correct, bool)[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    kept = np.arange(1, len(ranked) + 1)
    shares = np.cumsum(right) / kept
    return tuple(
        Point(float(c), float(k / len(ranked)), float(r))
        for c, k, r in zip(ranked[last], kept[last], shares[last], strict=True)
    )


def attack_of(
    outcomes: Sequence[Outcome],
    cpu_seconds: Sequence[float],
    *,
    tries_per_hour: float,
    price: float,
) -> Attack:
    """What the measured answers are worth.

    Args:
        outcomes: At least one.
        cpu_seconds: CPU seconds of each.
        tries_per_hour: Answers that the site takes from one attacker in an hour.
        price: Price of an hour of one CPU core.
    """
    confidence = [outcome.reply.confidence for outcome in outcomes]
    correct = [outcome.score.correct for outcome in outcomes]
    curve = abstention_curve(confidence, correct)
    seconds = sum(outcome.wall_ms for outcome in outcomes) / 1000 / len(outcomes)
    cpu = float(np.mean(cpu_seconds))
    points = tuple(
        next(point for point in curve if point.coverage >= share - 1e-9) for share in COVERAGES
    )
    rate = points[0].right
    # A machine that abstains draws a new puzzle, which costs it time but no try.
    hourly = [min(tries_per_hour, 3600 / max(seconds, 1e-6) * p.coverage) for p in points]
    return Attack(
        curve=curve,
        points=points,
        per_hundred=tuple(100 * point.right for point in points),
        per_hour=tuple(n * point.right for n, point in zip(hourly, points, strict=True)),
        passes=tuple(1 - (1 - rate) ** tries for tries in TRIES),
        tries_per_hour=tries_per_hour,
        seconds=seconds,
        cpu_seconds=cpu,
        cost_per_thousand=1000 * cpu / rate / 3600 * price if rate else None,
        price=price,
    )


def labelling_minutes(labels: int, items: float) -> float:
    """How long a person labels.

    Args:
        labels: Pictures.
        items: Items in a picture, decoys among them.
    """
    actions = labels * items * _ACTIONS_PER_ITEM * _ACTIONS_LEFT
    return actions * SECONDS_PER_ACTION / 60
