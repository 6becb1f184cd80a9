"""Planted faults of validators and answers are found; sound ones raise no alarm.

Puzzles are made from positions alone: no picture is needed to see what the answers give away.
"""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickorder.audit.acceptance import as_accept, check_function, check_set
from clickorder.audit.findings import ALPHA, Finding, decide
from clickorder.audit.leaks import check_answers, inversion_chances
from clickorder.errors import CommandError
from labels.puzzles import Puzzle

SIZE = (320, 200)
WORDS = [chr(0x4E00 + 7 * i) for i in range(300)]


def sound_set(seed, n=120, *, asked=4, decoys=3, words=WORDS, accept=False, place=None, order=None):
    """Items at random places without overlap, words drawn one by one, in random order.

    Args:
        place: Changes a corner, `(x, y)` to `(x, y)`.
        order: Puts the `(word, box)` of a puzzle in the order of clicks.
    """
    rng = np.random.default_rng(seed)
    puzzles = []
    for number in range(n):
        boxes = []
        while len(boxes) < asked + decoys:
            side = int(rng.integers(24, 44))
            x, y = (int(rng.integers(0, end - side)) for end in SIZE)
            x, y = place((x, y)) if place else (x, y)
            box = (x, y, x + side, y + side)
            apart = all(
                max(a[0] - box[2], box[0] - a[2], a[1] - box[3], box[1] - a[3]) >= 6 for a in boxes
            )
            if apart or place:
                boxes.append(box)
        rng.shuffle(boxes)
        boxes = [tuple(map(int, box)) for box in boxes]
        chosen = [str(word) for word in rng.choice(words, asked, replace=False)]
        pairs = list(zip(chosen, boxes[:asked], strict=True))
        pairs = order(pairs, rng) if order else pairs
        told, targets = zip(*pairs, strict=True)
        regions = tuple((a - 3, b - 3, c + 3, d + 3) for a, b, c, d in targets) if accept else None
        puzzles.append(
            Puzzle(
                f"p{number:03}", "0.png", {"words": told}, told, targets,
                tuple(boxes[asked:]), regions,
            )
        )  # fmt: skip
    return puzzles


def inside(puzzle, clicks, *, tolerance=3):
    """A sound check: every click, in order, in its item or a little beside it."""
    if len(clicks) != len(puzzle["targets"]):
        return False
    return all(
        x1 - tolerance <= x < x2 + tolerance and y1 - tolerance <= y < y2 + tolerance
        for (x, y), (x1, y1, x2, y2) in zip(clicks, puzzle["targets"], strict=True)
    )


def faults(puzzles, accept=None, **options):
    sizes = [SIZE] * len(puzzles)
    if accept is None:
        found, _ = check_set(puzzles, sizes)
    else:
        found, _ = check_function(as_accept(accept, "mysite:accept"), puzzles, sizes)
    decided = decide([*found, *check_answers(puzzles, sizes, guess_bound=0.05, **options)])
    for finding in decided:
        assert finding.title.text("zh")
        assert finding.evidence.text()
        assert finding.repair.text("zh")
    return {finding.check: finding for finding in decided if finding.is_fault}


# Validators


def one_sided(puzzle, clicks):
    """Any click left of or above the far corner passes."""
    boxes = puzzle["targets"]
    return len(clicks) == len(boxes) and all(
        x <= box[2] and y <= box[3] for (x, y), box in zip(clicks, boxes, strict=True)
    )


def with_itself(puzzle, clicks):
    """Compares the click's x with itself, so that only y counts."""
    boxes = puzzle["targets"]
    return len(clicks) == len(boxes) and all(
        abs(x - x) <= 15 and abs(y - (box[1] + box[3]) / 2) <= 15
        for (x, y), box in zip(clicks, boxes, strict=True)
    )


def around_the_corner(puzzle, clicks):
    """Compares with the corner at which the glyph was drawn."""
    boxes = puzzle["targets"]
    return len(clicks) == len(boxes) and all(
        abs(x - box[0]) <= 20 and abs(y - box[1]) <= 20
        for (x, y), box in zip(clicks, boxes, strict=True)
    )


