"""Picture files of a folder: found, measured and loaded as a person sees them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from labels.annotations import PICTURE_SUFFIXES, Fault, Kind

QUARANTINE = "quarantine"
"""Folder of what was taken out of a data set; nothing in it is read."""

UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a file that is no whole picture, or one too large to be meant."""

_ORIENTATION = 0x0112
_QUARTER_TURNED = (5, 6, 7, 8)


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


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture; the file is not looked at."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def find_pictures(folder: Path) -> list[Path]:
    """The pictures among `find_files`."""
    return [path for path in find_files(folder) if is_picture(path)]


def displayed_size(file: Path) -> tuple[int, int]:
    """Width and height in pixels with the EXIF orientation applied; pixels are not decoded.

    Raises:
        OSError, ValueError, SyntaxError, DecompressionBombError: see `UNREADABLE`.
    """
    with Image.open(file) as picture:
        width, height = picture.size
        turned = picture.getexif().get(_ORIENTATION) in _QUARTER_TURNED
    return (height, width) if turned else (width, height)


def load_rgb(file: Path) -> NDArray[np.uint8]:
    """A picture as displayed, transparent parts on white, `(H, W, 3)` uint8 RGB.

    Raises:
        OSError, ValueError, SyntaxError, DecompressionBombError: see `UNREADABLE`.
    """
    with Image.open(file) as picture:
        shown = ImageOps.exif_transpose(picture)
        if shown.has_transparency_data:
            layer = shown.convert("RGBA")
            shown = Image.new("RGB", layer.size, (255, 255, 255))
            shown.paste(layer, (0, 0), layer)
        return np.asarray(shown.convert("RGB"))


def unreadable(file: Path, error: Exception) -> Fault:
    """The fault of a picture that could not be opened or decoded."""
    return Fault(
        Kind.UNREADABLE_PICTURE,
        file,
        f"{file} cannot be read as a picture ({error}); remove or replace it.",
    )
