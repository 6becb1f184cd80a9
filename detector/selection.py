"""From candidates in network pixels to the detections of a picture."""

from copy import copy
from dataclasses import dataclass, replace
from typing import Self, TypedDict, Unpack

import numpy as np

from detector.boxes import clip
from detector.decode import Candidates
from detector.detections import Detections
from detector.letterbox import Geometry
from detector.nms import nms, nms_per_class

# Suppression is quadratic in the worst case; no picture has this many items.
_MOST_CANDIDATES = 2000


class LimitChanges(TypedDict, total=False):
    """Limits that are to be others than by default; None leaves one as it is."""

    confidence_threshold: float | None
    iou_threshold: float | None
    max_boxes: int | None
    class_agnostic: bool | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a detection.

    Attributes:
        confidence_threshold: Lower bound of a box's score, 0..1.
        iou_threshold: A box that overlaps a better one by more than this is dropped, 0..1.
        max_boxes: At most this many boxes, the best ones.
        class_agnostic: Whether boxes of different classes suppress each other; one item is one box.
    """

    confidence_threshold: float = 0.25
    iou_threshold: float = 0.45
    max_boxes: int = 100
    class_agnostic: bool = True

    def __post_init__(self) -> None:
        for name in ("confidence_threshold", "iou_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must lie in 0..1.")
        if self.max_boxes < 1:
            raise ValueError(f"max_boxes is {self.max_boxes}, but must be at least 1.")

    def changed(self, **changes: Unpack[LimitChanges]) -> "Limits":
        """The same limits but for those given."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **given)  # type: ignore[arg-type]


class LimitedDetector:
    """What detectors share whose limits can be changed without loading them again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    @property
    def limits(self) -> Limits:
        """What counts as a detection."""
        return self._limits

    def limited(
        self, *, confidence_threshold: float | None = None, iou_threshold: float | None = None
    ) -> Self:
        """The same network with other limits; the session is shared."""
        other = copy(self)
        other._limits = self._limits.changed(
            confidence_threshold=confidence_threshold, iou_threshold=iou_threshold
        )
        return other


def select(
    candidates: Candidates, geometry: Geometry, size: tuple[int, int], limits: Limits
) -> Detections:
    """Suppress overlapping candidates and bring the rest back to the picture.

    Args:
        candidates: All that passed the threshold, in network pixels.
        geometry: The way back to the picture.
        size: `(width, height)` of the picture in pixels.
        limits: What counts.
    """
    best = np.argsort(-candidates.scores, kind="stable")[:_MOST_CANDIDATES]
    boxes = clip(geometry.to_picture(candidates.boxes[best]), *size)
    # What lay in the padding alone is no box of the picture.
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    best, boxes = best[inside], boxes[inside]
    scores, classes = candidates.scores[best], candidates.classes[best]
    if limits.class_agnostic:
        kept = nms(boxes, scores, limits.iou_threshold)
    else:
        kept = nms_per_class(boxes, scores, classes, limits.iou_threshold)
    kept = kept[: limits.max_boxes]
    return Detections(boxes=boxes[kept], scores=scores[kept], classes=classes[kept])
