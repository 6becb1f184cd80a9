"""Boxes as Label Studio exports them (JSON, not JSON-MIN) and imports them.

A file holds a list of tasks, each with a picture in `data` and, in `annotations` or `predictions`,
results of the type `rectanglelabels`, whose boxes are in percent of the picture as displayed.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from labels.annotations import (
    PICTURE_SUFFIXES,
    Annotations,
    Fault,
    Kind,
    LabelledBox,
    LabelledPicture,
    Layout,
)
from labels.atomic import write_atomically
from labels.bounds import Corners, box_fault, cut_box
from labels.errors import AnnotationError
from labels.pictures import (
    QUARANTINE,
    UNREADABLE,
    composed,
    displayed_size,
    find_pictures,
    unreadable,
)

FROM_NAME, TO_NAME, DATA_KEY = "label", "image", "image"
"""Names that the labelling configuration of the project must have:
`<Image name="image" value="$image"/><RectangleLabels name="label" toName="image">`."""

LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio serves the folder that is connected as its local storage."""

_UPLOAD_HASH = re.compile(r"^[0-9a-f]{8}-")
_Task = Mapping[str, Any]


def find_exports(folder: Path) -> list[Path]:
    """The JSON files right in a folder that are lists of tasks."""
    return [file for file in _json_files(folder) if isinstance(_read_tasks(file), list)]


def read_label_studio(folder: Path) -> Annotations:
    """Read all exports that lie in a folder with their pictures.

    The pictures may lie in folders below, with or without the hash that an upload puts before a
    name. Of several annotations of a task the last one counts; where there is none, the first
    prediction does, and its boxes have a confidence (0 where the file gives no score). A turned
    box becomes the upright one around it. The classes are the names found, sorted.
    """
    faults: list[Fault] = []
    sizes: dict[Path, tuple[int, int]] = {}
    for file in find_pictures(folder):
        try:
            sizes[file] = displayed_size(file)
        except UNREADABLE as error:
            faults.append(unreadable(file, error))
    broken = {fault.file for fault in faults}
    shelf = _Shelf(folder, [*sizes, *broken])
    labelled: dict[Path, LabelledPicture] = {}
    for export in _json_files(folder):
        tasks = _read_tasks(export)
        if isinstance(tasks, Fault):
            faults.append(tasks)
            continue
        for number, task in enumerate(tasks or (), start=1):
            place = f"{export}, task {task.get('id', number)}"
            found = shelf.find(_picture_url(task))
            if found is None:
                if not shelf.in_quarantine(_picture_url(task)):
                    faults.append(_without_picture(task, place, export))
            elif found in labelled:
                sentence = f"{place}: {found} has a task already, and that one counts; delete one."
                faults.append(Fault(Kind.MALFORMED_LINE, export, sentence))
            elif found in sizes:
                boxes, wrong = _read_boxes(task, place, export, *sizes[found])
                faults += wrong
                if boxes is not None:
                    labelled[found] = LabelledPicture(
                        found, *sizes[found], tuple(boxes), label_file=export
                    )
    pictures = [labelled[file] for file in sizes if file in labelled]
    return Annotations(
        folder,
        Layout.LABEL_STUDIO,
        tuple(pictures),
        tuple(sorted({box.label for picture in pictures for box in picture.boxes})),
        tuple(faults),
        tuple(file for file in sizes if file not in labelled),
    )


def write_label_studio(annotations: Annotations, file: Path, *, prefix: str = LOCAL_FILES) -> None:
    """Write tasks to import.

    A picture with a confidence at one of its boxes becomes a prediction, whose score is the
    smallest, so that Label Studio can sort by it; boxes in it without one count as certain. Any
    other picture becomes an annotation, also an empty one. Pictures without labels become tasks
    with nothing. The order of clicks is no part of the format.

    Args:
        annotations: Pictures with boxes.
        file: The JSON file; one that is there is replaced.
        prefix: What to put before the pictures' paths, which are relative to the folder.

    Raises:
        AnnotationError: a picture has one label for all of it, which is no box.
        OSError: it cannot be written.
    """

    def url(picture: Path) -> str:
        return prefix + quote(picture.relative_to(annotations.folder).as_posix())

    tasks: list[dict[str, object]] = []
    for picture in annotations.pictures:
        if picture.label is not None:
            raise AnnotationError(
                f"{picture.path} has the label {picture.label} and no boxes; only boxes can be "
                "written for Label Studio."
            )
        task: dict[str, object] = {"data": {DATA_KEY: url(picture.path)}}
        result = [_result(picture, box, number) for number, box in enumerate(picture.boxes)]
        scores = [box.confidence for box in picture.boxes if box.confidence is not None]
        if scores:
            task["predictions"] = [
                {"model_version": "clickorder", "score": min(scores), "result": result}
            ]
        else:
            task["annotations"] = [{"result": result}]
        tasks.append(task)
    tasks += [{"data": {DATA_KEY: url(path)}} for path in annotations.unlabelled]
    text = json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"
    write_atomically(file, text.encode())


