"""Where the `classes.txt` of a labelImg folder lies.

labelImg writes it beside the label files. These are beside the pictures, or in a folder of their
own wherever its user has set one ("Change Save Dir"):

    data/classes.txt, 1.png, 1.txt        all in one
    data/pictures/1.png                   two folders
    data/labels/classes.txt, 1.txt
    data/1.png                            a folder below that of the pictures
    data/labels/classes.txt, 1.txt

CVAT calls the list `obj.names`, Ultralytics and Roboflow have the names in a `data.yaml`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from labels.annotations import PICTURE_SUFFIXES
from labels.errors import LayoutError
from labels.pictures import QUARANTINE, composed

CLASSES_FILE = "classes.txt"
CVAT_FILE = "obj.names"
YAML_SUFFIXES = (".yaml", ".yml")

_NAMES_KEY = re.compile(r"^names\s*:", re.MULTILINE)


def class_list_of(folder: Path) -> Path:
    """The `classes.txt` that the numbers in a folder's label files count on, or would.

    Args:
        folder: The one that holds pictures and labels, itself or in folders.

    Returns:
        The one in the folder itself, else the one in a folder of label files right below it, else
        the `obj.names` or the only YAML file with names in the folder. The first, which does not
        exist, where there is none.

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
    if below:
        return below[0]
    if (folder / CVAT_FILE).is_file():
        return folder / CVAT_FILE
    described = [file for file in _yaml_files(folder) if _has_names(file)]
    return described[0] if len(described) == 1 else top


def read_description(file: Path) -> dict[str, Any]:
    """A `data.yaml` of Ultralytics, all its values as texts.

    Otherwise the names no, 010 and 1.10 would be False, 8 and 1.1.

    Raises:
        LayoutError: it cannot be read, or holds no keys and values.
    """
    try:
        import yaml  # comes with the extra `train`
    except ImportError as error:
        raise LayoutError(
            f"{file} is YAML, and what reads it is not installed; install it with "
            'pip install -e ".[train]", or write the names into a classes.txt, a line each.'
        ) from error
    try:
        text = file.read_text(encoding="utf-8-sig")
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise LayoutError(f"{file} cannot be read as YAML ({error}).") from error
    if not isinstance(data, dict):
        raise LayoutError(f"{file} holds no keys and values; it needs at least train and names.")
    return data


def described_names(data: Mapping[str, Any], file: Path) -> list[str]:
    """The names of a `data.yaml`, composed, in the order of their numbers.

    Raises:
        LayoutError: they are neither a list nor numbered from 0.
    """
    names = data.get("names")
    if isinstance(names, dict):
        numbered = {int(key): name for key, name in names.items() if _is_number(key)}
        if len(numbered) != len(names) or sorted(numbered) != list(range(len(names))):
            raise LayoutError(f"{file} has names that are not numbered from 0.")
        names = [numbered[index] for index in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LayoutError(f"{file} has names that are neither a list nor numbered.")
    return [composed(name.strip()) for name in names]


def _is_number(key: object) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 10


def _yaml_files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in YAML_SUFFIXES)
    except OSError:
        return []


def _has_names(file: Path) -> bool:
    try:
        return _NAMES_KEY.search(file.read_text(encoding="utf-8-sig")) is not None
    except (OSError, UnicodeDecodeError):
        return False


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
