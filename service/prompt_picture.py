"""Prompt pictures: where their items are."""

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detector

_GROUND_TOLERANCE = 24
"""Levels by which a pixel may differ from the ground and still be ground (JPEG noise is under)."""

_MIN_HEIGHT_SHARE = 0.35
"""Boxes lower and narrower than this share of the median item are specks, not items."""


def content_box(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The box of what is drawn on a picture of one item with a flat ground.

    Args:
        picture: `(H, W, 3)` uint8 RGB.

    Returns:
        `(4,)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive; the whole picture
        where its border is not of one colour.
    """
    height, width = picture.shape[:2]
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ground = np.median(border, axis=0)
    differs = np.abs(picture.astype(np.int16) - ground).max(axis=2) > _GROUND_TOLERANCE
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if len(rows) == 0:
        return np.array([0, 0, width, height], dtype=np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float32)


def prompt_items(detector: Detector, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The items of a prompt picture, left to right.

    Args:
        detector: The one that finds items on backgrounds.
        picture: `(H, W, 3)` uint8 RGB.

    Returns:
        `(K, 4)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive.
    """
    boxes = detector.detect(picture).boxes
    if len(boxes) == 0:
        return boxes
    sizes = boxes[:, 2:] - boxes[:, :2]
    # An "i" or a "一" is small one way only.
    large = (sizes >= _MIN_HEIGHT_SHARE * np.median(sizes.max(axis=1))).any(axis=1)
    kept: NDArray[np.float32] = boxes[large]
    left_to_right: NDArray[np.float32] = kept[np.argsort(kept[:, 0] + kept[:, 2], kind="stable")]
    return left_to_right
