"""Match prompt items to boxes: one global assignment and the confidence in it.

The score of item i on box j is a log-likelihood. An assignment gives every item a box of its own;
spare boxes are left over. Its weight is the product of its likelihoods, and its share is that
weight among the weights of *all* injective assignments, an "item has no box" slot included. The
sum over the exponentially many assignments is done over subsets of items, box by box
(`O(N * M * 2^M)`), the standard dynamic programme for rectangular permanents; a pass from the
other side gives the share of every item on its box.

Weights may be as small as `exp(-1000)`. What is summed are therefore weights relative to those of
the best assignment: with the prices of items and boxes that prove it the best, no factor exceeds 1,
and its own are all 1.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

from service.solving.assignment import best_assignment, priced_assignment

MAX_ITEMS = 12
"""Items the subset sum is done for: 2^12 subsets times 60 boxes take some 15 ms, 2^8 some 2."""

_FAR = 100.0
"""Log-likelihood by which an item would rather have any box than another item's "no box"."""


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
    groups = _groups(labels)
    weights = _weights(matrix, null_score)
    table = weights.served()
    total = float(table[-1, -2])
    best = float(matrix[np.arange(items), chosen].sum())
    orders = np.prod([float(factorial(len(group))) for group in groups])
    share = float(np.exp(best - weights.log_scale - np.log(total)) * orders)
    equals = {item: group for group in groups for item in group}
    rest = weights.unserved()
    for box in range(count - 1, -1, -1):
        for item in np.flatnonzero(chosen == box):
            # Whichever of its equals an item is, the box is right.
            pairs = [
                _pair(weights.pairs[other, box], table[box], rest, other)
                for other in equals[int(item)]
            ]
            item_shares[item] = sum(pairs) / total
        rest = weights.serve(rest, box)
    return Assignment(chosen, min(share, 1.0), np.minimum(item_shares, 1.0))


def _groups(labels: Sequence[Hashable]) -> list[list[int]]:
    """Indices of equal labels, in order of first appearance."""
    found: dict[Hashable, list[int]] = {}
    for index, label in enumerate(labels):
        found.setdefault(label, []).append(index)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Weights:
    """Factors of an assignment's weight, at most 1, relative to the best assignment.

    Attributes:
        pairs: `(M, N)` float64, of an item on a box.
        free: `(N,)` float64, of a box that is left over.
        nulls: `(M,)` float64, of an item without a box.
        log_scale: Log-likelihood of what has the relative weight 1.
    """

    pairs: NDArray[np.float64]
    free: NDArray[np.float64]
    nulls: NDArray[np.float64]
    log_scale: float

    def served(self) -> NDArray[np.float64]:
        """Summed weights of serving subsets of items by the first boxes or by nothing.

        Returns:
            `(N + 1, 2^M + 1)` float64: row j, column s is the sum over all injective assignments
            of the items in subset s to the first j boxes or to nothing; the last column is 0.
        """
        first = np.ones(1)
        for null in self.nulls:
            first = np.concatenate([first, first * null])
        rows = [np.concatenate([first, [0.0]])]
        for box in range(self.pairs.shape[1]):
            rows.append(self.serve(rows[-1], box))
        return np.array(rows)

    def unserved(self) -> NDArray[np.float64]:
        """`(2^M + 1,)`: no box has served anything yet, and nothing stands for a box."""
        row = np.zeros((1 << len(self.nulls)) + 1)
        row[0] = 1.0
        return row

    def serve(self, before: NDArray[np.float64], box: int) -> NDArray[np.float64]:
        """Let one more box serve at most one item.

        Args:
            before: `(2^M + 1,)` float64 sums by subset, and 0.
            box: Which.
        """
        after: NDArray[np.float64] = before * self.free[box]
        after[:-1] += before[_without_each(len(self.nulls))] @ self.pairs[:, box]
        return after


def _weights(scores: NDArray[np.float64], null_score: float) -> _Weights:
    """The factors of `(M, N)` log-likelihoods, M <= N."""
    items, count = scores.shape
    priced = priced_assignment(-scores)
    if (-null_score < priced.row_prices).any():
        # Some item is better off without a box: it takes part with a box that is its own.
        none = np.full((items, items), null_score + scores.min() - scores.max() - _FAR)
        np.fill_diagonal(none, null_score)
        priced = priced_assignment(-np.concatenate([scores, none], axis=1))
    rows, columns = priced.row_prices, priced.column_prices[:count]
    return _Weights(
        pairs=np.exp(scores + rows[:, None] + columns),
        free=np.exp(columns),
        nulls=np.exp(null_score + rows),
        log_scale=-float(rows.sum() + columns.sum()),
    )


def _pair(
    weight: float, before: NDArray[np.float64], after: NDArray[np.float64], item: int
) -> float:
    """Summed weights of the assignments in which an item gets a box.

    The boxes before it serve a subset, it serves the item, and the boxes after it serve the rest.

    Args:
        weight: The weight of the item on the box.
        before: `(2^M + 1,)` float64 sums of the boxes before it, and of nothing, by subset.
        after: The same of the boxes after it, without nothing.
        item: Which.
    """
    # Column k of the second: the sum of what is not in subset k.
    earlier = before[:-1].reshape(-1, 2, 1 << item)[:, 0]
    later = after[-2::-1].reshape(-1, 2, 1 << item)[:, 1]
    return weight * float((earlier * later).sum())


@lru_cache(maxsize=MAX_ITEMS + 1)
def _without_each(items: int) -> NDArray[np.intp]:
    """`(2^M, M)`: each subset without each item; 2^M, where sums are 0, for one not in it."""
    subsets = np.arange(1 << items, dtype=np.intp)[:, None]
    bits = 1 << np.arange(items, dtype=np.intp)
    without: NDArray[np.intp] = np.where(subsets & bits, subsets ^ bits, 1 << items)
    return without
