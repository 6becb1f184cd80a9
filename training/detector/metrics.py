"""Metrics of a detector: average precision, and share of pictures that are right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from detector import Detections, iou_matrix
from training.detector.samples import Sample

AP_IOUS = (0.5, 0.75)

_CANDIDATES = (0.015, 0.02, 0.03, *(round(0.05 * step, 2) for step in range(1, 15)))
_SPARE_COST = 0.02
"""What a spare box in a scene costs, in shares of a scene: the assignment mostly leaves it over."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which boxes count.

    Attributes:
        scene: Low, because a missed item is a lost puzzle and a spare box hardly matters.
        strip: Higher, because the number of items in a prompt picture has to be right.
    """

    scene: float = 0.15
    strip: float = 0.3

    def of(self, sample: Sample) -> float:
        """The one for a picture."""
        return self.strip if sample.strip else self.scene


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """Metrics over a set of pictures.

    Attributes:
        ap50: Average precision at IoU 0.5 over all boxes, classes told apart.
        ap75: The same at IoU 0.75.
        scenes_found: Share of the scenes with a counted box's centre in every item.
        spare: Counted boxes of scenes whose centre lies in no item, for each scene.
        strips_right: Share of the prompt pictures with as many counted boxes as items, each
            item's centre in a box of its own; NaN where there are no prompt pictures.
    """

    ap50: float
    ap75: float
    scenes_found: float
    spare: float
    strips_right: float

    @property
    def fitness(self) -> float:
        """Mean of the metrics by which the best weights are chosen, 0..1."""
        return float(np.nanmean([self.ap50, self.ap75, self.scenes_found, self.strips_right]))

    @property
    def summary(self) -> str:
        """The metrics in words, without those that do not apply to the pictures."""
        text = f"AP50 {self.ap50:.3f}, AP75 {self.ap75:.3f}"
        if math.isfinite(self.scenes_found):
            text += f", every item found in {self.scenes_found:.1%} of the pictures"
        if math.isfinite(self.strips_right):
            text += f", {self.strips_right:.1%} of the prompt pictures right"
        return text


def score(
    samples: Sequence[Sample], found: Sequence[Detections], thresholds: Thresholds
) -> DetectionScores:
    """Compare detections with the labels.

    Args:
        samples: Pictures with their true boxes.
        found: For each picture its boxes in picture pixels, from a low threshold up.
        thresholds: Scores from which a box counts as found.
    """
    outcomes = [
        missed_and_spare(s, counted(d, thresholds.of(s)))
        for s, d in zip(samples, found, strict=True)
    ]
    scenes = [o for s, o in zip(samples, outcomes, strict=True) if not s.strip]
    strips = [o for s, o in zip(samples, outcomes, strict=True) if s.strip]
    return DetectionScores(
        ap50=average_precision(samples, found, AP_IOUS[0]),
        ap75=average_precision(samples, found, AP_IOUS[1]),
        scenes_found=_share([missed == 0 for missed, _ in scenes]),
        spare=float(np.mean([spare for _, spare in scenes])) if scenes else float("nan"),
        strips_right=_share([missed == 0 and spare == 0 for missed, spare in strips]),
    )


def best_thresholds(samples: Sequence[Sample], found: Sequence[Detections]) -> Thresholds:
    """Those with most scenes complete at few spare boxes, and most prompt pictures right.

    Args:
        samples: Validation pictures.
        found: Their boxes, from a low threshold up.
    """
    figures = {value: score(samples, found, Thresholds(value, value)) for value in _CANDIDATES}
    plain = Thresholds()
    scenes = any(not sample.strip for sample in samples)
    strips = any(sample.strip for sample in samples)

    def of_scenes(value: float) -> float:
        return figures[value].scenes_found - _SPARE_COST * figures[value].spare

    def of_strips(value: float) -> float:
        return figures[value].strips_right

    return Thresholds(
        scene=max(_CANDIDATES, key=of_scenes) if scenes else plain.scene,
        strip=max(_CANDIDATES, key=of_strips) if strips else plain.strip,
    )


def item_calibration(
    samples: Sequence[Sample], found: Sequence[Detections], lowest: float
) -> tuple[float, float]:
    """Slope and bias that make the logit of a box's score the logit of "it is an item".

    Platt scaling: the pair that minimises the log loss over the boxes of the validation pictures.

    Args:
        samples: Validation pictures.
        found: Their boxes, from a low score up.
        lowest: Score from which boxes are looked at.
    """
    scores, items = [], []
    for sample, boxes in zip(samples, found, strict=True):
        kept = counted(boxes, lowest)
        scores.append(kept.scores)
        items.append(_right(sample, kept, AP_IOUS[0]))
    values = np.clip(np.concatenate(scores).astype(np.float64), 1e-3, 1 - 1e-3)
    logits, right = np.log(values) - np.log1p(-values), np.concatenate(items)
    if right.all() or not right.any():
        return 1.0, 0.0

    def loss(parameters: NDArray[np.float64]) -> float:
        scaled = parameters[0] * logits + parameters[1]
        return float(np.logaddexp(0, np.where(right, -scaled, scaled)).mean())

    slope, bias = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(bias)


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")


def counted(found: Detections, threshold: float) -> Detections:
    """The boxes that score at least the threshold."""
    keep = found.scores >= threshold
    return Detections(found.boxes[keep], found.scores[keep], found.classes[keep])


def missed_and_spare(sample: Sample, found: Detections) -> tuple[int, int]:
    """Items without a box, and boxes without an item.

    A box is an item's when its centre lies inside the item, as a click would; of several the best
    counts and the others are spare. A box of another class is no box.

    Args:
        sample: The truth.
        found: Boxes in picture pixels.
    """
    taken = np.zeros(len(sample.boxes), bool)
    spare = 0
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    for (x, y), number in zip(centres, found.classes, strict=True):
        x1, y1, x2, y2 = sample.boxes.T
        inside = (x1 <= x) & (x < x2) & (y1 <= y) & (y < y2) & (sample.classes == number) & ~taken
        if inside.any():
            # Where items overlap, the one whose middle is nearest.
            middles = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2
            distance = np.abs(middles - (x, y)).sum(axis=1)
            taken[int(np.where(inside, distance, np.inf).argmin())] = True
        else:
            spare += 1
    return int((~taken).sum()), spare


def average_precision(samples: Sequence[Sample], found: Sequence[Detections], iou: float) -> float:
    """Area under precision over recall, all boxes of all pictures in one list.

    Args:
        samples: Pictures with their true boxes.
        found: For each picture its boxes in picture pixels, best first.
        iou: From which a box is right; each true box is matched once, by the best-scoring one.
            Boxes of the same score, of all pictures, count together: ties are not in favour.
    """
    scores: list[NDArray[np.float32]] = []
    right: list[NDArray[np.bool_]] = []
    for sample, boxes in zip(samples, found, strict=True):
        scores.append(boxes.scores)
        right.append(_right(sample, boxes, iou))
    truths = sum(len(sample.boxes) for sample in samples)
    if not truths:
        return float("nan")
    ranked = np.concatenate(scores)
    order = np.argsort(-ranked, kind="stable")
    # No threshold tells boxes of one score apart: they count together, and so does their precision.
    ends = np.append(np.diff(ranked[order]) != 0, True)[: len(order)]
    hits = np.concatenate(right)[order].cumsum()[ends]
    precision = hits / (np.flatnonzero(ends) + 1)
    # The best precision at this recall or more, so that the curve falls.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * np.diff(hits, prepend=0)).sum() / truths)


def _right(sample: Sample, found: Detections, iou: float) -> NDArray[np.bool_]:
    right = np.zeros(len(found), bool)
    if len(found) == 0 or len(sample.boxes) == 0:
        return right
    overlaps = iou_matrix(found.boxes, sample.boxes)
    overlaps[found.classes[:, None] != sample.classes[None]] = 0
    # Best first; of boxes of one score the worst first, so that their order says nothing.
    for row in np.lexsort((overlaps.max(axis=1), -found.scores)):
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= iou:
            right[row] = True
            overlaps[:, best] = 0
    return right
