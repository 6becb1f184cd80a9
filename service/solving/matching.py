"""Match prompt items to boxes: one global assignment and the confidence in it.

The score of item i on box j is a log-likelihood. An assignment gives every item a box of its own;
spare boxes are left over. Its weight is the product of its likelihoods, and its share is that
weight among the weights of *all* injective assignments, an "item has no box" slot included. The
sum over the exponentially many assignments is done over subsets of items, box by box
(`O(N * M * 2^M)`), the standard dynamic programme for rectangular permanents; a pass from the
other side gives the share of every item on its box.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from service.solving.assignment import best_assignment

MAX_ITEMS = 12
"""Items the subset sum is done for: 2^12 subsets times 60 boxes take some 100 ms, 2^8 some 5."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The best injective assignment of items to boxes.

    Attributes:
        boxes: `(M,)` int64, the box of each item, -1 where there were fewer boxes than items.
        share: Weight of this assignment among all, 0..1. Assignments that differ only in which of
            several *equal* items gets which box count as one.
        item_shares: `(M,)` float64, the share of all assignments in which this item (or one equal
            to it) gets this box, 0 where the item has none.
    """

    boxes: NDArray[np.int64]
    share: float
    item_shares: NDArray[np.float64]


def assign(
    scores: NDArray[np.floating],
    *,
    null_score: float = -np.inf,
    keys: Sequence[Hashable] | None = None,
) -> Assignment:
    """Give every item a box of its own so that the summed log-likelihood is greatest.

    Args:
        scores: `(M, N)` finite log-likelihoods of M prompt items on N boxes, M at most
            `MAX_ITEMS`.
        null_score: Log-likelihood of "this item has no box", which takes part in the shares but is
            never chosen while boxes are left. Minus infinity switches it off.
        keys: One per item; items with equal keys are the same item asked for twice. They are
            interchangeable, and get their boxes in the order of the columns. None: all differ.

    Returns:
        The assignment; with fewer boxes than items the best N items get one.

    Raises:
        ValueError: `scores` is not a finite `(M, N)` matrix or has more than `MAX_ITEMS` rows.
    """
    matrix: NDArray[np.float64] = np.asarray(scores).astype(np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError("scores must be a finite (M, N) matrix")
    items, count = matrix.shape
    if items > MAX_ITEMS:
        raise ValueError(f"at most {MAX_ITEMS} items can be matched, not {items}")
    labels: list[Hashable] = list(range(items)) if keys is None else list(keys)

    rows, columns = best_assignment(matrix)
    chosen = np.full(items, -1, dtype=np.int64)
    chosen[rows] = columns
    for group in _groups(labels):
        own = [i for i in group if chosen[i] >= 0]
        # Equal items have equal rows up to rounding: order by column so that answers are stable.
        chosen[own] = np.sort(chosen[own])

    item_shares = np.zeros(items)
    if count < items:
        return Assignment(chosen, 0.0, item_shares)
    if items == 0:
        return Assignment(chosen, 1.0, item_shares)
    served = _served(matrix, null_score)
    log_total = served[-1, -1]
    best = float(matrix[np.arange(items), chosen].sum())
    groups = _groups(labels)
    orders = np.prod([float(factorial(len(group))) for group in groups])
    share = float(np.exp(best - log_total) * orders)
    log_pairs = _log_pairs(matrix, served)
    for group in groups:
        # Whichever of its equals an item is, the box is right.
        item_shares[group] = np.exp(
            np.logaddexp.reduce(log_pairs[np.array(group)[:, None], chosen[group]], axis=0)
            - log_total
        )
    return Assignment(chosen, min(share, 1.0), np.minimum(item_shares, 1.0))


def _groups(labels: Sequence[Hashable]) -> list[list[int]]:
    """Indices of equal labels, in order of first appearance."""
    found: dict[Hashable, list[int]] = {}
    for index, label in enumerate(labels):
        found.setdefault(label, []).append(index)
    return list(found.values())


def _served(scores: NDArray[np.float64], null_score: float) -> NDArray[np.float64]:
    """Log of the summed weights of serving subsets of items by the first boxes or by nothing.

    Args:
        scores: `(M, N)` float64 log-likelihoods.
        null_score: Log-likelihood of an item without a box.

    Returns:
        `(N + 1, 2^M)` float64: row j, column s is the sum over all injective assignments of the
        items in subset s to the first j boxes or to nothing; the last entry is the sum over all.
    """
    items, count = scores.shape
    sizes = np.array([subset.bit_count() for subset in range(1 << items)], dtype=np.float64)
    table = np.empty((count + 1, 1 << items))
    table[0] = 0.0
    table[0, 1:] = sizes[1:] * null_score
    for box in range(count):
        _serve(table[box], scores[:, box], table[box + 1])
    return table


def _log_pairs(scores: NDArray[np.float64], served: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the summed weights of the assignments in which item i gets box j.

    The boxes before j serve a subset, j serves i, and the boxes after j serve the rest.

    Args:
        scores: `(M, N)` float64 log-likelihoods.
        served: What `_served` gives for them.

    Returns:
        `(M, N)` float64.
    """
    items, count = scores.shape
    everything = (1 << items) - 1
    without = [_without(items, item) for item in range(items)]
    pairs = np.empty((items, count))
    rest = np.full(1 << items, -np.inf)  # By the boxes after j; nulls are all in `served`.
    rest[0] = 0.0
    for box in range(count - 1, -1, -1):
        for item in range(items):
            before = without[item]
            after = everything ^ before ^ (1 << item)
            pairs[item, box] = scores[item, box] + np.logaddexp.reduce(
                served[box, before] + rest[after]
            )
        grown = np.empty_like(rest)
        _serve(rest, scores[:, box], grown)
        rest = grown
    return pairs


def _serve(
    before: NDArray[np.float64], scores: NDArray[np.float64], after: NDArray[np.float64]
) -> None:
    """Let one more box serve at most one item.

    Args:
        before: `(2^M,)` float64 log-sums by subset.
        scores: `(M,)` float64 log-likelihoods of the items on this box.
        after: `(2^M,)` float64, overwritten.
    """
    after[:] = before
    for item, score in enumerate(scores):
        start = _without(len(scores), item)
        end = start | (1 << item)
        after[end] = np.logaddexp(after[end], before[start] + score)


@lru_cache(maxsize=128)
def _without(items: int, item: int) -> NDArray[np.intp]:
    """The subsets of `items` items that lack one, as bit masks."""
    subsets = np.arange(1 << items, dtype=np.intp)
    lacking: NDArray[np.intp] = subsets[(subsets >> item) & 1 == 0]
    return lacking
