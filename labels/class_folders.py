"""Pictures whose name or folder is their label.

class/picture.png    a folder for each class, named as `labels.class_names` says
label_hash.png       as dddd_trainer names pictures; the label ends at the last underscore
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from labels.annotations import Annotations, Fault, LabelledPicture, Layout
from labels.class_names import class_of_folder, holds_class
from labels.errors import LayoutError
from labels.pictures import (
    QUARANTINE,
    UNREADABLE,
    composed,
    displayed_size,
    find_pictures,
    is_picture,
    unreadable,
)

_SET_FOLDERS = frozenset(
    [
        "images",
        "image",
        "imgs",
        "labels",
        "annotations",
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "obj_train_data",
        "obj_valid_data",
        "obj_test_data",
        "jpegimages",
        "imagesets",
        "masks",
        "data",
    ]
)
"""Names of folders that say what lies in them, and not what the pictures show."""
_LARGE_BYTES, _START_CHARACTERS = 50_000_000, 100_000


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


def refuse_unknown_set(folder: Path, names: Sequence[str]) -> None:
    """Refuse folders of another layout, which would turn into classes.

    Args:
        folder: The set.
        names: Names of its folders with pictures.

    Raises:
        LayoutError: it is COCO, or its folders are called as those of a set and not as classes.
    """
    for file in sorted((*folder.glob("*.json"), *folder.glob("*/*.json"))):
        if QUARANTINE not in file.parts and _is_coco(file):
            raise LayoutError(
                f"{folder} holds labels of COCO ({file.relative_to(folder)}), which are not read; "
                "export them as YOLO, Pascal VOC or for Label Studio."
            )
    if names and _SET_FOLDERS.issuperset(name.lower() for name in names):
        raise LayoutError(
            f"{folder} has the folders {', '.join(sorted(names))}, which are no classes, and no "
            "list of classes that says what the labels mean; add the classes.txt, obj.names or "
            "data.yaml of the export, or say --layout classes where these are classes."
        )


def _is_coco(file: Path) -> bool:
    """Whether it is an object of images, annotations and categories; large files by their start."""
    try:
        if file.stat().st_size > _LARGE_BYTES:
            with file.open(encoding="utf-8-sig") as stream:
                start = stream.read(_START_CHARACTERS)
            return '"images"' in start or '"categories"' in start
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"images", "annotations", "categories"} <= value.keys()
