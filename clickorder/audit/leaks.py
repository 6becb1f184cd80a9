"""What the answers give away without any picture: order, grid, repeats, pairs, a lucky guess."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import cKDTree

from clickorder.audit.findings import MOST_LISTED, Finding
from clickorder.audit.messages import message
from labels.puzzles import Box, Puzzle

F64 = NDArray[np.float64]

_LEAST_TAU = 0.15
"""Kendall's tau between the order of clicks and a rule, from which the rule helps an attacker."""

_NEAR_PX, _WIDE_PX = 1, 10
_LEAST_CLUMPING = 4.0
"""How many times as many near pairs as a smooth spread has: a grid of 8 px has five times."""

_SHUFFLES = 60
_SWAPS = 6
"""For each word and shuffle, so that a shuffle has forgotten the one before."""

_SEED = 23


def check_answers(
    puzzles: Sequence[Puzzle],
    sizes: Sequence[tuple[int, int]],
    *,
    guess_bound: float,
    regions: Sequence[Sequence[Box]] | None = None,
    digests: Sequence[str] | None = None,
) -> list[Finding]:
    """All checks that need nothing but the answers.

    Args:
        puzzles: With their truth.
        sizes: Width and height of each background, pixels.
        guess_bound: Largest rate at which guesses may succeed.
        regions: Where clicks are accepted, for each target of each puzzle, `x1, y1, x2, y2` in
            pixels, end exclusive; None for the targets themselves.
        digests: Digest of each background's pixels; None where they are not known.
    """
    fresh, repeated = _without_repeats(puzzles, digests)
    return [
        *(_order(fresh, rule, key) for rule, key in RULES.items()),
        _grid(fresh),
        _pairs(fresh),
        repeated,
        _guesses(puzzles, sizes, regions, guess_bound),
    ]


RULES: dict[str, Callable[[Puzzle], list[float] | list[str]]] = {
    "across": lambda puzzle: [(x1 + x2) / 2 for x1, _, x2, _ in puzzle.targets],
    "down": lambda puzzle: [(y1 + y2) / 2 for _, y1, _, y2 in puzzle.targets],
    "by_size": lambda puzzle: [float((c - a) * (d - b)) for a, b, c, d in puzzle.targets],
    "alphabet": lambda puzzle: [word.casefold() for word in puzzle.words],
}
"""Orders that an attacker would try without looking: the key grows, or falls, with the clicks."""


def _order(
    puzzles: Sequence[Puzzle], rule: str, key: Callable[[Puzzle], list[float] | list[str]]
) -> Finding:
    """Whether clicks follow a rule, forwards or backwards.

    Counts pairs in the wrong order; in a sound CAPTCHA all orders are equally likely, so that the
    distribution of the sum over puzzles is known exactly.
    """
    distribution = np.ones(1)
    inversions = pairs = 0
    sorted_up: list[str] = []
    sorted_down: list[str] = []
    expected = 0.0
    for puzzle in puzzles:
        ranks = np.unique(np.array(key(puzzle)), return_inverse=True)[1]
        chances = inversion_chances(np.bincount(ranks))
        if len(chances) == 1:
            continue
        found = sum(a > b for a, b in combinations(ranks.tolist(), 2))
        inversions += found
        pairs += len(chances) - 1
        distribution = np.convolve(distribution, chances)
        expected += float(chances[0])
        if found == 0:
            sorted_up.append(puzzle.id)
        elif found == len(chances) - 1:
            sorted_down.append(puzzle.id)
    tau = 1 - 2 * inversions / pairs if pairs else 0.0
    below = float(distribution[: inversions + 1].sum())
    above = float(distribution[inversions:].sum())
    concerned = sorted_up if tau >= 0 else sorted_down
    return Finding(
        f"order_{rule}",
        len(concerned),
        len(puzzles),
        abs(tau) >= _LEAST_TAU,
        min(1.0, 2 * min(below, above)),
        tuple(concerned[:MOST_LISTED]),
        {"expected": expected, "tau": tau, "way": message(f"way.{'up' if tau >= 0 else 'down'}")},
    )


