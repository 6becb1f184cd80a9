"""Boxes as Pascal VOC keeps them: an XML file of the same stem for each picture.

The file lies beside the picture, or in a folder `Annotations` beside the picture's folder.
Coordinates are taken as labelImg writes them: corners in pixels of the picture as displayed, so
that `xmax`/`ymax` are exclusive. (In the original data set pixels were counted from 1, a shift of
one pixel.)
"""

import math
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

from labels.annotations import (
    Annotations,
    Fault,
    Kind,
    LabelledBox,
    Layout,
)
from labels.bounds import Corners, box_fault, cut_box
from labels.pictures import as_on_disk, composed
from labels.sidecar import read_sidecars

_FOLDER = "Annotations"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(folder: Path) -> Annotations:
    """Read pictures with their XML files; the classes are the names found, sorted."""
    return read_sidecars(
        folder,
        Layout.VOC,
        label_of=xml_file_of,
        read=_read_objects,
        is_label=lambda file: file.suffix.lower() == ".xml" and is_voc_file(file),
    )


def is_voc_file(file: Path) -> bool:
    """Whether it is XML of the right kind."""
    try:
        return bool(_root(file).tag == "annotation")
    except (OSError, ParseError, DefusedXmlException, ValueError):
        return False


def xml_file_of(picture: Path) -> Path:
    """Where the boxes of a picture are, or would be: beside it, or in a folder of all such."""
    beside = as_on_disk(picture.with_suffix(".xml"))
    other = as_on_disk(picture.parent.parent / _FOLDER / beside.name)
    return other if other.is_file() and not beside.is_file() else beside


def _root(file: Path) -> Element:
    # The file, not its name: the parser would leave one it opened itself to the collector.
    with file.open("rb") as stream:
        root: Element = parse(stream).getroot()
    return root


def _read_objects(
    file: Path, width: int, height: int
) -> tuple[tuple[LabelledBox, ...] | None, list[Fault]]:
    """The boxes of a file that are right, None where none can be trusted; and the faults."""

    def unusable(what: str) -> tuple[None, list[Fault]]:
        return None, [Fault(Kind.UNREADABLE_LABEL, file, f"{file} {what}")]

    try:
        root = _root(file)
    except DefusedXmlException:
        return unusable(
            "declares XML entities, which labels have no use for and which can do harm; save it "
            "again with labelImg."
        )
    except (OSError, ParseError, ValueError) as error:
        return unusable(f"cannot be read as XML ({error}); save it again with labelImg.")
    if root.tag != "annotation":
        return unusable(f"is no Pascal VOC file, its root is <{root.tag}>; label the picture.")
    said = tuple(_value(root, f"size/{side}") for side in ("width", "height"))
    # Writers that do not know the size say 0 or nothing.
    if all(side > 0 for side in said) and said != (width, height):
        return unusable(
            f"was made for a picture of {said[0]:g} x {said[1]:g} pixels, but the picture has "
            f"{width} x {height}; label it again."
        )
    boxes: list[LabelledBox] = []
    faults: list[Fault] = []
    for number, item in enumerate(root.iter("object"), start=1):
        box = _read_object(item, f"{file}, object {number}", file, width, height)
        if isinstance(box, Fault):
            faults.append(box)
        else:
            boxes.append(box)
    return tuple(boxes), faults


def _read_object(
    item: Element, place: str, file: Path, width: int, height: int
) -> LabelledBox | Fault:
    name = composed((item.findtext("name") or "").strip())
    if not name:
        return Fault(Kind.UNKNOWN_CLASS, file, f"{place} has no name; give it its class.")
    xmin, ymin, xmax, ymax = (_value(item, f"bndbox/{side}") for side in _SIDES)
    if not all(map(math.isfinite, (xmin, ymin, xmax, ymax))):
        return Fault(
            Kind.MALFORMED_LINE,
            file,
            f"{place} has no box of four numbers ({', '.join(_SIDES)}); draw it again.",
        )
    # Some tools write corners in the order in which they were dragged.
    corners: Corners = (min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax))
    wrong = box_fault(corners, width, height)
    if wrong is not None:
        what = "has no area" if wrong is Kind.EMPTY_BOX else "lies outside the picture, or in part"
        return Fault(
            wrong,
            file,
            f"{place}: the box {' '.join(f'{side:g}' for side in corners)} {what}; draw it again.",
        )
    return LabelledBox(*cut_box(corners, width, height), label=name)


def _value(element: Element, path: str) -> float:
    """The number at a place of the tree; NaN where there is none."""
    try:
        return float(element.findtext(path) or "nan")
    except ValueError:
        return math.nan
