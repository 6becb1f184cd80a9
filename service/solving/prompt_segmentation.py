"""Prompt pictures: where their items may be.

A detector is unsure of items under curves and noise, and of parts that look like items; cutting at
empty columns is right on clean strips and lost elsewhere. Neither is asked to be right alone: they
give the plausible cuts with what speaks for each, and the solver takes the one whose items also
find partners in the scene.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.detections import Detections, Detector
from detector.nms import nms
from service.solving.prompt_likeness import inks, likeness
from service.solving.prompt_slots import Slots

_GROUND_TOLERANCE = 24
"""Levels by which a pixel may differ from the ground and still be ground (JPEG noise is under)."""

_MIN_SIDE_SHARE = 0.35
"""Parts between gaps lower and narrower than this share of the median are specks, not items."""

_LEAST_ITEM, _USUAL_PERCENTILE = 0.55, 75
"""Boxes lower and narrower than this share of a usual item (the percentile of the sure boxes, since
clutter among them is small) are none: the items of a prompt are about as large as each other. On
400 drawn validation pictures it costs 0.2 points (84.5 to 84.3 %), and 0.7 at 0.6; it was chosen
because it brought 6 points on prompts that another generator strews with discs."""

_MAX_ASPECT = 1.2
"""Width of an item relative to the height of the row; parts wider than this together are two."""

_SURE_SCORE = 0.25
"""Boxes from this score on say how large the items are."""

_LIKELY_SCORE, _FEW_COLUMNS, _NMS_IOU = 0.1, 0.67, 0.45
"""Where the boxes from this score on, with a margin as wide as one of them, take no more than this
share of the columns, the detector runs on these alone as well: in wide pictures small items are
too few pixels of its input. 608 instead of 602 of 640 validation prompts are counted right, as many
if it always does; 603 if the second run takes the place of the first."""

_MOST_BOXES = 16

_SLOPE, _BIAS = 1.5, 1.0
"""Make the logit of a detector's score the logit of the probability that the box is an item of a
prompt picture, where the detector's file does not say so itself: one that is trained on backgrounds
too is less sure of prompts. Fitted on 400 validation strips: the right cut in 84.5 % instead of
78.2 % with fixed thresholds."""

_PRIOR_WEIGHT = 2.0
"""Weight of such probabilities, beside what partners in the scene say; those of a file that tells
how to compute them count as they are."""

_TOLD = "item_slope"
"""What the file of a detector of prompt pictures tells."""

_GAP_PRIOR = -6.0
"""What speaks against a cut at gaps."""

_OPEN = 5
"""Boxes of which it is left open whether they are items, the most doubtful ones: 2^5 cuts."""

_DOUBTFUL = (0.01, 0.995)
"""Probabilities between which a box may be an item or not."""

_INSIDE = 0.7
"""Share of a box from which on it lies within another one: one of the two is no item."""

_NESTED_PRIOR = -3.0
"""What speaks against a cut that takes a box and another one within it."""

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
        cuts: Cuts, each of different boxes.
    """

    boxes: NDArray[np.float32]
    cuts: tuple[Cut, ...]

    def at_most(self, items: int) -> "Candidates":
        """Without the cuts of more items."""
        return Candidates(self.boxes, tuple(cut for cut in self.cuts if len(cut.rows) <= items))


def candidates(
    detector: Detector,
    picture: NDArray[np.uint8],
    count: tuple[int, int] | None = None,
    slots: Slots | None = None,
) -> Candidates:
    """The plausible ways to cut a prompt picture into items; none where nothing is found.

    Args:
        detector: The one of prompt pictures, or the one that finds items on backgrounds.
        picture: `(H, W, 3)` uint8 RGB.
        count: The least and the greatest number of items; None where nobody knows. Where no cut
            has such a number, all are kept: a caller can be wrong.
        slots: Where the items of such pictures always are; None where nobody knows. A picture of
            another aspect ratio has another layout.
    """
    boxes, scores = _detected(detector, picture)
    height, width = picture.shape[:2]
    if slots is not None and slots.fit(width, height):
        filled = slots.filled(width, height, boxes)
        return Candidates(filled, (Cut(tuple(range(len(filled))), prior=0.0),))
    weight = 1.0 if _TOLD in getattr(detector, "calibration", {}) else _PRIOR_WEIGHT
    cuts = _by_probability(boxes, _probabilities(detector, scores), weight)
    for own in _at_gaps(picture):
        same = (iou_matrix(own, boxes) > _SAME_IOU) if len(boxes) else np.zeros((len(own), 0), bool)
        rows = []
        for box, known in zip(own, same, strict=True):
            if not known.any():
                boxes = np.concatenate([boxes, box[None]])
            rows.append(int(known.argmax()) if known.any() else len(boxes) - 1)
        if rows and not any(set(rows) == set(cut.rows) for cut in cuts):
            cuts.append(Cut(tuple(rows), _GAP_PRIOR))
    if count is not None:
        fitting = [cut for cut in cuts if count[0] <= len(cut.rows) <= count[1]]
        cuts = fitting or cuts
    colours = inks(picture, boxes)
    likely = (
        replace(cut, prior=cut.prior + likeness(boxes[list(cut.rows)], colours[list(cut.rows)]))
        for cut in cuts
    )
    return Candidates(boxes, tuple(likely))


