"""Prompt pictures: items of one are like each other, and clutter is not.

What speaks for a cut beside what a detector says of each box: most sites set items in equal cells,
and write them in one ink. `_REGULAR` and `_SAME_INK` are near the weights of a conditional logistic
regression over the cuts of validation prompts, where the other terms keep a weight of one.
"""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_EACH = 0.75
"""What speaks for every item. Of 880 validation prompts 842 instead of 836 are counted right with
it alone, and 846 with `_SAME_INK`. It is half of what the regression gives: with more, clutter
joins the items of prompts that other generators drew. Of 150 of these 147 are counted right without
both terms, 143 with this one alone, and 147 with both."""

_SAME_INK, _INK_SPREAD = 2.0, 50.0
"""What speaks for two and more items of the same colour, and the spread of their colours, in
levels, at which 37 % of it is left."""

_INK_SHARE = 0.2
"""Share of the pixels of a box that are taken for ink: those furthest from the ground."""

_REGULAR, _REGULAR_SPREAD = 3.5, 0.2
"""What speaks for three and more items whose middles are equally far apart, and the standard
deviation of these distances, relative to their mean, at which 37 % of it is left: a faint
character between two others is missed by its gap, and a spot of clutter stands out of the row. Of
640 validation prompts 601 instead of 580 are counted right with it, 536 instead of 524 puzzles
solved. Sizes, margins and heights of the row add nothing to it."""


def likeness(boxes: F32, colours: F32) -> float:
    """What speaks for a cut by the likeness of its items, a log-likelihood.

    Args:
        boxes: `(M, 4)` float32, left to right, `x1, y1, x2, y2` in pixels.
        colours: `(M, 3)` float32, as `inks` returns them.
    """
    return _EACH * len(boxes) + _regularity(boxes) + _same_ink(colours)


def inks(picture: NDArray[np.uint8], boxes: F32) -> F32:
    """The colour of what is drawn in each box.

    Args:
        picture: `(H, W, 3)` uint8 RGB; its ground is the median of its border.
        boxes: `(K, 4)` float32, `x1, y1, x2, y2` in its pixels, `x2`/`y2` exclusive.

    Returns:
        `(K, 3)` float32 RGB levels: the median of the pixels that differ most from the ground.
    """
    height, width = picture.shape[:2]
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    away = np.abs(picture.astype(np.float32) - np.median(border, axis=0)).max(axis=2)
    found = np.zeros((len(boxes), 3), np.float32)
    for at, (x1, y1, x2, y2) in enumerate(np.rint(boxes).astype(int).tolist()):
        left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
        rows, columns = slice(top, max(y2, top + 1)), slice(left, max(x2, left + 1))
        distance = away[rows, columns].ravel()
        count = max(1, int(_INK_SHARE * len(distance)))
        furthest = np.argpartition(distance, -count)[-count:]
        found[at] = np.median(picture[rows, columns].reshape(-1, 3)[furthest], axis=0)
    return found


def _regularity(boxes: F32) -> float:
    if len(boxes) < 3:
        return 0.0
    steps = np.diff(boxes[:, 0] + boxes[:, 2]).astype(np.float64)
    spread = float(steps.std() / max(float(steps.mean()), 1e-6))
    return _REGULAR * float(np.exp(-((spread / _REGULAR_SPREAD) ** 2)))


def _same_ink(colours: F32) -> float:
    if len(colours) < 2:
        return 0.0
    squares = ((colours - colours.mean(axis=0)) ** 2).sum(axis=1)
    return _SAME_INK * float(np.exp(-squares.mean() / _INK_SPREAD**2))