def in_any_order(puzzle, clicks):
    return len(clicks) == len(puzzle["targets"]) and any(
        inside(puzzle, order) for order in permutations(clicks)
    )


def as_far_as_given(puzzle, clicks):
    return inside(puzzle | {"targets": puzzle["targets"][: len(clicks)]}, clicks)


def generous(puzzle, clicks):
    return inside(puzzle, clicks, tolerance=24)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(one_sided, {"one_sided"}, id="left-of-or-above-passes"),
        pytest.param(with_itself, {"one_sided"}, id="x-compared-with-x"),
        pytest.param(around_the_corner, {"off_centre"}, id="corner-for-the-middle"),
        pytest.param(in_any_order, {"any_order"}, id="any-order"),
        pytest.param(as_far_as_given, {"incomplete"}, id="fewer-clicks"),
        pytest.param(generous, {"too_large"}, id="too-large"),
        pytest.param(lambda puzzle, clicks: True, {"one_sided", "incomplete"}, id="always"),
        pytest.param(lambda puzzle, clicks: False, {"refused"}, id="never"),
        pytest.param(inside, set(), id="sound"),
    ],
)
def test_planted_faults_of_a_validator(accept, expected):
    found = faults(sound_set(1, 24), accept)
    assert expected <= set(found)
    if not expected:
        assert found == {}


def test_the_evidence_names_the_side():
    found = faults(sound_set(1, 24), one_sided)["one_sided"]
    told = found.evidence.text()
    assert "to the left" in told
    assert "above" in told
    assert "below" not in told
    assert found.puzzles[0] == "p000"
    both = faults(sound_set(1, 24), with_itself)["one_sided"].evidence.text()
    assert "to the left, to the right" in both


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param((20, 20, -20, -20), "off_centre", id="shifted"),
        pytest.param((25, 25, 25, 25), "too_large", id="large"),
        pytest.param((320, 0, 0, 0), "one_sided", id="one-sided"),
        pytest.param((25, 25, 25, 25), "overlapping", id="overlapping"),
    ],
)
def test_planted_faults_of_accept_regions(more, expected):
    puzzles = [
        Puzzle(p.id, p.background, p.prompt, p.words, p.targets, p.distractors,
               tuple((a - more[0], b - more[1], c + more[2], d + more[3])
                     for a, b, c, d in p.targets))
        for p in sound_set(2, 40)
    ]  # fmt: skip
    assert expected in faults(puzzles)


def test_a_check_that_raises_is_told_in_a_sentence():
    def broken(puzzle, clicks):
        raise IndexError("list index out of range")

    with pytest.raises(CommandError, match=r"mysite:accept raised IndexError .* puzzle 'p000'"):
        faults(sound_set(3, 3), broken)


# Answers


