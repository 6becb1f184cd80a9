"""The labels of one picture at a time, for a person who corrects them: read, saved, remembered.

A save touches up to four files: `classes.txt`, the label file, `order.json`, and a hidden journal
that makes them one. Killed before the journal is there, nothing has changed but perhaps a new name
at the end of `classes.txt`; killed after it, whoever comes next finishes the save.
"""

import contextlib
import csv
import hashlib
import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from labels.annotations import PICTURE_SUFFIXES, LabelledBox, LabelledPicture
from labels.atomic import locked_folder, write_atomically
from labels.class_lists import class_list_of
from labels.click_order import Order, picture_key, read_order, write_order
from labels.errors import (
    AnnotationError,
    ChangedLabelsError,
    DoubtfulLabelsError,
    LayoutError,
    UnknownPictureError,
)
from labels.pictures import (
    QUARANTINE,
    UNREADABLE,
    displayed_size,
    find_pictures,
    is_picture,
    unreadable,
)
from labels.proposals import REPORT_FILE
from labels.yolo import (
    label_file_of,
    read_class_list,
    read_label_file,
    write_classes,
    write_yolo_labels,
)

REVIEW_FILE = "review.json"

_JOURNAL = ".review-pending.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture in the list of a folder.

    Attributes:
        name: Name of the file, relative to the folder, with `/` between folders.
        labelled: Whether it has a label file, be it an empty one.
        reviewed: Whether a person has said that it is right.
        certainty: Certainty of the proposed labels in `prelabel.csv`; None where it does not say.
    """

    name: str
    labelled: bool
    reviewed: bool
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be reviewed of one picture.

    Attributes:
        name: As in `Entry`.
        picture: With its boxes in the order of their lines.
        version: Changes with everything in `picture.boxes`; a save must name it.
        reviewed: As in `Entry`.
        doubts: Sentences on what could not be read and would be lost by a save.
    """

    name: str
    picture: LabelledPicture
    version: str
    reviewed: bool
    doubts: tuple[str, ...]


