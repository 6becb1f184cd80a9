"""What the pipeline answers: clicks in prompt order, or an abstention with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Reason = Literal[
    "missed_target", "missing_target", "ambiguous", "low_confidence", "empty_prompt_image"
]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Click:
    """One click.

    Attributes:
        x: Column of the box centre, rounded, in pixels of the picture as displayed.
        y: Row of the box centre, rounded.
        box: `x1, y1, x2, y2` in background pixels, `x2`/`y2` exclusive.
        label: The word of the prompt, or None where the prompt is a picture that was not read.
        confidence: Probability that this box is this prompt item, 0..1: its share of all
            assignments, and never less than the confidence of the whole answer.
        name: Id of the thing of the vocabulary that the word was understood as; None where it was
            read as it is, or is no name.
    """

    x: int
    y: int
    box: Box
    label: str | None
    confidence: float
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DetectedBox:
    """One box of the detector.

    Attributes:
        box: `x1, y1, x2, y2` in background pixels, `x2`/`y2` exclusive.
        confidence: The detector's score, 0..1.
        class_name: Class name of the detector; None where it has the one class `item`, or none.
    """

    box: Box
    confidence: float
    class_name: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one puzzle.

    Attributes:
        solved: Whether the service stands by the clicks.
        reason: Why not, when `solved` is false; `clicks` then holds the best attempt.
        confidence: Probability that every click is right, 0..1.
        clicks: In prompt order.
        boxes: Every clickable box of the background, best first.
        width: Width of the background as displayed, in pixels.
        height: Height of the background as displayed, in pixels.
        models: Role (`detector`, `classifier`, `siamese`) to name and version of those used.
        timings_ms: Stage (`detect`, `recognise`, `match`) to milliseconds.
    """

    solved: bool
    reason: Reason | None
    confidence: float
    clicks: tuple[Click, ...]
    boxes: tuple[DetectedBox, ...]
    width: int
    height: int
    models: Mapping[str, str]
    timings_ms: Mapping[str, float]
