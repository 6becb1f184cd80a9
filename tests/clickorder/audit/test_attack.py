"""Retries, abstentions, hours and cost, held against sums done by hand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickorder.audit.attack import COVERAGES, abstention_curve, attack_of, labelling_minutes
from labels.puzzles import Puzzle
from training.evaluation.evaluate import Outcome
from training.evaluation.scoring import Reply, score_reply


def outcomes(rows, wall_ms=100.0):
    """Confidence and whether the one click is right, a puzzle each."""
    made = []
    for number, (confidence, right) in enumerate(rows):
        puzzle = Puzzle(f"p{number}", "0.png", {"words": ("a",)}, ("a",), ((0, 0, 9, 9),))
        click = (4.0, 4.0) if right else (50.0, 50.0)
        reply = Reply(solved=True, confidence=confidence, clicks=(click,))
        score = score_reply(puzzle, reply)
        made.append(Outcome("all", puzzle, Path(), reply, score, wall_ms))
    return made


def test_what_an_attacker_gets():
    rows = [(0.9, True), (0.8, True), (0.7, False), (0.6, True)]
    found = attack_of(outcomes(rows), [0.5] * 4, tries_per_hour=60, price=0.08)
    assert [point.right for point in found.points] == pytest.approx([3 / 4, 2 / 3, 1, 1])
    assert found.per_hundred == pytest.approx((75, 200 / 3, 100, 100))
    assert found.per_hour == pytest.approx((45, 40, 60, 60))
    assert found.passes[0] == pytest.approx(0.75)
    assert found.passes[1] == pytest.approx(1 - 0.25**3)
    # 1000 / 0.75 puzzles of half a second at 8 cents an hour.
    assert found.cost_per_thousand == pytest.approx(1000 / 0.75 * 0.5 / 3600 * 0.08)


def test_a_slow_machine_is_limited_by_its_own_time():
    slow = outcomes([(0.9, True), (0.1, False)], wall_ms=120_000)
    found = attack_of(slow, [1.0, 1.0], tries_per_hour=60, price=1)
    assert found.per_hour == pytest.approx((15, 15, 15, 15))


def test_nothing_solved_has_no_price():
    found = attack_of(outcomes([(0.5, False)] * 3), [1.0] * 3, tries_per_hour=60, price=1)
    assert found.cost_per_thousand is None
    assert set(found.per_hour) == {0}


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.7, 0.9]), st.booleans()), min_size=1))
def test_the_curve_counts_what_a_threshold_keeps(rows):
    curve = abstention_curve([c for c, _ in rows], [r for _, r in rows])
    for point in curve:
        kept = [right for confidence, right in rows if confidence >= point.confidence]
        assert point.coverage == pytest.approx(len(kept) / len(rows))
        assert point.right == pytest.approx(sum(kept) / len(kept))
    assert curve[-1].coverage == 1
    assert len(COVERAGES) == 4


def test_minutes_of_labelling():
    # 100 pictures of five items: 1,000 actions by hand, 27 % of them left, 4 s each.
    assert labelling_minutes(100, 5) == pytest.approx(18)