def tasks_of(export: Path, pictures: Sequence[Path], folder: Path) -> str:
    """The tasks of some pictures as an export has them, nothing changed, as JSON text.

    Args:
        export: The file.
        pictures: Pictures of `folder` whose tasks are wanted.
        folder: Where the export's pictures are.
    """
    tasks = _read_tasks(export)
    shelf, wanted = _Shelf(folder, find_pictures(folder)), set(pictures)
    kept: list[_Task] = []
    if not isinstance(tasks, Fault | None):
        kept += [task for task in tasks if shelf.find(_picture_url(task)) in wanted]
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"


@dataclass(slots=True)
class _Shelf:
    """Finds the picture that a task means.

    Attributes:
        folder: Where the pictures are.
        pictures: All of them.
    """

    folder: Path
    pictures: Sequence[Path]
    _names: dict[str, list[Path]] = field(init=False)

    def __post_init__(self) -> None:
        names: defaultdict[str, list[Path]] = defaultdict(list)
        for picture in self.pictures:
            for name in _names(picture.name):
                names[name].append(picture)
        self._names = dict(names)

    def find(self, url: str) -> Path | None:
        """The picture of a URL: the longest way down that agrees; None for none or two."""
        wanted = PurePosixPath(composed(_path_of(url)))
        for name in _names(wanted.name):
            found = self._names.get(name, [])
            if len(found) > 1:
                best = max(_common_end(wanted, path) for path in found)
                found = [path for path in found if _common_end(wanted, path) == best]
            if len(found) == 1:
                return found[0]
        return None

    def in_quarantine(self, url: str) -> bool:
        """Whether a picture of this name was taken out of the folder."""
        names = set(_names(PurePosixPath(_path_of(url)).name))
        return any(
            not names.isdisjoint(_names(file.name))
            for file in (self.folder / QUARANTINE).rglob("*")
        )


def _names(name: str) -> Iterator[str]:
    """A file name, and the same without an upload's hash; blanks become underscores there."""
    name = composed(name)
    yield name
    plain = _UPLOAD_HASH.sub("", name).replace(" ", "_")
    if plain != name:
        yield plain


def _common_end(wanted: PurePosixPath, path: Path) -> int:
    count = 0
    for one, other in zip(reversed(wanted.parts), reversed(path.parts), strict=False):
        if one != composed(other):
            break
        count += 1
    return count


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)


def _picture_url(task: _Task) -> str:
    """The first value of the task's data whose path ends as a picture's does; else empty."""
    data = task.get("data")
    for value in data.values() if isinstance(data, dict) else ():
        if isinstance(value, str):
            try:
                path = _path_of(value)
            except ValueError:
                continue
            if PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES:
                return value
    return ""


def _without_picture(task: _Task, place: str, export: Path) -> Fault:
    url = _picture_url(task)
    what = f"there is no one picture {url} in the folder" if url else "it names no picture"
    return Fault(
        Kind.ORPHANED_LABEL,
        export,
        f"{place}: {what}; bring the picture back or delete the task.",
    )


def _json_files(folder: Path) -> list[Path]:
    """Those that can be exports; `split.json` is our own."""
    return [
        file
        for file in sorted(folder.glob("*.json"))
        if not file.name.startswith(".") and file.name != "split.json"
    ]


