"""Prompt pictures: where their items may be.

A detector misses items of clean strips and joins touching ones; cutting at empty columns is right
on clean strips and lost under curves and noise. Neither is asked to be right alone: each gives a
cut, and the solver takes the one whose items find partners in the scene.
"""

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detector

_GROUND_TOLERANCE = 24
"""Levels by which a pixel may differ from the ground and still be ground (JPEG noise is under)."""

_MIN_SIDE_SHARE = 0.35
"""Boxes lower and narrower than this share of the median item are specks, not items."""

_MAX_ASPECT = 1.2
"""Width of an item relative to the height of the row; parts wider than this together are two."""

_LEAST_SCORES = (0.1, 0.25, 0.4)
"""Detector scores from which on boxes are items. Backgrounds gain from doubtful boxes, because
spare ones do no harm there; in a prompt every box is an item."""

_WORD_GAPS = (0.06, 0.22)
"""Empty columns, relative to the row's height, from which on two parts are two items."""


def content_box(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The box of what is drawn on a picture of one item with a flat ground.

    Args:
        picture: `(H, W, 3)` uint8 RGB.

    Returns:
        `(4,)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive; the whole picture
        where its border is not of one colour.
    """
    height, width = picture.shape[:2]
    differs = _ink(picture)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if len(rows) == 0:
        return np.array([0, 0, width, height], dtype=np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float32)


def cuts(detector: Detector, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """The plausible ways to cut a prompt picture into items.

    Args:
        detector: The one that finds items on backgrounds.
        picture: `(H, W, 3)` uint8 RGB.

    Returns:
        Different cuts, each `(K, 4)` float32 with K at least 1, `x1, y1, x2, y2` in picture
        pixels, `x2`/`y2` exclusive, left to right; none where nothing is found.
    """
    found: list[NDArray[np.float32]] = []
    for cut in (*_detected(detector, picture), *_at_gaps(picture)):
        if len(cut) and not any(_same(cut, other) for other in found):
            found.append(cut)
    return found


def _detected(detector: Detector, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Cuts by the detector, `(K, 4)` each: all that it takes for items, and the surer ones."""
    seen = detector.detect(picture)
    return [_in_a_row(seen.boxes[seen.scores >= least]) for least in _LEAST_SCORES]


def _in_a_row(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(K, 4)` boxes without specks, left to right."""
    if len(boxes) == 0:
        return boxes
    sizes = boxes[:, 2:] - boxes[:, :2]
    # An "i" or a "一" is small one way only.
    large = (sizes >= _MIN_SIDE_SHARE * np.median(sizes.max(axis=1))).any(axis=1)
    kept: NDArray[np.float32] = boxes[large]
    left_to_right: NDArray[np.float32] = kept[np.argsort(kept[:, 0] + kept[:, 2], kind="stable")]
    return left_to_right


def _at_gaps(picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Cuts at empty columns, `(K, 4)` each; none where ink and ground cannot be told apart."""
    differs = _ink(picture)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if len(columns) == 0 or differs.mean() > 0.5:
        return []
    height = float(rows[-1] + 1 - rows[0])
    # Where the column before a filled one is empty, a part begins.
    starts = columns[np.flatnonzero(np.diff(columns, prepend=-2) > 1)]
    ends = columns[np.flatnonzero(np.diff(columns, append=columns[-1] + 2) > 1)] + 1
    result = []
    for gap in _WORD_GAPS:
        spans: list[tuple[int, int]] = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if (
                spans
                and start - spans[-1][1] < gap * height
                and end - spans[-1][0] <= _MAX_ASPECT * height
            ):
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        boxes = [_tight(differs, span) for span in spans]
        sides = np.array([max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes])
        kept = [
            box
            for box, side in zip(boxes, sides, strict=True)
            if side >= _MIN_SIDE_SHARE * np.median(sides)
        ]
        result.append(np.array(kept, dtype=np.float32).reshape(-1, 4))
    return result


def _ink(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """`(H, W)` bool: pixels that differ from the colour of the border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ground = np.median(border, axis=0)
    differs: NDArray[np.bool_] = (
        np.abs(picture.astype(np.int16) - ground).max(axis=2) > _GROUND_TOLERANCE
    )
    return differs


def _tight(differs: NDArray[np.bool_], span: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of the ink within a span of columns, end exclusive."""
    rows = np.flatnonzero(differs[:, span[0] : span[1]].any(axis=1))
    return span[0], int(rows[0]), span[1], int(rows[-1]) + 1


def _same(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Whether two cuts have the same items, give or take a few pixels."""
    return len(first) == len(second) and bool(np.abs(first - second).max() <= 2)
