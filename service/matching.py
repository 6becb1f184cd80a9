"""Match prompt items to boxes: one global assignment and the confidence in it.

The score of item i on box j is a log-likelihood. An assignment gives every item a box of its own;
spare boxes are left over. Its weight is the product of its likelihoods, and its share is that
weight among the weights of *all* injective assignments, an "item has no box" slot included. The
sum over the exponentially many assignments is done over subsets of items, box by box
(`O(N * M * 2^M)`), the standard dynamic programme for rectangular permanents.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MAX_ITEMS = 12
"""Items the subset sum is done for; 2^12 subsets times 60 boxes still take milliseconds."""


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

    rows, columns = linear_sum_assignment(matrix, maximize=True)
    chosen = np.full(items, -1, dtype=np.int64)
    chosen[rows] = columns
    for group in _groups(labels):
        own = [i for i in group if chosen[i] >= 0]
        # Equal items have equal rows up to rounding: order by column so that answers are stable.
        chosen[own] = np.sort(chosen[own])

    item_shares = np.zeros(items)
    if count < items:
        return Assignment(chosen, 0.0, item_shares)
    log_total = _log_sum(matrix, null_score)
    best = float(matrix[np.arange(items), chosen].sum())
    orders = np.prod([float(factorial(len(group))) for group in _groups(labels)]) if items else 1.0
    share = float(np.exp(best - log_total) * orders)
    for item in range(items):
        box = int(chosen[item])
        for same in range(items):
            if labels[same] == labels[item]:
                rest = np.delete(np.delete(matrix, same, axis=0), box, axis=1)
                log_weight = matrix[same, box] + _log_sum(rest, null_score)
                item_shares[item] += np.exp(log_weight - log_total)
    return Assignment(chosen, min(share, 1.0), np.minimum(item_shares, 1.0))


def _groups(labels: Sequence[Hashable]) -> list[list[int]]:
    """Indices of equal labels, in order of first appearance."""
    found: dict[Hashable, list[int]] = {}
    for index, label in enumerate(labels):
        found.setdefault(label, []).append(index)
    return list(found.values())


def _log_sum(scores: NDArray[np.float64], null_score: float) -> float:
    """Log of the summed weights of all injective assignments of M items to N boxes or to nothing.

    Args:
        scores: `(M, N)` float64 log-likelihoods.
        null_score: Log-likelihood of an item without a box.
    """
    items, count = scores.shape
    subsets = np.arange(1 << items)
    # Of the subset of items served so far; nothing served by a box yet, so each is a null or open.
    sizes = np.array([int(s).bit_count() for s in subsets], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        served = np.where(sizes == 0, 0.0, sizes * null_score)
    without = [subsets[(subsets >> i) & 1 == 0] for i in range(items)]
    for box in range(count):
        grown = served.copy()
        for item in range(items):
            start = without[item]
            end = start | (1 << item)
            grown[end] = np.logaddexp(grown[end], served[start] + scores[item, box])
        served = grown
    return float(served[-1])