def _read_tasks(file: Path) -> list[_Task] | Fault | None:
    """The tasks of an export, a fault where it is broken, None where it is something else."""
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        sentence = f"{file} cannot be read as JSON ({error}); export it again from Label Studio."
        return Fault(Kind.UNREADABLE_LABEL, file, sentence)
    if not isinstance(value, list) or not value:
        return None
    tasks: list[_Task] = [
        task for task in value if isinstance(task, dict) and isinstance(task.get("data"), dict)
    ]
    return tasks if len(tasks) == len(value) else None


def _read_boxes(
    task: _Task, place: str, export: Path, width: int, height: int
) -> tuple[list[LabelledBox] | None, list[Fault]]:
    """The boxes of a task that are right, None where nobody labelled it; and the faults."""
    done = [a for a in _dicts(task.get("annotations")) if not a.get("was_cancelled")]
    guessed = _dicts(task.get("predictions"))
    if not done and not guessed:
        return None, []
    source = done[-1] if done else guessed[0]
    boxes: list[LabelledBox] = []
    faults: list[Fault] = []
    rows = [row for row in _dicts(source.get("result")) if row.get("type") == "rectanglelabels"]
    for number, row in enumerate(rows, start=1):
        score = None if done else _score(row.get("score", source.get("score")))
        box = _read_box(row, f"{place}, box {number}", export, (width, height), score)
        if isinstance(box, Fault):
            faults.append(box)
        else:
            boxes.append(box)
    return boxes, faults


def _read_box(
    row: _Task, place: str, export: Path, size: tuple[int, int], score: float | None
) -> LabelledBox | Fault:
    def fault(kind: Kind, what: str) -> Fault:
        return Fault(kind, export, f"{place} {what}; correct it in Label Studio and export again.")

    value = row.get("value")
    if not isinstance(value, dict):
        return fault(Kind.MALFORMED_LINE, "has no value")
    names = value.get("rectanglelabels")
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        return fault(Kind.MALFORMED_LINE, "has labels that are no names")
    if len(names) != 1:
        return fault(Kind.UNKNOWN_CLASS, f"has {len(names)} labels, but exactly one is needed")
    numbers = [value.get(key) for key in ("x", "y", "width", "height")]
    turned = value.get("rotation", 0)
    if not all(type(n) in (int, float) for n in (*numbers, turned)):
        return fault(Kind.MALFORMED_LINE, "has no numbers for x, y, width and height")
    corners = _corners([float(n) for n in numbers if n is not None], float(turned), size)
    wrong = box_fault(corners, *size)
    if wrong is not None:
        what = "no area" if wrong is Kind.EMPTY_BOX else "a part outside the picture"
        return fault(wrong, f"has {what} (x, y, width, height are {numbers} percent)")
    return LabelledBox(*cut_box(corners, *size), label=composed(names[0].strip()), confidence=score)


def _corners(percent: Sequence[float], turned: float, size: tuple[int, int]) -> Corners:
    """The upright box around one that is turned clockwise about its upper left corner."""
    x, y, w, h = (n / 100 * side for n, side in zip(percent, (*size, *size), strict=True))
    sine, cosine = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    if turned == 0 or w <= 0 or h <= 0 or not math.isfinite(turned):
        return (x, y, x + w, y + h)
    xs = [x, x + w * cosine, x - h * sine, x + w * cosine - h * sine]
    ys = [y, y + w * sine, y + h * cosine, y + w * sine + h * cosine]
    return (min(xs), min(ys), max(xs), max(ys))


def _score(value: object) -> float:
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    return 0.0


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _result(picture: LabelledPicture, box: LabelledBox, number: int) -> dict[str, object]:
    row: dict[str, object] = {
        "id": f"box{number}",
        "type": "rectanglelabels",
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "original_width": picture.width,
        "original_height": picture.height,
        "image_rotation": 0,
        "value": {
            "x": box.x1 / picture.width * 100,
            "y": box.y1 / picture.height * 100,
            "width": (box.x2 - box.x1) / picture.width * 100,
            "height": (box.y2 - box.y1) / picture.height * 100,
            "rotation": 0,
            "rectanglelabels": [box.label],
        },
    }
    if any(other.confidence is not None for other in picture.boxes):
        row["score"] = 1.0 if box.confidence is None else box.confidence
    return row
