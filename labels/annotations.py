"""Labelled pictures as values: what every layout on disk is read into and written from.

A *picture* carries boxes with a label each (detector data), or one label for all of it (a crop in a
class folder), or nothing yet. Readers of a layout return an `Annotations`; what was wrong with
a file is a `Fault` in it, so that one broken file hides no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from labels.errors import AnnotationError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})

ITEM = "item"
"""The label of a box that says only that something clickable is there."""


class Layout(StrEnum):
    """How a folder holds its labels."""

    YOLO = "yolo"
    """`classes.txt`, pictures, and a `.txt` of the same stem beside each, as labelImg writes."""
    VOC = "voc"
    """Pascal VOC: an `.xml` of the same stem beside each picture."""
    LABEL_STUDIO = "label-studio"
    """A JSON export of Label Studio, with `rectanglelabels`."""
    CLASSES = "classes"
    """A folder for each class with pictures in it."""
    NAMED = "named"
    """Pictures named `label_hash.png`, as dddd_trainer names them."""
    PUZZLES = "puzzles"
    """A puzzle set, `puzzles.jsonl`."""


class Kind(StrEnum):
    """What is wrong; the values are stable, for scripts and tests."""

    UNREADABLE_PICTURE = "unreadable-picture"
    UNREADABLE_LABEL = "unreadable-label"
    MISSING_LABEL = "missing-label"
    ORPHANED_LABEL = "orphaned-label"
    SHARED_LABEL = "shared-label"
    MALFORMED_LINE = "malformed-line"
    UNKNOWN_CLASS = "unknown-class"
    OUTSIDE_BOX = "outside-box"
    EMPTY_BOX = "empty-box"
    EXACT_DUPLICATE = "exact-duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    EMPTY_CLASS = "empty-class"
    SINGLE_PICTURE = "single-picture"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: What.
        file: The file that has it, an existing path where possible.
        sentence: What a person reads; names the file, the line where there is one, and what to do.
        line: Number of the line from 1; None where the fault is of the whole file.
    """

    kind: Kind
    file: Path
    sentence: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One box of a picture.

    Attributes:
        x1: Left, in pixels of the picture as displayed (EXIF orientation applied).
        y1: Top.
        x2: Right, exclusive.
        y2: Bottom, exclusive.
        label: Name of its class.
        order: Its place in the order of clicks from 0; None where it is not to be clicked or where
            nobody said.
        confidence: Confidence of the proposal; None where a person drew it.

    Raises:
        AnnotationError: the sides are not positive or the label is empty.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ITEM
    order: int | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not (self.x2 > self.x1 and self.y2 > self.y1):
            raise AnnotationError(
                f"The box {self.xyxy} is empty; x2 must be greater than x1, and y2 than y1."
            )
        if not self.label:
            raise AnnotationError(f"The box {self.xyxy} has no label; give it one.")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """`x1, y1, x2, y2`."""
        return (self.x1, self.y1, self.x2, self.y2)


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with what is known of it.

    Attributes:
        path: Its file.
        width: Width of the picture as displayed, in pixels.
        height: The same.
        boxes: What it shows; empty where it shows nothing, or where `label` says it all.
        label: The class of the whole picture; None where it has boxes or nothing is known.
        label_file: The file that holds the boxes; None where there is none.
    """

    path: Path
    width: int
    height: int
    boxes: tuple[LabelledBox, ...] = ()
    label: str | None = None
    label_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """A folder of labelled pictures.

    Attributes:
        folder: Where they lie.
        layout: How they were stored.
        pictures: Those that could be read, sorted by path.
        classes: Names in the order of their numbers (YOLO), else sorted.
        faults: What was wrong with the others, and with single lines.
        unlabelled: Pictures without any label, which some layouts allow and others call a fault.
    """

    folder: Path
    layout: Layout
    pictures: tuple[LabelledPicture, ...]
    classes: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    unlabelled: tuple[Path, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each class occurs, boxes and whole pictures together, in order of `classes`."""
        found = dict.fromkeys(self.classes, 0)
        for picture in self.pictures:
            for label in [picture.label, *(box.label for box in picture.boxes)]:
                if label is not None:
                    found[label] = found.get(label, 0) + 1
        return MappingProxyType(found)
