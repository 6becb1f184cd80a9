"""Boxes of a scene that are not items, though a detector may offer them."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.synthetic.layers import Box

FloatBox = tuple[float, float, float, float]

_MOST_SHARED = 0.12
"""Share of a piece of ground that an item may cover."""


def negative_boxes(
    pixels: NDArray[np.uint8], boxes: Sequence[Box], rng: Generator
) -> list[FloatBox]:
    """Two pieces of ground, and a part of an item, a displaced item, or two items in one box.

    Args:
        pixels: `(H, W, 3)` uint8 RGB, the scene.
        boxes: `x1, y1, x2, y2` of all its items, in pixels, end exclusive.
        rng: Source of the choice.

    Returns:
        Boxes in the same form.
    """
    height, width = pixels.shape[:2]
    usual = float(np.median([max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes]))
    grey = pixels.mean(axis=2)
    free: list[tuple[float, FloatBox]] = []
    for _ in range(10):
        w, h = usual * rng.uniform(0.6, 1.3, 2)
        x, y = rng.uniform(0, max(1, width - w)), rng.uniform(0, max(1, height - h))
        piece = (x, y, x + w, y + h)
        if all(_covered(piece, box) < _MOST_SHARED for box in boxes):
            busy = float(grey[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1].std())
            free.append((busy, piece))
    # A detector mostly offers pieces of ground that have something to show.
    free.sort(key=lambda one: -one[0] if rng.random() < 0.8 else 0.0)
    found = [piece for _, piece in free[:2]]
    x1, y1, x2, y2 = boxes[int(rng.integers(len(boxes)))]
    w, h = x2 - x1, y2 - y1
    kind = rng.random()
    if kind < 0.45:  # A part.
        share = rng.uniform(0.3, 0.6, 2)
        left = x1 + (1 - share[0]) * w * rng.random()
        top = y1 + (1 - share[1]) * h * rng.random()
        found.append((left, top, left + share[0] * w, top + share[1] * h))
    elif kind < 0.8:  # Displaced by half of its size or more.
        angle = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(0.55, 0.9)
        dx, dy = away * w * np.cos(angle), away * h * np.sin(angle)
        found.append((x1 + dx, y1 + dy, x2 + dx, y2 + dy))
    elif len(boxes) > 1:  # Two items at once.
        one, two = (boxes[int(i)] for i in rng.choice(len(boxes), 2, replace=False))
        both = min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])
        if max(both[2] - both[0], both[3] - both[1]) < 2.6 * usual:
            found.append(both)
    return [box for box in found if box[2] > 2 and box[3] > 2 and box[0] < width - 2]


def _covered(piece: FloatBox, box: Box) -> float:
    """The share of a piece that a box covers, 0..1."""
    width = min(box[2], piece[2]) - max(box[0], piece[0])
    height = min(box[3], piece[3]) - max(box[1], piece[1])
    area = (piece[2] - piece[0]) * (piece[3] - piece[1])
    return max(0.0, width) * max(0.0, height) / max(area, 1e-6)
