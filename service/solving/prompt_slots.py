"""Slots: where the items of a prompt picture are, on a site whose layout never changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, pairwise

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix

F32 = NDArray[np.float32]

_ASPECT = 0.05
"""By how much the aspect ratio of a picture may differ from that of the others."""

_FEWEST = 12
"""Pictures from which on a layout is known to be fixed."""

_PITCH = 0.2
"""By how much, relative to the distance of two neighbours, an item may lie beside its slot."""

_MOST = 0.9
"""Share of the pictures in which every item lies in its slot; boxes may be found wrong."""

_WIDEST = 90
"""Percentile of the items' sizes that a slot takes in."""

_SAME_IOU = 0.4
"""A box that was found and overlaps a slot by this is the slot's item, and fits it closer."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Boxes that hold one item each, left to right.

    Attributes:
        size: Width and height of the prompt pictures in pixels; others of their aspect ratio are
            taken as scaled.
        boxes: `x1, y1, x2, y2` in their pixels, `x2`/`y2` exclusive.
    """

    size: tuple[int, int]
    boxes: tuple[tuple[float, float, float, float], ...]

    def __post_init__(self) -> None:
        """Check what a file may have wrong.

        Raises:
            ValueError: there is no slot, one lies outside, or they are not from left to right.
        """
        width, height = self.size
        inside = all(
            0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for x1, y1, x2, y2 in self.boxes
        )
        middles = [x1 + x2 for x1, _, x2, _ in self.boxes]
        if not self.boxes or not inside or any(a >= b for a, b in pairwise(middles)):
            raise ValueError(
                f"the slots {self.boxes} are not boxes from left to right in a picture of "
                f"{width} x {height} pixels"
            )

    def fit(self, width: int, height: int) -> bool:
        """Whether a picture has the layout's aspect ratio."""
        return abs((width / height) / (self.size[0] / self.size[1]) - 1) <= _ASPECT

    def on(self, width: int, height: int) -> F32:
        """`(K, 4)` the slots in pixels of a picture of this size."""
        scale = np.array([width / self.size[0], height / self.size[1]] * 2)
        scaled: F32 = (np.array(self.boxes) * scale).astype(np.float32)
        return scaled

    def filled(self, width: int, height: int, found: F32) -> F32:
        """`(K, 4)` the box of each slot's item.

        Args:
            width: Width of the picture, in pixels.
            height: Height of the picture, in pixels.
            found: `(N, 4)` boxes that a detector found in it; where one fits a slot, it is taken.
        """
        boxes = self.on(width, height)
        if not len(found):
            return boxes
        overlaps = iou_matrix(boxes, found)
        best = overlaps.argmax(axis=1)
        fits = overlaps[np.arange(len(boxes)), best] >= _SAME_IOU
        filled: F32 = np.where(fits[:, None], found[best], boxes)
        return filled


def find_slots(layouts: Sequence[tuple[tuple[int, int], F32]]) -> Slots | None:
    """The slots of prompt pictures whose layout is fixed.

    Args:
        layouts: Width and height of a picture, and the `(K, 4)` boxes of its items; K is the same
            in all.

    Returns:
        None where too few pictures tell, or items lie elsewhere from picture to picture.
    """
    if len(layouts) < _FEWEST:
        return None
    sizes = np.array([size for size, _ in layouts], float)
    width, height = (float(v) for v in np.median(sizes, axis=0))
    aspects = sizes[:, 0] / sizes[:, 1] / (width / height)
    alike = list(compress(layouts, np.abs(aspects - 1) <= _ASPECT))
    if len(alike) < max(_FEWEST, _MOST * len(layouts)):
        return None
    boxes = np.array(
        [
            found[np.argsort(found[:, 0] + found[:, 2])] * np.array([width / w, height / h] * 2)
            for (w, h), found in alike
        ]
    )
    middles = (boxes[:, :, :2] + boxes[:, :, 2:]) / 2
    usual = np.median(middles, axis=0)
    extents = boxes[:, :, 2:] - boxes[:, :, :2]
    gaps = np.diff(usual[:, 0])
    pitch = float(gaps.min()) if len(gaps) else float(np.median(extents[:, 0, 0]))
    in_place = (np.abs(middles - usual) <= _PITCH * pitch).all(axis=(1, 2))
    if pitch <= 0 or in_place.mean() < _MOST:
        return None
    reach = np.percentile(extents[in_place], _WIDEST, axis=0) / 2
    low = np.maximum(usual - reach, 0)
    high = np.minimum(usual + reach, [width, height])
    found = np.concatenate([low, high], axis=1).round(2).tolist()
    return Slots((round(width), round(height)), tuple(map(tuple, found)))
