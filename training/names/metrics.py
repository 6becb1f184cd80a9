"""How well crops are named: among all things, and among the boxes of a small puzzle."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

F64 = NDArray[np.float64]

TARGETS = 4
"""Things that a small puzzle asks for."""


def naming_measures(
    scores: F64, labels: NDArray[np.int64], rng: Generator, *, puzzles: int = 1000
) -> dict[str, float]:
    """Measures of named crops.

    Args:
        scores: `(N, things)` log-likelihoods, or anything that is larger where it fits better.
        labels: `(N,)` index of the thing of each crop; crops with a negative one are left out.
        rng: Draws the puzzles.
        puzzles: How many.

    Returns:
        `top1` and `top5`, shares of crops whose thing is the best or among the best five of all;
        `box`, the share of things whose best box of 4 to 8 is theirs; and `solved`, the share of
        puzzles of four things whose assignment to the boxes is right throughout.
    """
    rows = np.flatnonzero(labels >= 0)
    scores, labels = scores[rows], labels[rows]
    own = scores[np.arange(len(labels)), labels]
    rank = (scores > own[:, None]).sum(axis=1)
    right = asked = solved = drawn = 0
    for _ in range(puzzles):
        boxes = rng.choice(len(labels), size=int(rng.integers(TARGETS, 9)), replace=False)
        if len(set(labels[boxes].tolist())) < len(boxes):
            continue
        table = scores[np.ix_(boxes, labels[boxes[:TARGETS]])].T
        right += int((table.argmax(axis=1) == np.arange(TARGETS)).sum())
        asked += TARGETS
        _, columns = linear_sum_assignment(-table)
        solved += int((columns == np.arange(TARGETS)).all())
        drawn += 1
    return {
        "top1": float((rank == 0).mean()),
        "top5": float((rank < 5).mean()),
        "box": right / max(asked, 1),
        "solved": solved / max(drawn, 1),
    }
