"""Boxes as labelImg keeps them in its YOLO format.

    classes.txt    a name a line, UTF-8; its number is the line's, from 0
    picture.png
    picture.txt    a box a line: class cx cy w h, shares of the picture as displayed

An empty `picture.txt` says that the picture shows nothing; none at all says that nobody looked.
Label files lie beside the pictures; `images/a/picture.png` may have its own in `labels/a` instead,
and all of them may lie in one folder with `classes.txt` (see `class_lists`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations import (
    Annotations,
    Fault,
    Kind,
    LabelledBox,
    LabelledPicture,
    Layout,
)
from labels.atomic import write_atomically
from labels.bounds import box_fault, cut_box
from labels.class_lists import (
    CLASSES_FILE,
    YAML_SUFFIXES,
    class_list_of,
    described_names,
    read_description,
    separate_label_file,
)
from labels.errors import AnnotationError, LayoutError
from labels.pictures import as_on_disk, composed
from labels.sidecar import read_sidecars

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class YoloLine:
    """A line of a label file.

    Attributes:
        number: Number of the line, from 1.
        index: Index of the class, from 0.
        shares: Centre x, centre y, width, height, as shares of the picture as displayed.
        confidence: The sixth column, which detectors write and labelImg does not; else None.
    """

    number: int
    index: int
    shares: tuple[float, float, float, float]
    confidence: float | None = None

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """`x1, y1, x2, y2` in pixels of a picture of this size, cut at its border."""
        x1, y1, x2, y2 = cut_box(_corners(self.shares), 1, 1)
        return (x1 * width, y1 * height, x2 * width, y2 * height)


def read_yolo(folder: Path) -> Annotations:
    """Read a folder that labelImg has written.

    Raises:
        LayoutError: `classes.txt` is missing, not UTF-8, or no list of different names; or there
            are several.
    """
    classes = read_class_list(class_list_of(folder))

    def boxes_of(
        label: Path, width: int, height: int
    ) -> tuple[tuple[LabelledBox, ...] | None, list[Fault]]:
        lines, wrong = read_label_file(label, len(classes), confidence=True)
        if lines is None:
            return None, wrong
        return tuple(
            LabelledBox(*line.box(width, height), classes[line.index], confidence=line.confidence)
            for line in lines
        ), wrong

    return read_sidecars(
        folder,
        Layout.YOLO,
        label_of=lambda picture: label_file_of(picture, folder),
        read=boxes_of,
        is_label=_holds_boxes,
        classes=classes,
    )


def read_class_list(file: Path) -> tuple[str, ...]:
    """The names of a `classes.txt`, a line each, or of a `data.yaml`.

    Raises:
        LayoutError: the file is missing, not UTF-8, or no list of different names.
    """
    if file.suffix in YAML_SUFFIXES:
        names = described_names(read_description(file), file)
    else:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise LayoutError(f"{file} cannot be read ({error}); it must be UTF-8.") from error
        names = [composed(line.strip()) for line in text.rstrip().splitlines()]
    if not names:
        raise LayoutError(f"{file} names no class; write one name a line.")
    if "" in names:
        # labelImg counts empty lines too, so leaving them out would shift all later numbers.
        raise LayoutError(
            f"{file}, line {names.index('') + 1} is empty, and so it is not certain which number "
            "belongs to which name below; write a name there or take the line out."
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LayoutError(f"{file} names the class {twice[0]} twice; keep one of them.")
    return tuple(names)


def label_file_of(picture: Path, folder: Path) -> Path:
    """Where the boxes of a picture are, or would be.

    Args:
        picture: A file in `folder` or below.
        folder: The one with `classes.txt`, see `class_list_of`.

    Returns:
        The `.txt` beside the picture; or, where only that folder exists, the one in `labels/` of
        a picture in `images/`, the form that Ultralytics and Label Studio write; or the one in the
        folder of label files that has `classes.txt`.
    """
    beside = as_on_disk(picture.with_suffix(".txt"))
    if beside.is_file():
        return beside
    pictures = picture.relative_to(folder).parent
    if (separate := separate_label_file(picture, folder)) is not None:
        return separate
    return as_on_disk(labels_folder(folder, pictures) / beside.name)


def labels_folder(root: Path, pictures: Path) -> Path:
    """The folder of label files: `images/train` has them in `labels/train`, any other has its own.

    Args:
        root: Where to start.
        pictures: Folder of pictures, relative to it.
    """
    parts = list(pictures.parts)
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        other = root.joinpath(*parts[:last], "labels", *parts[last + 1 :])
        if other.is_dir():
            return other
    return root / pictures


def read_label_file(
    file: Path, classes: int, *, confidence: bool = False
) -> tuple[list[YoloLine] | None, list[Fault]]:
    """The lines of a label file that are right, and a fault for each other.

    Args:
        file: The `.txt` of one picture.
        classes: How many classes there are.
        confidence: Whether a sixth column, the confidence from 0 to 1, is allowed.

    Returns:
        The lines, None where the file cannot be read at all; and the faults.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"{file} cannot be read ({error}); it must be UTF-8 text."
        return None, [Fault(Kind.UNREADABLE_LABEL, file, sentence)]
    lines: list[YoloLine] = []
    faults: list[Fault] = []
    for number, row in enumerate(text.splitlines(), start=1):
        if row.strip():
            line = _parse(row, number, file, classes, confidence=confidence)
            if isinstance(line, YoloLine):
                lines.append(line)
            else:
                faults.append(line)
    return lines, faults


