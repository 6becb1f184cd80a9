"""A letter for the strength of a CAPTCHA, with the reasons for it and what to change."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from clickorder.audit.attack import TRIES
from clickorder.audit.messages import Message, message, percent
from clickorder.audit.record import Audit
from training.evaluation.evaluate import problems

LETTERS = ((0.01, "A"), (0.05, "B"), (0.2, "C"), (0.5, "D"))
"""Below which rate of success a letter is given; E from the last on. E. Bursztein and others
("Text-based CAPTCHA strengths and weaknesses", CCS 2011) take 1 % for broken."""

FEWEST = 20
"""Puzzles below which the report warns of its wide interval."""

HARMLESS = frozenset({"refused"})
"""Faults that keep people out, and no machine in."""

_RETRIES = 3
_GAIN = 0.1
"""What abstaining has to add to the share of right answers to be worth a sentence."""


@dataclass(frozen=True, slots=True)
class Grade:
    """The verdict.

    Attributes:
        letter: `A` (strong) to `E`.
        reasons: Why, the weightiest first.
        advice: What to change, the first thing first.
    """

    letter: str
    reasons: tuple[Message, ...]
    advice: tuple[Message, ...]


def grade_of(audit: Audit) -> Grade:
    """Grade an audit by the strongest attack that was measured; a fault costs a letter."""
    letter = letter_of(strongest_rate(audit))
    if any(fault.check not in HARMLESS for fault in audit.faults):
        letter = chr(min(ord(letter) + 1, ord("E")))
    return Grade(letter, tuple(_reasons(audit)), tuple(_advice(audit, letter)))


def strongest_rate(audit: Audit) -> float:
    """Success in one try of the best machine that was measured, everything answered, 0..1."""
    return max([audit.overall.solve_rate, *(row.rate for row in audit.adapted or ())])


def letter_of(rate: float) -> str:
    """The letter of a rate of success."""
    return next((letter for end, letter in LETTERS if rate < end), "E")


def _reasons(audit: Audit) -> Iterator[Message]:
    overall = audit.overall
    low, high = map(percent, overall.interval)
    yield message(
        "reason.zero_shot", rate=percent(overall.solve_rate), n=overall.n, low=low, high=high
    )
    if overall.n < FEWEST:
        yield message("reason.few", n=overall.n, fewest=FEWEST)
    for fault in audit.faults:
        yield message("reason.fault", fault=fault.title)
    if audit.adapted:
        best = max(audit.adapted, key=lambda row: row.rate)
        if best.labels:
            yield message(
                "reason.adapted",
                labels=best.labels,
                work=best.work_minutes,
                rate=percent(best.rate),
            )
    chance = audit.attack.passes[TRIES.index(_RETRIES)]
    yield message("reason.retries", tries=_RETRIES, chance=percent(chance))
    best_point = max(audit.attack.points, key=lambda point: point.right)
    if best_point.right - audit.attack.points[0].right >= _GAIN:
        yield message(
            "reason.abstains",
            coverage=percent(best_point.coverage),
            rate=percent(best_point.right),
        )
    if audit.people is None:
        yield message("reason.people_missing")
    else:
        yield message("reason.people", rate=percent(audit.people.rate))
    for problem, number in problems(audit.outcomes).items():
        yield message("reason.errors", n=number, problem=problem)


def _advice(audit: Audit, letter: str) -> Iterator[Message]:
    if audit.faults:
        yield message("advice.faults")
        yield from (fault.repair for fault in audit.faults)
    elif letter == "A":
        yield message("advice.keep")
    if letter == "A":
        return
    for effect in audit.explanation.effects if audit.explanation else ():
        if effect.is_certain:
            more = effect.log_odds > 0
            yield message(
                "advice.property",
                property=message(f"property.{effect.name}"),
                direction=message("direction.more" if more else "direction.less"),
                odds=math.exp(abs(effect.log_odds)),
                deviation=deviation_of(effect.name, effect.deviation),
                how=message(f"how.{effect.name}"),
            )
    if not any(row.get("decoys") for row in audit.measured):
        yield message("advice.decoys")
    yield message("advice.limit")
    if letter in "DE":
        yield message("advice.second")


def deviation_of(name: str, value: float) -> Message:
    """An amount of a property with its unit."""
    return message("amount", value=number(value), unit=message(f"unit.{name}"))


def number(value: float) -> str:
    """Two digits that count, and no more zeros than needed."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
