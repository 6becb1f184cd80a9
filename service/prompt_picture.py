"""Prompt pictures: where their items may be.

A detector is unsure of items under curves and noise, and of parts that look like items; cutting at
empty columns is right on clean strips and lost elsewhere. Neither is asked to be right alone: they
give the plausible cuts with what speaks for each, and the solver takes the one whose items also
find partners in the scene.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.detections import Detector

_GROUND_TOLERANCE = 24
"""Levels by which a pixel may differ from the ground and still be ground (JPEG noise is under)."""

_MIN_SIDE_SHARE = 0.35
"""Boxes lower and narrower than this share of the median item are specks, not items."""

_MAX_ASPECT = 1.2
"""Width of an item relative to the height of the row; parts wider than this together are two."""

_SURE_SCORE = 0.25
"""Boxes from this score on say how large the items are."""

_MOST_BOXES = 16

_SLOPE, _BIAS = 1.5, 1.0
"""Of the logit of a detector's score, which make it the probability that the box is an item of a
prompt picture; the detector is trained on backgrounds too, where it is less sure. These and the
next two fitted on 400 validation strips: the right cut in 84.5 % instead of 78.2 % with fixed
thresholds."""

_PRIOR_WEIGHT = 2.0
_GAP_PRIOR = -6.0
"""What speaks against a cut at gaps."""

_SAME_IOU = 0.7

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


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to cut a prompt picture into items.

    Attributes:
        rows: Which of the candidates' boxes are the items, left to right; at least one.
        prior: What speaks for it before the scene is asked, a log-likelihood.
    """

    rows: tuple[int, ...]
    prior: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """The plausible cuts of a prompt picture.

    Attributes:
        boxes: `(K, 4)` float32, `x1, y1, x2, y2` in picture pixels, `x2`/`y2` exclusive.
        cuts: Of different boxes each.
    """

    boxes: NDArray[np.float32]
    cuts: tuple[Cut, ...]

    def at_most(self, items: int) -> "Candidates":
        """Without the cuts of more items."""
        return Candidates(self.boxes, tuple(cut for cut in self.cuts if len(cut.rows) <= items))


def candidates(detector: Detector, picture: NDArray[np.uint8]) -> Candidates:
    """The plausible ways to cut a prompt picture into items; none where nothing is found.

    Args:
        detector: The one that finds items on backgrounds.
        picture: `(H, W, 3)` uint8 RGB.
    """
    boxes, scores = _detected(detector, picture)
    cuts = _by_score(boxes, scores)
    for own in _at_gaps(picture):
        same = (iou_matrix(own, boxes) > _SAME_IOU) if len(boxes) else np.zeros((len(own), 0), bool)
        rows = []
        for box, known in zip(own, same, strict=True):
            if not known.any():
                boxes = np.concatenate([boxes, box[None]])
            rows.append(int(known.argmax()) if known.any() else len(boxes) - 1)
        if rows and not any(set(rows) == set(cut.rows) for cut in cuts):
            cuts.append(Cut(tuple(rows), _GAP_PRIOR))
    return Candidates(boxes, tuple(cuts))


def _detected(
    detector: Detector, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`(K, 4)` boxes that are no specks and their `(K,)` scores, best first."""
    seen = detector.detect(picture)
    if not len(seen):
        return seen.boxes, seen.scores
    sizes = seen.boxes[:, 2:] - seen.boxes[:, :2]
    sure = seen.scores >= min(_SURE_SCORE, float(seen.scores[0]))
    # An "i" or a "一" is small one way only.
    usual = np.median(sizes[sure].max(axis=1))
    large = np.flatnonzero((sizes >= _MIN_SIDE_SHARE * usual).any(axis=1))[:_MOST_BOXES]
    return seen.boxes[large], seen.scores[large]


def _by_score(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Cut]:
    """The best box, the best two, and so on.

    Args:
        boxes: `(K, 4)`, best first.
        scores: `(K,)` of the detector.
    """
    clipped = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    logits = _SLOPE * (np.log(clipped) - np.log1p(-clipped)) + _BIAS
    item, none = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    middles = boxes[:, 0] + boxes[:, 2]
    cuts = []
    for count in range(1, len(boxes) + 1):
        prior = _PRIOR_WEIGHT * float(item[:count].sum() + none[count:].sum())
        left_to_right = np.argsort(middles[:count], kind="stable")
        cuts.append(Cut(tuple(left_to_right.tolist()), prior))
    return cuts


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
