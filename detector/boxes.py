"""Box arithmetic in NumPy.

Boxes are `(N, 4)` float32, `x1, y1, x2, y2` in pixels, `x2`/`y2` exclusive, so that width is
`x2 - x1`. A box with `x2 < x1` or `y2 < y1` has no area.
"""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def area(boxes: F32) -> F32:
    """Area of every box.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2`, `x2`/`y2` exclusive, in any frame.

    Returns:
        `(N,)` float32 in square pixels, at least 0.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    product: F32 = sides[:, 0] * sides[:, 1]
    return product


def iou_matrix(first: F32, second: F32) -> F32:
    """Intersection over union of every pair.

    Args:
        first: `(N, 4)` float32, `x1, y1, x2, y2`, `x2`/`y2` exclusive.
        second: `(M, 4)` float32 in the same frame.

    Returns:
        `(N, M)` float32 in 0..1; 0 where both boxes are empty.
    """
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(opposite - corner, 0)
    intersection = sides[..., 0] * sides[..., 1]
    union = area(first)[:, None] + area(second)[None, :] - intersection
    iou: F32 = np.divide(
        intersection, union, out=np.zeros_like(intersection), where=union > 0
    ).astype(np.float32)
    return np.clip(iou, 0, 1)


def clip(boxes: F32, width: int, height: int) -> F32:
    """Cut boxes off at the border of a picture.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of the picture, `x2`/`y2` exclusive.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.

    Returns:
        `(N, 4)` float32; a box outside the picture keeps no area.
    """
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, np.float32(0), limits)


def xyxy_from_cxcywh(boxes: F32) -> F32:
    """Corners from centres and sides.

    Args:
        boxes: `(N, 4)` float32, centre x, centre y, width, height.

    Returns:
        `(N, 4)` float32, `x1, y1, x2, y2`, `x2`/`y2` exclusive, in the same frame.
    """
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def cxcywh_from_xyxy(boxes: F32) -> F32:
    """Centres and sides from corners.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2`, `x2`/`y2` exclusive.

    Returns:
        `(N, 4)` float32, centre x, centre y, width, height, in the same frame.
    """
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
