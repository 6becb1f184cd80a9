"""The owner's check of clicks, probed: what does it accept that it should not, and refuse?"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from clickorder.audit.findings import MOST_LISTED, Finding
from clickorder.audit.messages import Message, message
from clickorder.audit.properties import overlap
from clickorder.errors import CommandError
from labels.puzzles import Box, Puzzle
from training.evaluation.scoring import areas_of, contains

Point = tuple[float, float]
Accept = Callable[[Puzzle, Sequence[Point]], bool]
"""Whether clicks, `x, y` in pixels of the background and in order, pass a puzzle."""

MOST_PROBED = 100
"""Puzzles; each takes some hundred calls."""

_FAR = 2.0
"""Beyond the edge of a target by so many of its sides, a click is wrong by any standard."""

_LEAST_OFFSET = 0.15
"""Shift, as a share of a target's side, from which an item's side is refused or ground accepted."""

_LARGE = 2.5
"""Times the target's area; half as wide again on every side is generous for a finger."""

_SHARED = 0.1
"""Share of the smaller of two regions from which they overlap."""

_RARE = 0.01
"""Share of puzzles in which a sound check may be unlucky."""

_GRID = 9
_DIRECTIONS: dict[str, tuple[int, int]] = {
    "left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1),
}  # fmt: skip


def as_accept(function: Callable[..., Any], name: str) -> Accept:
    """The owner's function as a check that can be probed.

    It is called with a puzzle's line of `puzzles.jsonl` as a dictionary, and a list of `(x, y)`.

    Args:
        function: The owner's own check.
        name: For errors.

    Returns:
        A check that raises a CommandError where the function raises.
    """

    def accept(puzzle: Puzzle, clicks: Sequence[Point]) -> bool:
        line: dict[str, object] = json.loads(puzzle.to_json())
        try:
            return bool(function(line, list(clicks)))
        except Exception as error:
            raise CommandError(
                f"{name} raised {type(error).__name__} ({error}) for puzzle {puzzle.id!r} with "
                f"the clicks {[(round(x, 1), round(y, 1)) for x, y in clicks]}; make it answer "
                "True or False to any clicks."
            ) from error

    return accept


@dataclass(frozen=True, slots=True)
class Probe:
    """What one puzzle's check does.

    Attributes:
        puzzle: The puzzle.
        regions: Where clicks on each target are accepted, `x1, y1, x2, y2` in pixels, end
            exclusive; None where no accepted place was found.
        far: Direction to whether a far click there was accepted, for each target where there is
            room.
    """

    puzzle: Puzzle
    regions: tuple[Box | None, ...]
    far: Mapping[str, list[bool]] = field(default_factory=dict)


def check_function(
    accept: Accept, puzzles: Sequence[Puzzle], sizes: Sequence[tuple[int, int]]
) -> tuple[list[Finding], list[Probe]]:
    """Probe the owner's check.

    Args:
        accept: The check.
        puzzles: At most `MOST_PROBED` of them are probed.
        sizes: Width and height of each background, pixels.

    Returns:
        The findings, and where each click is accepted.

    Raises:
        CommandError: the function raises.
    """
    probed = list(zip(puzzles, sizes, strict=True))[:MOST_PROBED]
    probes = [_probe(puzzle, size, _with_one(accept, puzzle)) for puzzle, size in probed]
    findings = [
        *_whole_answers(accept, [puzzle for puzzle, _ in probed]),
        *check_regions(probes),
    ]
    return findings, probes


def check_set(
    puzzles: Sequence[Puzzle], sizes: Sequence[tuple[int, int]]
) -> tuple[list[Finding], list[Probe]]:
    """Check the `accept` regions of a set; nothing where it has none."""
    probes = []
    for puzzle, size in zip(puzzles, sizes, strict=True):
        if puzzle.accept is None:
            continue
        areas = areas_of(puzzle)
        probes.append(Probe(puzzle, tuple(areas), _far_clicks(puzzle, size, _within(areas))))
    return (check_regions(probes) if probes else []), probes


def check_regions(probes: Sequence[Probe]) -> list[Finding]:
    """What is wrong with the places where clicks are accepted."""
    return [_one_sided(probes), _off_centre(probes), _too_large(probes), _overlapping(probes)]


Hit = Callable[[int, Point], bool]
"""Whether a click on the target of this index is accepted, the others being right."""


