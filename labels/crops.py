"""Crops: each box of labelled pictures as a picture of its own, in a folder for its class.

    OUT/并/a-0-1f0c2d3e.png     box 0 of a.png, of the class 并
    OUT/_unnamed/a-1-77aa01b2.png    box 1, which has no name yet

The eight digits at the end come from the picture's bytes and the box's corners. So a crop keeps
them when it is moved by hand or when other boxes come or go, and a second run can tell what is new.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labels.annotations import ITEM, Annotations, LabelledBox
from labels.atomic import write_atomically
from labels.class_names import UNNAMED, folder_of_class
from labels.errors import LayoutError
from labels.pictures import UNREADABLE, find_pictures, load_rgb
from siamese.preprocess import cut

MARGIN = 0.08
"""What the shipped matcher was trained with; `group` looks at crops through it."""

_NAME = re.compile(r"(.+)-\d+-([0-9a-f]{8})\.png")


class Fate(StrEnum):
    """What became of a crop."""

    NEW = "new"
    KNOWN = "known"
    """It lies where it belongs, or where somebody has moved it."""
    NAMED = "named"
    """It lay in `_unnamed`, and its box has a name by now: it was moved there."""
    ELSEWHERE = "elsewhere"
    """It lies in the folder of another class than its box has by now, and was left there."""


@dataclass(frozen=True, slots=True)
class Crop:
    """One box.

    Attributes:
        path: Where its picture lies.
        label: Its class.
        fate: What was done.
    """

    path: Path
    label: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class CroppedPicture:
    """A picture whose boxes have been cut out.

    Attributes:
        path: Its file.
        crops: In the order of its boxes.
        fault: Why it has none although it has boxes, one sentence; else None.
    """

    path: Path
    crops: tuple[Crop, ...]
    fault: str | None = None


def crop_pictures(
    annotations: Annotations, out: Path, *, margin: float = MARGIN
) -> Iterator[CroppedPicture]:
    """Cut out all boxes; what `out` has already is neither written again nor overwritten.

    Pictures are decoded only where a crop of them is new. An interrupted run can be repeated.

    Args:
        annotations: Pictures with boxes.
        out: Folder of the class folders, made when missing.
        margin: Share of a box's longer side to add on every side, as far as the picture goes.

    Yields:
        Each picture when all its crops are written.

    Raises:
        LayoutError: no picture has boxes.
        AnnotationError: the name of a class is too long for a folder.
        OSError: a crop cannot be written.
    """
    if not any(picture.boxes for picture in annotations.pictures):
        raise LayoutError(
            f"{annotations.folder} ({annotations.layout}) has no boxes to cut out; draw some, or "
            "let `clickorder labels prelabel` propose them."
        )
    out.mkdir(parents=True, exist_ok=True)
    known = _known(out)
    for picture in annotations.pictures:
        try:
            digest = hashlib.sha256(picture.path.read_bytes())
            pixels: NDArray[np.uint8] | None = None
            crops = []
            for index, box in enumerate(picture.boxes):
                key = picture.path.stem, _digits(digest, box)
                folder = out / (UNNAMED if box.label == ITEM else folder_of_class(box.label))
                if key not in known:
                    pixels = load_rgb(picture.path) if pixels is None else pixels
                    path = folder / f"{key[0]}-{index}-{key[1]}.png"
                    _write(pixels, box, margin, path)
                    known[key] = path
                    crops.append(Crop(path, box.label, Fate.NEW))
                else:
                    crops.append(_settled(known, key, folder, box.label))
        except UNREADABLE as error:
            if isinstance(error, OSError) and error.filename not in (None, str(picture.path)):
                raise  # The crop could not be written; the next one will not fare better.
            sentence = f"{picture.path} cannot be read as a picture ({error}); replace it."
            yield CroppedPicture(picture.path, (), sentence)
            continue
        yield CroppedPicture(picture.path, tuple(crops))


def _known(out: Path) -> dict[tuple[str, str], Path]:
    """Stem of the picture and digits of the box, to the crop, wherever below `out` it lies."""
    # A crop may be in `_unnamed` and, from there, in a group: that one counts.
    paths = sorted(find_pictures(out), key=lambda path: path.parent.name != UNNAMED)
    found = ((path, _NAME.fullmatch(path.name)) for path in paths)
    return {(name[1], name[2]): path for path, name in found if name is not None}


def _settled(
    known: dict[tuple[str, str], Path], key: tuple[str, str], folder: Path, label: str
) -> Crop:
    """A crop that was there before, moved out of `_unnamed` if its box has been named."""
    path = known[key]
    if path.parent == folder or label == ITEM:
        return Crop(path, label, Fate.KNOWN)
    if path.parent.name != UNNAMED:
        return Crop(path, label, Fate.ELSEWHERE)
    folder.mkdir(exist_ok=True)
    known[key] = path.rename(folder / path.name)
    return Crop(known[key], label, Fate.NAMED)


def _digits(picture: "hashlib._Hash", box: LabelledBox) -> str:
    digest = picture.copy()
    # Hundredths: the same box read from shares, or from whole pixels, has the same digits.
    digest.update(",".join(f"{side:.2f}" for side in box.xyxy).encode())
    return digest.hexdigest()[:8]


def _write(pixels: NDArray[np.uint8], box: LabelledBox, margin: float, path: Path) -> None:
    (crop,) = cut(pixels, np.array([box.xyxy], np.float32), margin=margin)
    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, stream.getvalue())
