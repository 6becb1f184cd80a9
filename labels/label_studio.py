"""Boxes as Label Studio exports them (JSON or JSON-MIN) and imports them.

A file holds a list of tasks, each with one or several pictures in `data` and, in `annotations` or
`predictions`, results: shapes in percent of the picture as displayed, and their labels, in one
result or in several with one id. Of ellipses and polygons the box around them is taken; whatever
else was drawn is a fault, and a picture with nothing but faults is not one that shows nothing.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from labels.annotations import (
    Annotations,
    Fault,
    Kind,
    LabelledBox,
    LabelledPicture,
    Layout,
)
from labels.atomic import write_atomically
from labels.errors import AnnotationError
from labels.label_studio_regions import (
    CHOICES,
    Task,
    dicts,
    path_of,
    picture_urls,
    read_box,
    region_fault,
    regions_of,
    url_of,
)
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
    seen: set[Path] = set()
    doubtful: set[Path] = set()
    for export in _json_files(folder):
        tasks = _read_tasks(export)
        if isinstance(tasks, Fault):
            faults.append(tasks)
            continue
        for number, task in enumerate(tasks or (), start=1):
            place = f"{export}, task {task.get('id', number)}"
            urls = picture_urls(task)
            faults += [
                _without_picture(url, place, export)
                for url in urls or [""]
                if shelf.find(url) is None and not shelf.in_quarantine(url)
            ]
            boxes, wrong, unclear = _read_boxes(task, place, export, shelf, sizes)
            faults += wrong
            doubtful |= unclear
            for file in dict.fromkeys(filter(None, map(shelf.find, urls))):
                if file in seen:
                    sentence = (
                        f"{place}: {file} has a task already, and that one counts; delete one."
                    )
                    faults.append(Fault(Kind.MALFORMED_LINE, export, sentence))
                elif file in sizes:
                    seen.add(file)
                    if file in boxes:
                        labelled[file] = LabelledPicture(
                            file, *sizes[file], tuple(boxes[file]), label_file=export
                        )
    pictures = [labelled[file] for file in sizes if file in labelled]
    return Annotations(
        folder,
        Layout.LABEL_STUDIO,
        tuple(pictures),
        tuple(sorted({box.label for picture in pictures for box in picture.boxes})),
        tuple(faults),
        tuple(file for file in sizes if file not in labelled and file not in doubtful),
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
    kept: list[Task] = []
    if not isinstance(tasks, Fault | None):
        kept += [task for task in tasks if wanted & {shelf.find(url) for url in picture_urls(task)}]
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
        wanted = PurePosixPath(composed(path_of(url)))
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
        names = set(_names(PurePosixPath(path_of(url)).name))
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


def _without_picture(url: str, place: str, export: Path) -> Fault:
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


def _read_tasks(file: Path) -> list[Task] | Fault | None:
    """The tasks of an export, a fault where it is broken, None where it is something else."""
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        sentence = f"{file} cannot be read as JSON ({error}); export it again from Label Studio."
        return Fault(Kind.UNREADABLE_LABEL, file, sentence)
    if not isinstance(value, list) or not value:
        return None
    tasks: list[Task] = [
        task
        for task in map(_whole_task, value)
        if isinstance(task, dict) and isinstance(task.get("data"), dict)
    ]
    return tasks if len(tasks) == len(value) else None


def _whole_task(task: object) -> object:
    """A task of JSON-MIN, which has data and values side by side, in the form of JSON."""
    if not isinstance(task, dict) or "data" in task:
        return task
    rows = {
        key: [value for value in values if isinstance(value, dict)]
        for key, values in task.items()
        if isinstance(values, list) and key != "data"
    }
    regions = [row for values in rows.values() for row in values if "original_width" in row]
    if not regions:
        return task
    result = [{"type": "rectanglelabels", "value": row} for row in regions]
    data = {key: value for key, value in task.items() if isinstance(value, str)}
    return {"id": task.get("id"), "data": data, "annotations": [{"result": result}]}


def _read_boxes(
    task: Task, place: str, export: Path, shelf: _Shelf, sizes: Mapping[Path, tuple[int, int]]
) -> tuple[dict[Path, list[LabelledBox]], list[Fault], set[Path]]:
    """The boxes of each picture of a task that somebody labelled, and the faults.

    A picture whose results were all not understood is left out, since it does not show nothing, and
    is among the doubtful pictures, which come third.
    """
    done = [a for a in dicts(task.get("annotations")) if not a.get("was_cancelled")]
    guessed = dicts(task.get("predictions"))
    if not done and not guessed:
        return {}, [], set()
    source = done[-1] if done else guessed[0]
    boxes: dict[Path, list[LabelledBox]] = {}
    faults: list[Fault] = []
    doubtful: set[Path | None] = set()
    unclear: set[Path] = set()
    regions = regions_of(source.get("result"))
    for number, region in enumerate(regions, start=1):
        where = f"{place}, box {number}"
        score = None if done else _score(region.get("score", source.get("score")))
        url = url_of(task, region)
        picture = None if url is None else shelf.find(url)
        if picture is not None and picture not in sizes:
            continue  # It has the fault of a picture that cannot be read.
        if url is None:
            found: LabelledBox | Fault = region_fault(
                where, export, "does not say which picture of the task it is on"
            )
        elif picture is None:
            continue  # The task has the fault of a picture that is not there.
        else:
            found = read_box(region, where, export, sizes[picture], score)
        if isinstance(found, Fault):
            faults.append(found)
            doubtful.add(picture)
        elif picture is not None:
            boxes.setdefault(picture, []).append(found)
    if not regions and any(str(row.get("type")) in CHOICES for row in dicts(source.get("result"))):
        what = "has choices for the whole picture and no boxes"
        found_here = {file for file in map(shelf.find, picture_urls(task)) if file is not None}
        return {}, [region_fault(place, export, what)], found_here
    for url in picture_urls(task):
        picture = shelf.find(url)
        # Nothing was drawn there: it shows nothing, unless something was that nobody understood.
        if picture is not None and picture in sizes and not doubtful & {picture, None}:
            boxes.setdefault(picture, [])
        elif picture is not None and picture not in boxes:
            unclear.add(picture)
    return boxes, faults, unclear


def _score(value: object) -> float:
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    return 0.0


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