class Review:
    """A folder under review; safe to share between threads and between processes."""

    def __init__(self, folder: Path) -> None:
        """Finish what an interrupted review left, and look whether the folder can be used.

        Raises:
            LayoutError: it is no folder, has no picture, or one of its files cannot be read.
            OSError: an interrupted save cannot be finished.
        """
        if not folder.is_dir():
            raise LayoutError(f"{folder} is not a folder; give the one with the pictures.")
        self.folder = folder
        self._real = folder.resolve()
        self._thread = threading.Lock()
        with self._alone():
            self._finish_pending()
        self.classes()
        read_order(folder)
        read_reviewed(folder)
        if not self.entries():
            raise LayoutError(
                f"{folder} has no picture in it; give the folder with the pictures themselves "
                "(links that lead out of it are not followed)."
            )

    def classes(self) -> tuple[str, ...]:
        """Known names in the order of their numbers; none where there is no `classes.txt` yet.

        Raises:
            LayoutError: the file cannot be used.
        """
        file = class_list_of(self.folder)
        return read_class_list(file) if file.is_file() else ()

    def entries(self) -> tuple[Entry, ...]:
        """All pictures, sorted by path."""
        reviewed = read_reviewed(self.folder)
        certainties = read_certainties(self.folder)
        return tuple(
            Entry(
                name := picture_key(path, self.folder),
                label_file_of(path, self.folder).is_file(),
                name in reviewed,
                certainties.get(name),
            )
            for path in find_pictures(self.folder)
            if self._is_inside(path)
        )

    def path_of(self, name: str) -> Path:
        """The file of a picture.

        Raises:
            UnknownPictureError: it is none of `entries`, or lies outside of the folder.
        """
        relative = PurePosixPath(name)
        path = self.folder / relative
        hidden = any(part.startswith(".") or part == QUARANTINE for part in relative.parts)
        if (
            hidden
            or relative.is_absolute()
            or relative.as_posix() != name
            or not (is_picture(path) and path.is_file() and self._is_inside(path))
        ):
            raise UnknownPictureError(
                f"{name!r} is not a picture of {self.folder}; load the list again."
            )
        return path

    def read(self, name: str) -> Sheet:
        """Read the labels of a picture.

        Raises:
            UnknownPictureError: see `path_of`.
            AnnotationError: it cannot be read as a picture.
            LayoutError: `classes.txt` or `order.json` cannot be used.
        """
        with self._alone():
            self._finish_pending()
            return self._read(name)

    def save(
        self,
        name: str,
        boxes: Sequence[LabelledBox],
        version: str,
        *,
        replace_doubtful: bool = False,
    ) -> Sheet:
        """Replace the labels of a picture and the order of its clicks.

        Labels that `classes.txt` does not have are added at its end. Saving again what is there
        already is no conflict, so that a save without an answer can be repeated.

        Args:
            name: As in `Entry`.
            boxes: All of them, in the order of their lines; their orders must be 0, 1, 2, ...
            version: Version of the sheet that was edited.
            replace_doubtful: Whether what could not be read may be lost.

        Returns:
            The sheet as it is now.

        Raises:
            UnknownPictureError, LayoutError: see `read`.
            AnnotationError: a box is outside of the picture, a label is not one line, or the
                orders have a gap.
            ChangedLabelsError: the labels on disk are no longer those of `version`.
            DoubtfulLabelsError: there are doubts, and `replace_doubtful` is not set.
            OSError: it cannot be written; the save is then done later, or not at all.
        """
        order = _dense_order(name, boxes)
        with self._alone():
            self._finish_pending()
            now = self._read(name)
            if now.doubts and not replace_doubtful:
                raise DoubtfulLabelsError(
                    f"{name} has labels that cannot be read, and saving would lose them: "
                    f"{now.doubts[0]}"
                )
            wanted = replace(now.picture, boxes=tuple(boxes))
            classes = self.classes()
            classes += tuple(dict.fromkeys(b.label for b in boxes if b.label not in classes))
            label_file = label_file_of(now.picture.path, self.folder)
            staged = _staged(label_file)
            if now.version != version and not self._is_already(wanted, classes, order):
                raise ChangedLabelsError(
                    f"The labels of {name} were changed elsewhere meanwhile; load them again."
                )
            if classes:
                write_classes(self.folder, classes)
            write_yolo_labels(wanted, classes, staged)
            journal = {"picture": name, "before": _digest(label_file), "order": order}
            write_atomically(self.folder / _JOURNAL, _json(journal))
            self._finish_pending()
            return self._read(name)

    def mark(self, name: str, *, reviewed: bool) -> None:
        """Remember whether a person has said that the labels of a picture are right.

        Raises:
            UnknownPictureError: see `path_of`.
            LayoutError: `review.json` cannot be read.
            OSError: it cannot be written.
        """
        self.path_of(name)
        with self._alone():
            before = read_reviewed(self.folder)
            after = before | {name} if reviewed else before - {name}
            if after != before:
                write_atomically(
                    self.folder / REVIEW_FILE, _json({"reviewed": sorted(after)}, indent=1)
                )

    def _read(self, name: str) -> Sheet:
        path = self.path_of(name)
        try:
            width, height = displayed_size(path)
        except UNREADABLE as error:
            raise AnnotationError(unreadable(path, error).sentence) from error
        classes = self.classes()
        label_file = label_file_of(path, self.folder)
        doubts = [
            f"{path.name} and {twin.name} share the label file {label_file.name}; give one of them "
            "another name."
            for twin in _twins(path)
        ]
        boxes: tuple[LabelledBox, ...] = ()
        if label_file.is_file():
            lines, faults = read_label_file(label_file, len(classes), confidence=True)
            doubts += [fault.sentence for fault in faults]
            boxes = tuple(
                LabelledBox(
                    *line.box(width, height), classes[line.index], confidence=line.confidence
                )
                for line in lines or ()
            )
        order = read_order(self.folder).get(name)
        if order is not None:
            if len(order) == len(boxes):
                boxes = tuple(replace(b, order=o) for b, o in zip(boxes, order, strict=True))
            else:
                doubts.append(
                    f"The order of clicks of {name} has {len(order)} entries for {len(boxes)} "
                    "boxes; set it again."
                )
        known = label_file if label_file.is_file() else None
        picture = LabelledPicture(path, width, height, boxes, label_file=known)
        reviewed = name in read_reviewed(self.folder)
        # The names, too: other names in `classes.txt` give the same numbers another meaning.
        seen = [_digest(label_file), order, [box.label for box in boxes]]
        version = hashlib.sha256(_json(seen)).hexdigest()[:32]
        return Sheet(name, picture, version, reviewed, tuple(doubts))

    def _is_already(
        self, wanted: LabelledPicture, classes: tuple[str, ...], order: Order | None
    ) -> bool:
        label_file = label_file_of(wanted.path, self.folder)
        if classes != self.classes() or not label_file.is_file():
            return False
        staged = _staged(label_file)
        write_yolo_labels(wanted, classes, staged)
        same = staged.read_bytes() == label_file.read_bytes()
        staged.unlink()
        name = picture_key(wanted.path, self.folder)
        return same and read_order(self.folder).get(name) == order

    def _finish_pending(self) -> None:
        """Do the rest of a save whose journal was written."""
        file = self.folder / _JOURNAL
        try:
            journal = json.loads(file.read_bytes())
            name, order, before = (journal[key] for key in ("picture", "order", "before"))
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            raise LayoutError(
                f"{file} is not the journal of a save ({error}); take it away."
            ) from error
        with contextlib.suppress(UnknownPictureError):  # somebody took the picture away
            label_file = label_file_of(self.path_of(name), self.folder)
            staged = _staged(label_file)
            if staged.is_file():
                if _digest(label_file) == before:
                    staged.replace(label_file)
                    self._set_order(name, order)
                else:  # somebody else wrote the labels after the kill; the save was not confirmed
                    staged.unlink()
            else:
                self._set_order(name, order)
        file.unlink()

    def _set_order(self, name: str, order: Sequence[int | None] | None) -> None:
        orders = read_order(self.folder)
        wanted = None if order is None else tuple(order)
        if orders.get(name) != wanted:
            others = {key: value for key, value in orders.items() if key != name}
            write_order(self.folder, others if wanted is None else others | {name: wanted})

    def _is_inside(self, path: Path) -> bool:
        """Whether a picture lies in the folder, and no linked folder is on the way to it."""
        place = self._real / path.relative_to(self.folder).parent
        return path.parent.resolve() == place and path.resolve().is_relative_to(self._real)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off all other threads, and other processes that review the same folder.

        Where the folder has no locks, the version check must do.
        """
        with self._thread, locked_folder(self.folder):
            yield


def read_reviewed(folder: Path) -> frozenset[str]:
    """Names of the pictures that a person has reviewed, relative to the folder.

    Raises:
        LayoutError: `review.json` cannot be read.
    """
    file = folder / REVIEW_FILE
    try:
        return frozenset(map(str, json.loads(file.read_bytes())["reviewed"]))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutError(
            f'{file} cannot be read ({error}); it must be {{"reviewed": ["picture.png"]}}, or be '
            "taken away, and then no picture counts as reviewed."
        ) from error


def read_certainties(folder: Path) -> dict[str, float]:
    """Picture to confidence, from `prelabel.csv`; the lowest where a picture has several lines.

    What cannot be read is left out: it only sorts.
    """
    found: dict[str, float] = {}
    try:
        with (folder / REPORT_FILE).open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                name = row.get("picture")
                try:
                    value = float(row.get("confidence") or "nan")
                except ValueError:
                    continue
                if name and math.isfinite(value):
                    found[name] = min(value, found.get(name, math.inf))
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return found


def _dense_order(name: str, boxes: Sequence[LabelledBox]) -> Order | None:
    """The order of each box; None where no box has one."""
    given = sorted(box.order for box in boxes if box.order is not None)
    if given != list(range(len(given))):
        raise AnnotationError(
            f"The order of clicks of {name} is {given}; it must count from 0 without gaps."
        )
    return tuple(box.order for box in boxes) if given else None


def _twins(path: Path) -> list[Path]:
    """Other pictures that have the same label file."""
    suffixes = PICTURE_SUFFIXES | {suffix.upper() for suffix in PICTURE_SUFFIXES}
    found = (path.with_suffix(suffix) for suffix in sorted(suffixes - {path.suffix}))
    return [other for other in found if other.is_file() and not other.samefile(path)]


def _staged(label_file: Path) -> Path:
    return label_file.with_name(f".{label_file.name}.review")


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _json(value: object, indent: int | None = None) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()
