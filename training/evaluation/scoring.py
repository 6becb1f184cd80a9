"""Scoring of one answer against the truth: whether a puzzle was solved, and if not, why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from labels.puzzles import Box, Puzzle

Cause = Literal["item-count", "not-detected", "wrong-item", "declined", "error"]
CAUSES: tuple[Cause, ...] = ("item-count", "not-detected", "wrong-item", "declined", "error")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reply:
    """The parts of an answer that scoring needs.

    Attributes:
        solved: Whether the solver stands by its clicks.
        reason: Why not, where it does not.
        confidence: Probability that all clicks are right, 0..1; 0 for a problem.
        clicks: `x, y` of each click in prompt order, in pixels of the background.
        boxes: `x1, y1, x2, y2` of every detected box in pixels of the background, `x2`/`y2`
            exclusive.
        scores: Score of the detector for each box, 0..1, in the order of `boxes`.
        models: Role to name and version of the models that answered; None where it does not say.
        total_ms: Time that the solver itself reports; None where it does not.
        problem: `code: sentence` of the problem; None where there is an answer.
    """

    solved: bool = False
    reason: str | None = None
    confidence: float = 0.0
    clicks: tuple[Point, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    scores: tuple[float, ...] = ()
    models: Mapping[str, str] | None = None
    total_ms: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The verdict on one answer.

    Attributes:
        solved: The solver stands by its clicks, and every one of them is right.
        correct: Every click is right, whether the solver stands by them or not.
        cause: Why it is not solved; None where it is.
        all_found: Every target has a detected box whose centre lies inside it.
        count_right: As many prompt items were found in the prompt picture as there are; None
            where the prompt is no picture, so that nothing had to be counted.
    """

    solved: bool
    correct: bool
    cause: Cause | None
    all_found: bool
    count_right: bool | None


def read_reply(body: Mapping[str, object]) -> Reply:
    """Read the body of an answer (200) or a problem.

    Args:
        body: JSON of `POST /solve`, or of its problem details.

    Returns:
        The answer. A body that is neither becomes a problem of its own, so that one malformed
        answer costs one puzzle and not the whole evaluation.
    """
    if "clicks" not in body:
        code = body.get("code", f"status {body.get('status', 'unknown')}")
        return Reply(problem=f"{code}: {body.get('detail') or body.get('title') or 'no detail'}")
    try:
        return _read_answer(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Reply(problem=f"bad_answer: The answer does not fit the contract ({error!r}).")


def score_reply(puzzle: Puzzle, reply: Reply) -> Score:
    """Score one answer against the truth.

    A puzzle is solved only when there are as many clicks as targets and every click, in order,
    lies inside its target, or its `accept` box where one is given. Items of the prompt with the
    same word are interchangeable: a picture with the same character twice does not say which of
    the two is first.

    The cause of a failure is the first link of the chain that broke: no answer (`error`), an
    abstention that is the solver's own choice (`declined`), a miscounted prompt picture
    (`item-count`), a target without a box (`not-detected`), a wrong assignment (`wrong-item`).

    Args:
        puzzle: The puzzle with its truth.
        reply: The answer to it.
    """
    areas = areas_of(puzzle)
    centres = [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in reply.boxes]
    all_found = all(any(contains(area, centre) for centre in centres) for area in areas)
    count_right = _count_right(puzzle, reply)
    correct = in_order(puzzle.words, areas, reply.clicks)
    cause: Cause | None
    if reply.problem is not None:
        cause = "error"
    elif reply.solved and correct:
        cause = None
    elif not reply.solved and (
        correct or reply.reason in ("ambiguous", "low_confidence", "missing_target")
    ):
        cause = "declined"
    elif count_right is False:
        cause = "item-count"
    elif not all_found:
        cause = "not-detected"
    else:
        cause = "wrong-item"
    return Score(cause is None, correct, cause, all_found, count_right)


def areas_of(puzzle: Puzzle) -> list[Box]:
    """Boxes in which each click counts: the `accept` box of a target, or the target itself.

    Args:
        puzzle: The puzzle with its truth.

    Returns:
        `x1, y1, x2, y2` in pixels of the background, `x2`/`y2` exclusive, in click order.
    """
    accept = puzzle.accept or (None,) * len(puzzle.targets)
    return [own or target for own, target in zip(accept, puzzle.targets, strict=True)]


def contains(box: Box, point: Point) -> bool:
    """Whether a point lies inside a box: `x1 <= x < x2` and `y1 <= y < y2`.

    Args:
        box: `x1, y1, x2, y2` in pixels, `x2`/`y2` exclusive.
        point: `x, y` in the same pixels.
    """
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def in_order(words: Sequence[str], areas: Sequence[Box], clicks: Sequence[Point]) -> bool:
    """Whether there is a click for every word, each in its area.

    Args:
        words: Words in click order; equal words are interchangeable.
        areas: `x1, y1, x2, y2` of each word in pixels, `x2`/`y2` exclusive.
        clicks: `x, y` of each click in the same pixels.
    """
    if len(clicks) != len(areas):
        return False
    for word in set(words):
        places = [index for index, other in enumerate(words) if other == word]
        inside = np.array([[contains(areas[a], clicks[c]) for a in places] for c in places])
        # Interchangeable items may overlap, so every click needs an area of its own.
        rows, columns = linear_sum_assignment(inside, maximize=True)
        if not inside[rows, columns].all():
            return False
    return True


def _count_right(puzzle: Puzzle, reply: Reply) -> bool | None:
    if puzzle.kind in ("words", "icons"):
        return None
    if reply.problem is not None:
        return False
    if reply.reason == "missed_target":
        # Fewer boxes than prompt items: the clicks do not tell how many items there were, but
        # where the boxes suffice for the targets, there were too many.
        return len(reply.boxes) < len(puzzle.targets)
    return len(reply.clicks) == len(puzzle.targets)


def _read_answer(body: Mapping[str, object]) -> Reply:
    clicks, boxes = _objects(body["clicks"]), _objects(body["boxes"])
    reason, models, timings = body.get("reason"), body.get("models"), body.get("timings_ms")
    total = timings.get("total") if isinstance(timings, Mapping) else None
    solved = body["solved"]
    if not isinstance(solved, bool):
        raise TypeError(f"solved is {solved!r}")
    return Reply(
        solved=solved,
        reason=None if reason is None else str(reason),
        confidence=_number(body["confidence"]),
        clicks=tuple((_number(click["x"]), _number(click["y"])) for click in clicks),
        boxes=tuple(_corners(box["box"]) for box in boxes),
        scores=tuple(_number(box["confidence"]) for box in boxes),
        models={str(k): str(v) for k, v in models.items()} if isinstance(models, Mapping) else None,
        total_ms=None if total is None else _number(total),
    )


def _objects(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise TypeError(f"{value!r} is no list of objects")
    return value


def _corners(value: object) -> tuple[float, float, float, float]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is no box")
    x1, y1, x2, y2 = (_number(number) for number in value)
    return x1, y1, x2, y2


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