def inversion_chances(counts: NDArray[np.intp]) -> F64:
    """How likely each number of inversions is in a random order of things of which some are equal.

    Args:
        counts: How many there are of each.

    Returns:
        `(M + 1,)` chances of 0 to M inversions: the q-multinomial coefficients (P. MacMahon, 1915)
        as shares. M is 0 for things that are all equal.
    """
    whole = _factorial(int(counts.sum()))
    for count in counts:
        whole = np.round(np.polydiv(whole, _factorial(int(count)))[0])
    chances: F64 = whole / whole.sum()
    return chances


def _factorial(n: int) -> F64:
    """Coefficients of the q-factorial: inversions of n different things."""
    product = np.ones(1)
    for length in range(2, n + 1):
        product = np.convolve(product, np.ones(length))
    return product


def _grid(puzzles: Sequence[Puzzle]) -> Finding:
    """Whether positions come from a few fixed places.

    Among the pairs of positions (of different puzzles) that are within 10 px along both axes, a
    smooth spread has (3 / 21)^2 within 1 px, whatever its density; fixed places have nearly all.
    """
    expected = ((2 * _NEAR_PX + 1) / (2 * _WIDE_PX + 1)) ** 2
    best = (1.0, 0, 0)
    for place in (_centre, lambda box: box[:2]):
        points = [np.array([place(box) for box in p.targets], np.float64) for p in puzzles]
        near, wide = (_between(points, reach) for reach in (_NEAR_PX, _WIDE_PX))
        p_value = float(stats.binomtest(near, wide, expected, "greater").pvalue) if wide else 1.0
        if near * best[2] >= best[1] * wide or p_value < best[0]:
            best = (p_value, near, wide)
    p_value, near, wide = best
    seen = Counter(_centre(box) for puzzle in puzzles for box in puzzle.targets)
    often = {place for place, count in seen.most_common(3) if count > 1}
    return Finding(
        "grid",
        near,
        wide,
        bool(wide) and near / wide >= _LEAST_CLUMPING * expected,
        min(1.0, 2 * p_value),
        tuple(p.id for p in puzzles if any(_centre(b) in often for b in p.targets))[:MOST_LISTED],
        {
            "expected": expected * wide,
            "places": len(seen),
            "positions": sum(seen.values()),
        },
    )


def _centre(box: Box) -> tuple[int, int]:
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


def _between(points: Sequence[F64], reach: float) -> int:
    """Pairs of points of different puzzles that are within `reach` along both axes."""

    def pairs(some: F64) -> int:
        tree = cKDTree(some)
        return (int(tree.count_neighbors(tree, reach, p=np.inf)) - len(some)) // 2

    if not points:
        return 0
    return pairs(np.concatenate(points)) - sum(pairs(own) for own in points)


def _pairs(puzzles: Sequence[Puzzle]) -> Finding:
    """Whether words come in company: a known phrase says the others when one is read.

    Compared with the same words dealt anew to the same puzzles.
    """
    dealt = [list(puzzle.words) for puzzle in puzzles if len(puzzle.words) > 1]
    together = Counter(pair for words in dealt for pair in _companions(words))
    observed = _repeats(together)
    rng = np.random.default_rng(_SEED)
    numbers = np.array([_repeats(Counter(c)) for c in _shuffled(dealt, rng)], np.float64)
    mean, spread = (float(numbers.mean()), float(numbers.std())) if len(numbers) else (0.0, 0.0)
    # The mean is itself an estimate from few shuffles.
    cautious = mean + 3 * max(spread, math.sqrt(mean)) / math.sqrt(_SHUFFLES) + 0.05
    p_value = max(
        float(stats.poisson.sf(observed - 1, cautious)),
        float(stats.norm.sf((observed - cautious) / max(spread, math.sqrt(mean), 1.0))),
    )
    often = {pair for pair, count in together.most_common(3) if count > 1}
    concerned = [p.id for p in puzzles if often & set(_companions(list(p.words)))]
    first = together.most_common(1)
    return Finding(
        "pairs",
        observed,
        sum(together.values()),
        observed >= 2 * mean + 5,
        p_value,
        tuple(concerned[:MOST_LISTED]),
        {"expected": mean, "example": " ".join(first[0][0]) if first else ""},
    )