def _within(areas: Sequence[Box]) -> Hit:
    return lambda index, point: contains(areas[index], point)


def _with_one(accept: Accept, puzzle: Puzzle) -> Hit:
    right = [_middle(target) for target in puzzle.targets]

    def hit(index: int, point: Point) -> bool:
        return accept(puzzle, [*right[:index], point, *right[index + 1 :]])

    return hit


def _middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _probe(puzzle: Puzzle, size: tuple[int, int], hit: Hit) -> Probe:
    regions = tuple(
        _region(target, size, partial(hit, index)) for index, target in enumerate(puzzle.targets)
    )
    return Probe(puzzle, regions, _far_clicks(puzzle, size, hit))


def _region(target: Box, size: tuple[int, int], hit: Callable[[Point], bool]) -> Box | None:
    """The box around what is accepted, along both axes through an accepted place."""
    x1, y1, x2, y2 = target
    (x, y), width, height = _middle(target), x2 - x1, y2 - y1
    steps = np.linspace(-1, 1, _GRID)
    around = [(x + width * i, y + height * j) for i in steps for j in steps]
    accepted = [point for point in around if hit(point)]
    if not accepted:
        return None
    middle = np.mean(accepted, axis=0)
    start = min(accepted, key=lambda point: float(np.abs(np.subtract(point, middle)).sum()))
    left, right = (_reach(start, (way, 0), size, hit) for way in (-1, 1))
    above, below = (_reach(start, (0, way), size, hit) for way in (-1, 1))
    return (
        round(start[0] - left), round(start[1] - above),
        round(start[0] + right) + 1, round(start[1] + below) + 1,
    )  # fmt: skip


def _reach(
    start: Point, way: tuple[int, int], size: tuple[int, int], hit: Callable[[Point], bool]
) -> float:
    """How far from an accepted place clicks are accepted, to one pixel; at most to the border."""
    axis = 0 if way[0] else 1
    border = start[axis] if way[axis] < 0 else size[axis] - 1 - start[axis]

    def accepted(distance: float) -> bool:
        return hit((start[0] + way[0] * distance, start[1] + way[1] * distance))

    low, high = 0.0, max(0.0, border)
    if accepted(high):
        return high
    while high - low > 1:
        half = (low + high) / 2
        low, high = (half, high) if accepted(half) else (low, half)
    return low


def _far_clicks(puzzle: Puzzle, size: tuple[int, int], hit: Hit) -> dict[str, list[bool]]:
    far: dict[str, list[bool]] = {direction: [] for direction in _DIRECTIONS}
    for index, target in enumerate(puzzle.targets):
        (x, y), width, height = _middle(target), target[2] - target[0], target[3] - target[1]
        for direction, (dx, dy) in _DIRECTIONS.items():
            point = (x + dx * width * (_FAR + 0.5), y + dy * height * (_FAR + 0.5))
            if 0 <= point[0] < size[0] and 0 <= point[1] < size[1]:
                far[direction].append(hit(index, point))
    return far


def _whole_answers(accept: Accept, puzzles: Sequence[Puzzle]) -> Iterator[Finding]:
    """Right answers that are refused, and wrong ones that pass whatever the places are."""
    refused, swapped, swappable, incomplete = [], [], 0, []
    for puzzle in puzzles:
        right = [_middle(target) for target in puzzle.targets]
        if not accept(puzzle, right):
            refused.append(puzzle.id)
        other = next((i for i, w in enumerate(puzzle.words) if w != puzzle.words[0]), None)
        if other is not None:
            swappable += 1
            turned = list(right)
            turned[0], turned[other] = right[other], right[0]
            if accept(puzzle, turned):
                swapped.append(puzzle.id)
        if accept(puzzle, []) or (len(right) > 1 and accept(puzzle, right[:-1])):
            incomplete.append(puzzle.id)
    n = len(puzzles)
    yield Finding("refused", len(refused), n, bool(refused), None, _some(refused))
    share = len(swapped) / max(1, swappable)
    yield Finding("any_order", len(swapped), swappable, share > 0.05, None, _some(swapped))
    yield Finding("incomplete", len(incomplete), n, bool(incomplete), None, _some(incomplete))


