"""Non-maximum suppression in NumPy."""

import numpy as np
from numpy.typing import NDArray

from detector.boxes import F32, iou_matrix

IntP = NDArray[np.intp]


def nms(boxes: F32, scores: F32, iou_threshold: float) -> IntP:
    """Keep the best-scoring box of every overlapping group, whatever its class.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in source-image pixels, `x2`/`y2` exclusive.
        scores: `(N,)` float32; ties keep the lower index.
        iou_threshold: a box whose IoU with a kept one is greater than this is dropped.

    Returns:
        `(K,)` indices into `boxes`, best first.
    """
    return nms_per_class(boxes, scores, np.zeros(len(boxes), np.int64), iou_threshold)


def nms_per_class(
    boxes: F32, scores: F32, classes: NDArray[np.int64], iou_threshold: float
) -> IntP:
    """Keep the best-scoring box of every overlapping group of one class.

    Args:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in source-image pixels, `x2`/`y2` exclusive.
        scores: `(N,)` float32; ties keep the lower index.
        classes: `(N,)` int64; boxes of different classes never suppress each other.
        iou_threshold: a box whose IoU with a kept one of its class is greater than this is
            dropped.

    Returns:
        `(K,)` indices into `boxes`, best first.
    """
    remaining: IntP = np.argsort(-scores, kind="stable")
    kept: list[np.intp] = []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        overlap = iou_matrix(boxes[best, None], boxes[remaining])[0] > iou_threshold
        remaining = remaining[~(overlap & (classes[remaining] == classes[best]))]
    return np.array(kept, np.intp)
