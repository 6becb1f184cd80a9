"""A folder of labelled pictures, whatever its layout."""

from collections.abc import Callable
from pathlib import Path

from labels.annotations import Annotations, Layout
from labels.class_folders import (
    class_folders,
    named_pictures,
    read_class_folders,
    read_named,
    refuse_unknown_set,
)
from labels.class_lists import CLASSES_FILE, class_list_of
from labels.errors import LayoutError
from labels.label_studio import find_exports, read_label_studio
from labels.pictures import find_files, is_picture
from labels.puzzles import PUZZLES_FILE
from labels.voc import is_voc_file, read_voc
from labels.yolo import label_file_of, read_yolo


def read_annotations(folder: Path, layout: Layout | None = None) -> Annotations:
    """Read a folder; what is wrong with single files is in `faults`.

    Args:
        folder: Where the pictures are; what lies in `quarantine/` or is hidden does not count.
        layout: How labels are stored; None finds it out.

    Raises:
        LayoutError: there is no such folder, its layout is not known, or the one file that
            describes all of it cannot be read.
        PuzzleSetError: it is a puzzle set that cannot be read.
    """
    if not folder.is_dir():
        raise LayoutError(f"{folder} is no folder; give a folder of labelled pictures.")
    return _READERS[layout or detect_layout(folder)](folder)


def detect_layout(folder: Path) -> Layout:
    """How a folder holds its labels.

    Raises:
        LayoutError: in no way that is known.
    """
    if (folder / PUZZLES_FILE).is_file():
        return Layout.PUZZLES
    if _holds_voc(folder):
        return Layout.VOC
    if class_list_of(folder).is_file():
        return Layout.YOLO
    if find_exports(folder):
        return Layout.LABEL_STUDIO
    found = [name for name, pictures in class_folders(folder).items() if pictures]
    refuse_unknown_set(folder, found)
    if found:
        return Layout.CLASSES
    if named_pictures(folder):
        return Layout.NAMED
    raise LayoutError(
        f"{folder} has no labels of a known layout: neither {CLASSES_FILE} (labelImg), nor Pascal "
        "VOC .xml files, nor a JSON export of Label Studio, nor class folders with pictures, nor "
        f"pictures named label_hash.png, nor {PUZZLES_FILE}; if only a file is missing, say which "
        f"layout it is ({', '.join(Layout)}); where label files have a folder of their own, give "
        "the one that holds pictures and labels."
    )


def _holds_voc(folder: Path) -> bool:
    """Whether there are VOC files and no label file of labelImg's YOLO format.

    labelImg leaves a `classes.txt` behind when its user changes from one format to the other.
    """
    files = set(find_files(folder))
    if any(is_picture(file) and label_file_of(file, folder).is_file() for file in files):
        return False
    return any(file.suffix.lower() == ".xml" and is_voc_file(file) for file in files)


def _read_puzzles(folder: Path) -> Annotations:
    # Only here: no other layout needs what it brings.
    from labels.puzzle_annotations import read_puzzle_annotations

    return read_puzzle_annotations(folder)


_READERS: dict[Layout, Callable[[Path], Annotations]] = {
    Layout.YOLO: read_yolo,
    Layout.VOC: read_voc,
    Layout.LABEL_STUDIO: read_label_studio,
    Layout.CLASSES: read_class_folders,
    Layout.NAMED: read_named,
    Layout.PUZZLES: _read_puzzles,
}