def _one_sided(probes: Sequence[Probe]) -> Finding:
    """Whether clicks far from a target pass, in one direction or in several."""
    passed: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for probe in probes:
        for direction, results in probe.far.items():
            tried[direction] += len(results)
            passed[direction] += sum(results)
    p_values = [
        float(stats.binomtest(passed[d], tried[d], _RARE, "greater").pvalue)
        for d in _DIRECTIONS
        if tried[d]
    ]
    bad = [d for d in _DIRECTIONS if tried[d] and passed[d] / tried[d] >= 0.1]
    concerned = [p.puzzle.id for p in probes if any(any(p.far[d]) for d in bad)]
    # Both sides of an axis: that coordinate is not looked at.
    ways = Message("way.none") if not bad else _listed([message(f"way.{d}") for d in bad])
    return Finding(
        "one_sided",
        passed.total(),
        tried.total(),
        bool(bad),
        min([1.0, *(len(p_values) * p for p in p_values)]),
        _some(concerned),
        {"ways": ways},
    )


def _listed(parts: Sequence[Message]) -> Message:
    joined = parts[0]
    for part in parts[1:]:
        joined = message("joined", first=joined, second=part)
    return joined


def _off_centre(probes: Sequence[Probe]) -> Finding:
    """Whether regions lie to one side of their targets, by the same side in most puzzles."""
    rows, ids = [], []
    for probe in probes:
        own = [
            np.subtract(_middle(region), _middle(target))
            / (target[2] - target[0], target[3] - target[1])
            for region, target in zip(probe.regions, probe.puzzle.targets, strict=True)
            if region is not None
        ]
        if own:
            rows.append(np.mean(own, axis=0))
            ids.append(probe.puzzle.id)
    offsets = np.array(rows).reshape(-1, 2)
    middle = np.median(offsets, axis=0) if len(offsets) else np.zeros(2)
    p_values = []
    for axis in (0, 1):
        # Less than that is the rounding of a region to whole pixels.
        clear = offsets[:, axis][np.abs(offsets[:, axis]) > 0.03]
        ahead = int((clear > 0).sum())
        p_values.append(float(stats.binomtest(ahead, len(clear)).pvalue) if len(clear) else 1.0)
    large = np.abs(offsets).max(axis=1, initial=0) >= _LEAST_OFFSET
    return Finding(
        "off_centre",
        int(large.sum()),
        len(offsets),
        bool(np.abs(middle).max() >= _LEAST_OFFSET),
        min(1.0, 2 * min(p_values)),
        _some([one for one, is_large in zip(ids, large, strict=True) if is_large]),
        {"x": 100 * float(middle[0]), "y": 100 * float(middle[1])},
    )


def _too_large(probes: Sequence[Probe]) -> Finding:
    """Whether more is accepted than an item and a finger's width."""
    ratios = {
        probe.puzzle.id: float(
            np.median(
                [
                    _area(region) / _area(target)
                    for region, target in zip(probe.regions, probe.puzzle.targets, strict=True)
                    if region is not None
                ]
            )
        )
        for probe in probes
        if any(probe.regions)
    }
    large = [one for one, ratio in ratios.items() if ratio >= _LARGE]
    median = float(np.median(list(ratios.values()))) if ratios else 0.0
    p_value = (
        float(stats.binomtest(len(large), len(ratios), 0.1, "greater").pvalue) if ratios else 1.0
    )
    return Finding(
        "too_large", len(large), len(ratios), median >= _LARGE, p_value, _some(large),
        {"ratio": median, "bound": _LARGE},
    )  # fmt: skip


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlapping(probes: Sequence[Probe]) -> Finding:
    """Whether one click may pass for two items, or for one that is not asked for."""
    bad = [probe.puzzle.id for probe in probes if _mixes_up(probe)]
    p_value = (
        float(stats.binomtest(len(bad), len(probes), _RARE, "greater").pvalue) if probes else 1.0
    )
    return Finding("overlapping", len(bad), len(probes), len(bad) > 1, p_value, _some(bad))


def _mixes_up(probe: Probe) -> bool:
    puzzle = probe.puzzle
    known = list(zip(probe.regions, puzzle.words, puzzle.targets, strict=True))
    for region, word, target in known:
        if region is None:
            continue
        others = [*puzzle.distractors, *(t for _, w, t in known if w != word and t is not target)]
        if any(contains(region, _middle(other)) for other in others):
            return True
        for second, other_word, _ in known:
            if second is None or other_word == word:
                continue
            if max(overlap(region, second), overlap(second, region)) > _SHARED:
                return True
    return False


def _some(ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(ids[:MOST_LISTED])
