"""Where the `classes.txt` of a labelImg folder lies.

labelImg writes it beside the label files. These are beside the pictures, or in a folder of their
own wherever its user has set one ("Change Save Dir"):

    data/classes.txt, 1.png, 1.txt        all in one
    data/pictures/1.png                   two folders
    data/labels/classes.txt, 1.txt
    data/1.png                            a folder below that of the pictures
    data/labels/classes.txt, 1.txt
"""

from functools import lru_cache
from pathlib import Path

from labels.annotations import PICTURE_SUFFIXES
from labels.errors import LayoutError
from labels.pictures import QUARANTINE

CLASSES_FILE = "classes.txt"


def class_list_of(folder: Path) -> Path:
    """The `classes.txt` that the numbers in a folder's label files count on, or would.

    Args:
        folder: The one that holds pictures and labels, itself or in folders.

    Returns:
        The one in the folder itself, else the one in a folder of label files right below it. The
        first, which does not exist, where there is neither.

    Raises:
        LayoutError: several folders below have one.
    """
    top = folder / CLASSES_FILE
    if top.is_file():
        return top
    below = [other / CLASSES_FILE for other in _label_folders(folder)]
    if len(below) > 1:
        raise LayoutError(
            f"{folder} has several class lists ({', '.join(map(str, below))}); give one of these "
            "folders, or keep the list that the label files were made with."
        )
    return below[0] if below else top


def separate_label_file(picture: Path, folder: Path) -> Path | None:
    """Where the boxes of a picture are, or would be, in a folder of label files only.

    Args:
        picture: A file in `folder` or below.
        folder: See `class_list_of`.

    Returns:
        The label file; None where labels lie beside the pictures.
    """
    if (folder / CLASSES_FILE).is_file():
        return None
    folders = _label_folders(folder)
    if len(folders) != 1:
        return None
    (labels,) = folders
    inner = picture.relative_to(folder).with_suffix(".txt").parts
    # labelImg knows one folder of labels; others repeat in it the folders of the pictures.
    places = [labels.joinpath(*inner[1:] or inner), labels / inner[-1]]
    file = next((place for place in places if place.is_file()), places[0])
    # Pictures beside the list have their labels there: such a folder is a set of its own.
    if any(file.with_suffix(suffix).is_file() for suffix in PICTURE_SUFFIXES):
        return None
    return file


def _label_folders(folder: Path) -> list[Path]:
    """The folders right below that have a class list."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return []
    return [other for other in _folders(folder, changed) if (other / CLASSES_FILE).is_file()]


@lru_cache(maxsize=64)
def _folders(folder: Path, changed: int) -> tuple[Path, ...]:  # noqa: ARG001 - part of the key
    """The folders right below; asked for once a picture, of which there may be thousands."""
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.name != QUARANTINE and not path.name.startswith(".") and path.is_dir()
    )
