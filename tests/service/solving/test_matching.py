"""The subset sum and the assignment against enumeration of every injective assignment."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from service.solving.matching import MAX_ITEMS, assign


def every_assignment(items: int, boxes: int, with_null: bool) -> list[tuple[int, ...]]:
    """All injective maps of items to boxes, -1 being "no box" (usable any number of times)."""
    if not with_null:
        return list(permutations(range(boxes), items))
    every = product(range(-1, boxes), repeat=items)
    return [
        choice
        for choice in every
        if len({c for c in choice if c >= 0}) == sum(c >= 0 for c in choice)
    ]


def weight(scores: NDArray[np.float64], choice: tuple[int, ...], null_score: float) -> float:
    return float(np.exp(sum(null_score if b < 0 else scores[i, b] for i, b in enumerate(choice))))


def matrices(max_items: int = 4, max_boxes: int = 5) -> st.SearchStrategy[NDArray[np.float64]]:
    shapes = st.integers(1, max_items).flatmap(
        lambda m: st.integers(m, max_boxes).map(lambda n: (m, n))
    )
    return shapes.flatmap(lambda s: arrays(np.float64, s, elements=st.floats(-12, 0)))


@settings(deadline=None, max_examples=150)
@given(matrices(), st.one_of(st.just(-np.inf), st.floats(-8, -0.5)))
def test_share_is_the_weight_among_all_injective_assignments(
    scores: NDArray[np.float64], null_score: float
) -> None:
    items, boxes = scores.shape
    choices = every_assignment(items, boxes, np.isfinite(null_score))
    total = sum(weight(scores, c, null_score) for c in choices)

    result = assign(scores, null_score=null_score)

    full = [c for c in choices if min(c) >= 0]
    best = max(weight(scores, c, null_score) for c in full)
    assert result.share == pytest.approx(best / total, rel=1e-6)
    for item in range(items):
        box = result.boxes[item]
        expected = sum(weight(scores, c, null_score) for c in choices if c[item] == box) / total
        assert result.item_shares[item] == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 4).flatmap(
        lambda m: arrays(np.float64, (m, 5), elements=st.floats(-900, 0, width=32))
    ),
    st.one_of(st.just(-np.inf), st.floats(-900, 0)),
)
def test_weights_too_small_for_a_float_are_still_compared(
    scores: NDArray[np.float64], null_score: float
) -> None:
    choices = every_assignment(*scores.shape, np.isfinite(null_score))
    logs = np.array(
        [sum(null_score if b < 0 else scores[i, b] for i, b in enumerate(c)) for c in choices]
    )
    total = np.logaddexp.reduce(logs)
    best = max(log for log, c in zip(logs, choices, strict=True) if min(c) >= 0)

    result = assign(scores, null_score=null_score)

    assert result.share == pytest.approx(np.exp(best - total), rel=1e-6, abs=1e-12)
    for item, box in enumerate(result.boxes):
        mine = [log for log, c in zip(logs, choices, strict=True) if c[item] == box]
        expected = np.exp(np.logaddexp.reduce(mine) - total)
        assert result.item_shares[item] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(matrices())
def test_each_box_is_used_once_and_no_other_choice_is_better(scores: NDArray[np.float64]) -> None:
    items, boxes = scores.shape
    result = assign(scores)
    assert len(set(result.boxes.tolist())) == items
    total = scores[np.arange(items), result.boxes].sum()
    assert (
        total
        >= max(
            sum(scores[i, b] for i, b in enumerate(c)) for c in permutations(range(boxes), items)
        )
        - 1e-9
    )


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, (2, 5), elements=st.floats(-8, 0)))
def test_equal_items_are_one_answer_whatever_their_order(two: NDArray[np.float64]) -> None:
    scores = two[[0, 1, 0]]
    total = sum(weight(scores, c, 0.0) for c in permutations(range(5), 3))

    result = assign(scores, keys=["A", "B", "A"])

    best = max(weight(scores, c, 0.0) for c in permutations(range(5), 3))
    assert result.share == pytest.approx(2 * best / total, rel=1e-6)
    assert result.boxes[0] < result.boxes[2]


def test_greedy_choice_would_be_wrong() -> None:
    # Both items like box 0 best; taking the best pair first would leave item 1 with nothing.
    scores = np.log(np.array([[0.9, 0.8, 0.01], [0.85, 0.01, 0.01]]))
    assert assign(scores).boxes.tolist() == [1, 0]


def test_two_equally_good_answers_share_the_confidence() -> None:
    result = assign(np.zeros((2, 2)))
    assert result.share == pytest.approx(0.5)
    assert result.item_shares == pytest.approx([0.5, 0.5])


def test_spare_boxes_do_not_lower_the_share_when_they_fit_nothing() -> None:
    scores = np.full((2, 40), -25.0)
    scores[0, 7] = scores[1, 3] = -0.01
    result = assign(scores)
    assert result.boxes.tolist() == [7, 3]
    assert result.share == pytest.approx(1.0, abs=1e-6)


def test_an_item_that_fits_no_box_lowers_the_share_through_the_null_slot() -> None:
    scores = np.array([[-0.1, -20.0], [-20.0, -15.0]])
    assert assign(scores).share > 0.99
    assert assign(scores, null_score=-6.0).share < 0.01


def test_fewer_boxes_than_items_leaves_items_without_a_box() -> None:
    result = assign(np.array([[-1.0], [-0.2], [-3.0]]))
    assert result.boxes.tolist() == [-1, 0, -1]
    assert result.share == 0.0


def test_no_items_is_the_empty_answer() -> None:
    assert assign(np.zeros((0, 3))).share == 1.0


def test_the_largest_prompt_is_still_exact() -> None:
    # Equal weights: N! / (N-M)! assignments, all alike.
    result = assign(np.zeros((MAX_ITEMS, 14)))
    count = np.prod(np.arange(14 - MAX_ITEMS + 1, 15, dtype=np.float64))
    assert result.share == pytest.approx(1 / count, rel=1e-6)


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param(np.zeros(3), id="not-a-matrix"),
        pytest.param(np.array([[np.nan, 0.0]]), id="nan"),
        pytest.param(np.array([[-np.inf, 0.0]]), id="minus-infinity"),
        pytest.param(np.zeros((MAX_ITEMS + 1, 20)), id="too-many-items"),
    ],
)
def test_wrong_scores_are_refused(scores: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError):
        assign(scores)
