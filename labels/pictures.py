"""Picture files of a folder: found, measured and loaded as a person sees them."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labels.annotations import PICTURE_SUFFIXES, Fault, Kind
from modelfile import PictureError, decode_picture, displayed_size

__all__ = [
    "QUARANTINE",
    "UNREADABLE",
    "as_on_disk",
    "composed",
    "displayed_size",
    "find_files",
    "find_pictures",
    "is_blank",
    "is_picture",
    "load_rgb",
    "unreadable",
]

QUARANTINE = "quarantine"
"""Folder of what was taken out of a data set; nothing in it is read."""

_BLANK_RANGE = 8
"""In a picture whose values (0..255) differ by less there is nothing to see."""

UNREADABLE = (OSError, PictureError)
"""What is raised for a file that is no whole picture, or one too large to be meant."""


def find_files(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted, without hidden ones and those in quarantine."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.name != QUARANTINE:
                yield from find_files(path)
        elif path.is_file():
            yield path


def nested(first: Path, second: Path) -> bool:
    """Whether one of two folders lies in the other, or both are the same."""
    first, second = first.resolve(), second.resolve()
    return first.is_relative_to(second) or second.is_relative_to(first)


def composed(name: str) -> str:
    """A name as Unicode composes it (NFC): what is compared wherever names are.

    A Mac writes `é` into a file name as a letter and an accent, keyboards and exports as one
    character; both look the same, and are not equal.
    """
    return unicodedata.normalize("NFC", name)


def as_on_disk(path: Path) -> Path:
    """A path whose name is written there in another normal form, or with its suffix in capitals.

    The same path where there is none.
    """
    if path.exists():
        return path
    if (shouted := path.with_suffix(path.suffix.upper())).exists():
        return shouted
    if path.name.isascii():
        return path
    wanted = composed(path.name)
    try:
        return next((p for p in path.parent.iterdir() if composed(p.name) == wanted), path)
    except OSError:
        return path


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture; the file is not looked at."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def find_pictures(folder: Path) -> list[Path]:
    """The pictures among `find_files`."""
    return [path for path in find_files(folder) if is_picture(path)]


def load_rgb(file: Path | bytes) -> NDArray[np.uint8]:
    """A picture as displayed, `(H, W, 3)` uint8 RGB; see `modelfile.decode_picture`.

    Args:
        file: The file, or its bytes.

    Raises:
        OSError, PictureError: see `UNREADABLE`.
    """
    return decode_picture(file)


def is_blank(picture: NDArray[np.uint8]) -> bool:
    """Whether there is nothing to see: every value of a channel is nearly the same.

    Args:
        picture: `(H, W, 3)` uint8 RGB.
    """
    return int(np.ptp(picture, axis=(0, 1)).max(initial=0)) < _BLANK_RANGE


def unreadable(file: Path, error: Exception) -> Fault:
    """The fault of a picture that could not be opened or decoded."""
    return Fault(
        Kind.UNREADABLE_PICTURE,
        file,
        f"{file} cannot be read as a picture ({error}); remove or replace it.",
    )