def _probabilities(detector: Detector, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """`(K,)` probability of each box that it is an item."""
    told = getattr(detector, "calibration", {})
    slope, bias = told.get(_TOLD, _SLOPE), told.get("item_bias", _BIAS)
    clipped = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    logits = slope * (np.log(clipped) - np.log1p(-clipped)) + bias
    chances: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
    return chances


def _detected(
    detector: Detector, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`(K, 4)` boxes that are no specks and their `(K,)` scores, best first."""
    seen = _closer(detector, picture, detector.detect(picture))
    if not len(seen):
        return seen.boxes, seen.scores
    sizes = seen.boxes[:, 2:] - seen.boxes[:, :2]
    sure = seen.scores >= min(_SURE_SCORE, float(seen.scores[0]))
    # An "i" or a "一" is small one way only.
    usual = np.percentile(sizes[sure].max(axis=1), _USUAL_PERCENTILE)
    large = np.flatnonzero((sizes >= _LEAST_ITEM * usual).any(axis=1))[:_MOST_BOXES]
    return seen.boxes[large], seen.scores[large]


def _closer(detector: Detector, picture: NDArray[np.uint8], seen: Detections) -> Detections:
    """What is found, with what a second run finds on the columns around it, if these are few."""
    if not len(seen):
        return seen
    likely = seen.boxes[seen.scores >= min(_LIKELY_SCORE, float(seen.scores[0]))]
    margin = float(np.median((likely[:, 2:] - likely[:, :2]).max(axis=1)))
    left = max(0, int(likely[:, 0].min() - margin))
    right = min(picture.shape[1], int(likely[:, 2].max() + margin))
    if right - left > _FEW_COLUMNS * picture.shape[1]:
        return seen
    near = detector.detect(np.ascontiguousarray(picture[:, left:right]))
    boxes = np.concatenate([seen.boxes, near.boxes + np.array([left, 0, left, 0], np.float32)])
    scores = np.concatenate([seen.scores, near.scores])
    kept = nms(boxes, scores, _NMS_IOU)
    return Detections(boxes[kept], scores[kept], np.concatenate([seen.classes, near.classes])[kept])


def _by_probability(
    boxes: NDArray[np.float32], chances: NDArray[np.float64], weight: float
) -> list[Cut]:
    """The cuts that the detector's probabilities leave open, and the best box, the best two, ...

    Args:
        boxes: `(K, 4)`, best first.
        chances: `(K,)` probability that each is an item, falling.
        weight: Weight of what they say, beside the partners in the scene.
    """
    clipped = np.clip(chances, 1e-4, 1 - 1e-4)
    item, none = np.log(clipped), np.log1p(-clipped)
    nested = _nested(boxes)
    open_boxes = [i for i, p in enumerate(chances.tolist()) if _DOUBTFUL[0] < p < _DOUBTFUL[1]]
    open_boxes = sorted(open_boxes, key=lambda i: abs(float(chances[i]) - 0.5))[:_OPEN]
    sure = [i for i, p in enumerate(chances.tolist()) if p > 0.5 and i not in open_boxes]
    chosen = {
        tuple(sorted([*sure, *(b for at, b in enumerate(open_boxes) if subset >> at & 1)]))
        for subset in range(1 << len(open_boxes))
    }
    chosen |= {tuple(range(number)) for number in range(1, len(boxes) + 1)}
    chosen.discard(())
    middles = boxes[:, 0] + boxes[:, 2]
    cuts = []
    for rows in sorted(chosen):
        inside = np.zeros(len(boxes), bool)
        inside[list(rows)] = True
        prior = weight * float(np.where(inside, item, none).sum())
        prior += _NESTED_PRIOR * int(nested[np.ix_(inside, inside)].sum())
        cuts.append(Cut(tuple(sorted(rows, key=lambda i: float(middles[i]))), prior))
    return cuts


def _nested(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """`(K, K)`: whether the first box lies, for the most part, within the second."""
    corner = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    end = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(end - corner, 0, None).prod(axis=2)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6)
    within: NDArray[np.bool_] = shared / area[:, None] > _INSIDE
    np.fill_diagonal(within, val=False)
    # Of two that lie within each other it is counted once.
    once: NDArray[np.bool_] = within & ~(within.T & np.tri(len(boxes), dtype=bool))
    return once


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