def write_yolo_labels(picture: LabelledPicture, classes: Sequence[str], file: Path) -> None:
    """Write the boxes of a picture, five columns each and no confidence, in their order.

    The order of clicks is no part of the format. What `file` held before is replaced.

    Args:
        picture: Its boxes may reach over the border by a hair; they are cut there.
        classes: Names in the order of their numbers, as in `classes.txt`.
        file: The `.txt`; see `label_file_of`.

    Raises:
        AnnotationError: a box has a class that is not in `classes`, or lies outside the picture.
        OSError: it cannot be written.
    """
    numbers = {name: index for index, name in enumerate(classes)}
    rows = []
    for box in picture.boxes:
        if box.label not in numbers:
            raise AnnotationError(
                f"{picture.path} has a box of the class {box.label}, which {CLASSES_FILE} does "
                "not name; add it there first."
            )
        x1, y1, x2, y2 = cut_box(box.xyxy, picture.width, picture.height)
        x1, x2, y1, y2 = (
            x1 / picture.width,
            x2 / picture.width,
            y1 / picture.height,
            y2 / picture.height,
        )
        if not (x2 > x1 and y2 > y1):
            raise AnnotationError(
                f"{picture.path} is {picture.width} x {picture.height} pixels, and its box "
                f"{box.xyxy} lies outside; move the box into the picture."
            )
        shares = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        # labelImg splits at single blanks.
        rows.append(" ".join([str(numbers[box.label]), *map(_number, shares)]) + "\n")
    write_atomically(file, "".join(rows).encode())


def write_classes(folder: Path, classes: Sequence[str]) -> None:
    """Write `classes.txt`; names may be added to one that is there, but not moved.

    Raises:
        AnnotationError: a name is empty, has white space at its ends or a line break in it, or
            occurs twice.
        LayoutError: the file that is there begins with other names, so that the numbers in label
            files would come to mean something else; or it cannot be read, or there are several.
        OSError: it cannot be written.
    """
    for name in classes:
        if not name or [name] != name.strip().splitlines():
            raise AnnotationError(
                f"{name!r} cannot be a line of {CLASSES_FILE}; give the class a name of one line "
                "without white space at its ends."
            )
        if list(classes).count(name) > 1:
            raise AnnotationError(f"The class {name} is named twice; keep one of them.")
    file = class_list_of(folder)
    if file.is_file():
        before = read_class_list(file)
        if before == tuple(classes):
            return
        if file.suffix in YAML_SUFFIXES:
            raise LayoutError(
                f"{file} has the names of the classes, and nothing but names can be written; add "
                f"the new ones there, or write all of them into a {CLASSES_FILE} beside it."
            )
        if before != tuple(classes[: len(before)]):
            raise LayoutError(
                f"{file} begins with the classes {', '.join(before)}, and label files count on "
                "that; keep them first and in this order."
            )
    write_atomically(file, "".join(f"{name}\n" for name in classes).encode())


def _parse(
    row: str, number: int, file: Path, classes: int, *, confidence: bool
) -> YoloLine | Fault:
    place = f"{file}, line {number}"

    def fault(kind: Kind, what: str) -> Fault:
        return Fault(kind, file, f"{place}: {what}", number)

    try:
        index, *values = row.split()
        # Tools that write arrays of floats write the class as one too.
        line = YoloLine(number, _whole(index), *_columns([float(v) for v in values], confidence))
    except (ValueError, OverflowError):
        return fault(
            Kind.MALFORMED_LINE,
            f"{row.strip()!r} is not a class number and four shares (centre x and y, width, "
            "height).",
        )
    if not 0 <= line.index < classes:
        return fault(
            Kind.UNKNOWN_CLASS,
            f"the class number {line.index} is not one of the {classes} classes (0 to "
            f"{classes - 1}).",
        )
    wrong = box_fault(_corners(line.shares), 1, 1)
    if wrong is not None:
        what = "has no area" if wrong is Kind.EMPTY_BOX else "lies outside the picture, or in part"
        return fault(
            wrong, f"the box {' '.join(values[:4])} {what}; shares are numbers from 0 to 1."
        )
    return line


def _whole(number: str) -> int:
    """A whole number, also one with a fraction of nothing.

    Raises:
        ValueError, OverflowError: it is none.
    """
    value = float(number)
    if not value.is_integer():
        raise ValueError(number)
    return int(value)


def _columns(
    values: list[float], confidence: bool
) -> tuple[tuple[float, float, float, float], float | None]:
    if len(values) == 5 and confidence and 0 <= values[4] <= 1:
        return (values[0], values[1], values[2], values[3]), values[4]
    cx, cy, w, h = values
    return (cx, cy, w, h), None


def _corners(shares: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    cx, cy, w, h = shares
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def _number(share: float) -> str:
    """Without exponent, which not every reader of the format takes."""
    return f"{share:.{_DIGITS}f}".rstrip("0").rstrip(".") or "0"


def _holds_boxes(file: Path) -> bool:
    """Whether it looks like a label file: empty, or its first line is a number and others.

    People keep notes, licences and lists of files beside their pictures. A `classes.txt` is none,
    even if its class is called `1`.
    """
    if file.suffix.lower() != ".txt" or file.name == CLASSES_FILE:
        return False
    try:
        text = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return False
    words = text.splitlines()[0].split() if text else []
    return not words or (_is_number(words[0]) and len(words) > 1 and _is_number(words[1]))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