def _companions(words: Sequence[str]) -> list[tuple[str, str]]:
    """The unordered pairs of different words in a puzzle."""
    return list(combinations(sorted(set(words)), 2))


def _repeats(together: Counter[tuple[str, str]]) -> int:
    """Pairs of puzzles that share a pair of words."""
    return sum(count * (count - 1) // 2 for count in together.values())


def _shuffled(dealt: list[list[str]], rng: np.random.Generator) -> Iterator[list[tuple[str, str]]]:
    """The pairs of words after each shuffle; no puzzle gets a word twice where none had one."""
    slots = [(puzzle, place) for puzzle, words in enumerate(dealt) for place in range(len(words))]
    if len(dealt) < 2:
        return
    distinct = all(len(set(words)) == len(words) for words in dealt)
    current = [list(words) for words in dealt]
    for _ in range(_SHUFFLES):
        for a, b in rng.integers(len(slots), size=(_SWAPS * len(slots), 2)).tolist():
            (p, i), (q, j) = slots[a], slots[b]
            first, second = current[p][i], current[q][j]
            if p == q or (distinct and (second in current[p] or first in current[q])):
                continue
            current[p][i], current[q][j] = second, first
        yield [pair for words in current for pair in _companions(words)]


def _without_repeats(
    puzzles: Sequence[Puzzle], digests: Sequence[str] | None
) -> tuple[list[Puzzle], Finding]:
    """The puzzles without those that were there before, and the finding about these."""
    seen: set[object] = set()
    fresh: list[Puzzle] = []
    repeated: list[str] = []
    for index, puzzle in enumerate(puzzles):
        keys: set[object] = {(puzzle.words, puzzle.targets)}
        if digests is not None:
            keys.add(digests[index])
        if keys & seen:
            repeated.append(puzzle.id)
        else:
            fresh.append(puzzle)
        seen |= keys
    finding = Finding(
        "repeated", len(repeated), len(puzzles), bool(repeated), None, tuple(repeated[:MOST_LISTED])
    )
    return fresh, finding


def _guesses(
    puzzles: Sequence[Puzzle],
    sizes: Sequence[tuple[int, int]],
    regions: Sequence[Sequence[Box]] | None,
    bound: float,
) -> Finding:
    """Whether a guess succeeds too often: anywhere, or on the items in any order."""
    areas = regions or [puzzle.targets for puzzle in puzzles]
    blind, orders = [], []
    for puzzle, (width, height), own in zip(puzzles, sizes, areas, strict=True):
        shares = [
            max(0, min(x2, width) - max(x1, 0)) * max(0, min(y2, height) - max(y1, 0))
            / (width * height)
            for x1, y1, x2, y2 in own
        ]  # fmt: skip
        blind.append(math.prod(shares))
        alike = math.prod(math.factorial(n) for n in Counter(puzzle.words).values())
        asked = len(puzzle.targets)
        orders.append(alike / math.perm(asked + len(puzzle.distractors), asked))
    easy = [p.id for p, rate in zip(puzzles, orders, strict=True) if rate > bound]
    rate = max(float(np.mean(blind)), float(np.mean(orders)))
    return Finding(
        "guess",
        len(easy),
        len(puzzles),
        rate > bound,
        None,
        tuple(easy[:MOST_LISTED]),
        {
            "blind": 100 * float(np.mean(blind)),
            "orders": 100 * float(np.mean(orders)),
            "bound": 100 * bound,
        },
    )
