"""Pictures whose name or folder is their label.

class/picture.png    a folder for each class, named as `labels.class_names` says
label_hash.png       as dddd_trainer names pictures; the label ends at the last underscore
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from labels.annotations import Annotations, Fault, LabelledPicture, Layout
from labels.class_names import class_of_folder, holds_class
from labels.pictures import (
    QUARANTINE,
    UNREADABLE,
    composed,
    displayed_size,
    find_pictures,
    is_picture,
    unreadable,
)


def read_class_folders(folder: Path) -> Annotations:
    """Read a folder for each class; one without pictures is a class without pictures.

    Pictures beside or below the class folders are unlabelled.
    """
    return _annotations(folder, Layout.CLASSES, class_folders(folder))


def read_named(folder: Path) -> Annotations:
    """Read pictures named `label_hash.png`; those in folders or named otherwise are unlabelled."""
    return _annotations(folder, Layout.NAMED, named_pictures(folder))


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """The pictures right in each class folder, by class; no file is opened.

    Folders that are hidden, in quarantine or hold no class by their name are left out.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        named = not path.name.startswith(".") and path.name != QUARANTINE and holds_class(path.name)
        if named and path.is_dir():
            found.setdefault(class_of_folder(path.name), []).extend(_pictures_in(path))
    return found


def named_pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures right in a folder that are named `label_hash.png`, by label."""
    found: dict[str, list[Path]] = {}
    for path in _pictures_in(folder):
        if label := label_of_name(path):
            found.setdefault(label, []).append(path)
    return found


def label_of_name(picture: Path) -> str:
    """What stands before the last underscore of a name; empty where there is none."""
    return composed(picture.stem.rpartition("_")[0])


def _pictures_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if is_picture(path) and path.is_file() and not path.name.startswith(".")
    ]


def _annotations(folder: Path, layout: Layout, found: Mapping[str, Sequence[Path]]) -> Annotations:
    labels = {path: label for label, paths in found.items() for path in paths}
    pictures: list[LabelledPicture] = []
    unlabelled: list[Path] = []
    faults: list[Fault] = []
    for file in find_pictures(folder):
        try:
            size = displayed_size(file)
        except UNREADABLE as error:
            faults.append(unreadable(file, error))
            continue
        if file in labels:
            pictures.append(LabelledPicture(file, *size, label=labels[file]))
        else:
            unlabelled.append(file)
    return Annotations(
        folder,
        layout,
        tuple(pictures),
        tuple(sorted(found)),
        tuple(faults),
        tuple(unlabelled),
    )
