"""Pictures with label files in labelImg's YOLO format, in a folder or named by a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from labels.annotations import PICTURE_SUFFIXES
from labels.pictures import UNREADABLE, as_on_disk, displayed_size, find_pictures, unreadable
from labels.sidecar import shared_label
from labels.yolo import label_file_of, labels_folder, read_label_file
from training.detector.samples import Sample, item_sample
from training.errors import DetectionDataError

_MOST_REPORTED = 12


@dataclass(slots=True)
class Faults:
    """Collects sentences, to report many at once."""

    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Remember a sentence."""
        self.sentences.append(sentence)

    def raise_any(self) -> None:
        """Report what was found, if anything.

        Raises:
            DetectionDataError: a sentence a line.
        """
        if not self.sentences:
            return
        shown = self.sentences[:_MOST_REPORTED]
        if more := len(self.sentences) - len(shown):
            shown.append(f"... and {more} more like these.")
        raise DetectionDataError("\n".join(shown))


def folder_samples(
    pictures: Path,
    labels: Path,
    classes: tuple[str, ...],
    faults: Faults,
    *,
    unlabelled_empty: bool = False,
) -> list[Sample]:
    """Every picture of a folder with its label file of the same stem.

    Without one it shows no item where `unlabelled_empty` says so; else that is a fault.
    """
    if not pictures.is_dir():
        faults.add(f"{pictures} is not a folder of pictures; correct the path.")
        return []
    files = find_pictures(pictures)

    def label_of(file: Path) -> Path:
        label = as_on_disk((labels / file.relative_to(pictures)).with_suffix(".txt"))
        return label if label.is_file() else label_file_of(file, pictures)

    if not files:
        faults.add(f"{pictures} holds no picture ({', '.join(sorted(PICTURE_SUFFIXES))}).")
    return samples_of(files, label_of, classes, faults, unlabelled_empty=unlabelled_empty)


def samples_of(
    files: Sequence[Path],
    label_of: Callable[[Path], Path],
    classes: tuple[str, ...],
    faults: Faults,
    *,
    unlabelled_empty: bool,
) -> list[Sample]:
    """Pictures with their label files; see `folder_samples`."""
    of_label = {file: label_of(file) for file in files}
    label_files: dict[Path, list[Path]] = {}
    for file, label in of_label.items():
        label_files.setdefault(label, []).append(file)
    samples = []
    for file, label in of_label.items():
        if label.is_file() and len(label_files[label]) > 1:
            if file == label_files[label][0]:
                faults.add(shared_label(label_files[label]).sentence)
        elif not label.is_file() and unlabelled_empty:
            samples.append(item_sample(file, []))
        elif not label.is_file():
            faults.add(
                f"{file} has no label file {label.name} beside it; label it, or make the file "
                "empty where the picture shows no item."
            )
        elif sample := _labelled(file, label, classes, faults):
            samples.append(sample)
    return samples


def label_beside(file: Path) -> Path:
    """The label file of a listed picture: in `labels/` for one in `images/`, else beside it."""
    return as_on_disk(labels_folder(Path(), file.parent) / file.with_suffix(".txt").name)


def place_of(root: Path, name: str) -> Path:
    """A folder or list that a `data.yaml` names.

    Roboflow writes `../train/images` where it means `train/images` beside the file, and CVAT
    `data/obj_train_data` where the folder `data` is the set itself.
    """
    place = root / name
    if place.exists():
        return place
    parts = PurePosixPath(name.replace("\\", "/")).parts
    shorter = (root.joinpath(*parts[at:]) for at in range(1, len(parts)))
    return next((other for other in shorter if other.exists()), place)


def listed_pictures(file: Path, root: Path, faults: Faults) -> list[Path]:
    """The pictures that a list names, a path each line, relative to the set or to the list."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        faults.add(f"{file} cannot be read ({error}); it must be UTF-8 text.")
        return []
    found = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line:
            continue
        places = (place_of(root, line), place_of(file.parent, line))
        place = next((as_on_disk(one) for one in places if as_on_disk(one).is_file()), None)
        if place is None:
            faults.add(f"{file}, line {number}, names {line}, which is not there; correct it.")
        else:
            found.append(place)
    if not found:
        faults.add(f"{file} names no picture that is there.")
    return list(dict.fromkeys(found))


def _labelled(
    picture: Path, label: Path, classes: tuple[str, ...], faults: Faults
) -> Sample | None:
    """One picture with its YOLO lines: class, centre and sides as shares of the picture."""
    try:
        width, height = displayed_size(picture)
    except UNREADABLE as error:
        faults.add(unreadable(picture, error).sentence)
        return None
    lines, wrong = read_label_file(label, len(classes))
    for fault in wrong:
        faults.add(fault.sentence)
    if lines is None:
        return None
    rows = [line.box(width, height) for line in lines]
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    return Sample(picture, boxes, np.array([line.index for line in lines], np.int64))