def left_to_right(share, *, sign=1):
    def order(pairs, rng):
        if rng.random() < share:
            return sorted(pairs, key=lambda pair: sign * pair[1][0])
        return pairs

    return order


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"order": left_to_right(1.0)}, "order_across", id="left-to-right"),
        pytest.param({"order": left_to_right(0.6)}, "order_across", id="mostly-left-to-right"),
        pytest.param({"order": left_to_right(1.0, sign=-1)}, "order_across", id="right-to-left"),
        pytest.param({"order": lambda p, _: sorted(p)}, "order_alphabet", id="alphabetical"),
        pytest.param(
            {"order": lambda p, _: sorted(p, key=lambda one: one[1][0] - one[1][2])},
            "order_by_size",
            id="largest-first",
        ),
        pytest.param({"order": lambda p, _: sorted(p, key=lambda one: one[1][1])}, "order_down",
                     id="top-to-bottom"),
        pytest.param({"place": lambda c: (c[0] // 50 * 50, c[1] // 50 * 50)}, "grid", id="grid"),
        pytest.param({"decoys": 0, "asked": 2}, "guess", id="two-items"),
    ],
)  # fmt: skip
def test_planted_leaks_of_the_answers(changes, expected):
    found = faults(sound_set(4, **changes))
    assert expected in found
    assert all(found[expected].puzzles)


def test_phrases_are_words_in_company():
    rng = np.random.default_rng(5)
    phrases = [tuple(map(str, rng.choice(WORDS, 4, replace=False))) for _ in range(60)]
    puzzles = []
    for puzzle in sound_set(5, 150):
        words = phrases[int(rng.integers(len(phrases)))]
        puzzles.append(
            Puzzle(puzzle.id, "0.png", {"words": words}, words, puzzle.targets, puzzle.distractors)
        )
    assert set(faults(puzzles)) == {"pairs"}


def test_repeated_puzzles_are_counted_by_answer_and_by_picture():
    puzzles = sound_set(6, 60)
    again = [
        Puzzle(f"again-{p.id}", p.background, p.prompt, p.words, p.targets, p.distractors)
        for p in puzzles[:5]
    ]
    found = faults([*puzzles, *again])
    assert set(found) == {"repeated"}
    assert found["repeated"].puzzles == tuple(p.id for p in again)
    digests = [str(number % 58) for number in range(60)]
    assert faults(puzzles, digests=digests)["repeated"].count == 2


@pytest.mark.parametrize("seed", range(10))
def test_no_alarm_on_ten_sound_sets(seed):
    """Sets of different makes: few and many items, small and large vocabularies."""
    asked, decoys = ((4, 3), (3, 5), (5, 2), (6, 3), (4, 6))[seed % 5]
    words = WORDS[: (8, 26, 60, 300)[seed % 4]]
    n = (20, 100, 200)[seed % 3]
    puzzles = sound_set(100 + seed, n, asked=asked, decoys=decoys, words=words, accept=True)
    assert faults(puzzles) == {}
    assert faults(puzzles[:20], inside) == {}


@settings(max_examples=25, derandomize=True)
@given(
    st.integers(0, 2**32 - 1), st.integers(12, 60), st.sampled_from([(3, 5), (4, 3), (5, 4)]),
    st.sampled_from([9, 26, 300]),
)  # fmt: skip
def test_no_alarm_on_sound_sets(seed, n, items, vocabulary):
    asked, decoys = items
    puzzles = sound_set(seed, n, asked=asked, decoys=decoys, words=WORDS[:vocabulary], accept=True)
    assert faults(puzzles) == {}


# Statistics


@pytest.mark.parametrize("counts", [(1, 1, 1), (1, 1, 1, 1), (2, 1), (2, 2), (3,), (1,), (2, 1, 2)])
def test_inversions_of_all_orders(counts):
    """Against all orders one by one."""
    things = [rank for rank, count in enumerate(counts) for _ in range(count)]
    orders = set(permutations(things))
    inversions = [
        sum(a > b for i, a in enumerate(order) for b in order[i + 1 :]) for order in orders
    ]
    expected = np.bincount(inversions) / len(orders)
    assert inversion_chances(np.array(counts)) == pytest.approx(expected)
    assert len(orders) == math.factorial(len(things)) / math.prod(map(math.factorial, counts))


def test_holm():
    p_values = (0.01, None, 0.0001, 0.03)
    decided = decide([Finding(str(i), 1, 1, True, p) for i, p in enumerate(p_values)])
    corrected = [one.corrected for one in decided]
    assert corrected[1] is None
    assert [corrected[0], corrected[2], corrected[3]] == pytest.approx([0.02, 0.0003, 0.03])
    assert [one.is_fault for one in decided] == [False, True, ALPHA >= 0.0003, False]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_makes_smaller_and_keeps_the_order(p_values):
    decided = decide([Finding("x", 1, 1, True, p) for p in p_values])
    corrected = [one.corrected for one in decided]
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    ranked = [c for _, c in sorted(zip(p_values, corrected, strict=True))]
    assert ranked == sorted(ranked)


def test_a_small_effect_is_no_fault_however_certain():
    (one,) = decide([Finding("x", 1, 1, False, 1e-12)])
    assert not one.is_fault
