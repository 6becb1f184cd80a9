"""A gallery: named reference pictures, so that a word of a prompt can name an icon.

A folder with one folder a class, each with at least one picture of it: `gallery/rocket/1.png`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labels.pictures import composed
from modelfile.errors import ClickorderError
from service.errors import ServiceError
from service.pictures import decode_picture
from service.settings import Limits
from service.solving.prompt_segmentation import content_box
from siamese.similarity import Matcher

Picture = NDArray[np.uint8]

_MOST_PICTURES = 8
"""Most pictures of one class; more cost time and tell little that is new."""
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"})


class GalleryError(ClickorderError, ValueError):
    """A gallery that cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Reference pictures by the name of their class.

    Attributes:
        pictures: `(h, w, 3)` uint8 RGB, at least one a name.
    """

    pictures: Mapping[str, tuple[Picture, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, limits: Limits | None = None) -> "Gallery":
        """Read a folder of class folders; hidden files and files of other kinds are left alone.

        Raises:
            GalleryError: a class has no picture or too many, or a picture cannot be decoded.
        """
        limits = limits or Limits()
        pictures: dict[str, tuple[Picture, ...]] = {}
        for place in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."):
            files = gallery_pictures(place)
            if not 1 <= len(files) <= _MOST_PICTURES:
                raise GalleryError(
                    f"{place} has {len(files)} pictures; a class of a gallery has 1 to "
                    f"{_MOST_PICTURES}."
                )
            name = composed(place.name)
            pictures[name] = pictures.get(name, ()) + tuple(
                _decoded(file, limits) for file in files
            )
        return cls(pictures)

    def name_of(self, word: str) -> str | None:
        """The class that a word names, `<rocket>` or `rocket`; None where it names none."""
        name = composed(bracketed(word) or word)
        return name if name in self.pictures else None

    def items(self, names: Sequence[str], matcher: Matcher) -> list[Picture]:
        """The reference pictures of classes, cut as the matcher cuts, in the order of the names."""
        return [
            crop
            for name in names
            for picture in self.pictures[name]
            for crop in matcher.crop(picture, content_box(picture)[None])
        ]

    def best(self, names: Sequence[str], scores: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the score of each class's best picture on each box.

        Args:
            names: As given to `items`.
            scores: `(K, N)` of all their pictures on N boxes.
        """
        rows = []
        start = 0
        for name in names:
            stop = start + len(self.pictures[name])
            rows.append(scores[start:stop].max(axis=0))
            start = stop
        return rows


NO_GALLERY = Gallery()


def bracketed(word: str) -> str | None:
    """The name between the brackets of `<rocket>`; None where the word is an ordinary one."""
    return word[1:-1] if len(word) > 2 and word[0] == "<" and word[-1] == ">" else None


def gallery_pictures(folder: Path) -> list[Path]:
    """The picture files of one class, by name."""
    return sorted(
        f
        for f in folder.iterdir()
        if f.is_file() and f.name[0] != "." and f.suffix.lower() in _SUFFIXES
    )


def _decoded(file: Path, limits: Limits) -> Picture:
    try:
        return decode_picture(file.read_bytes(), limits, file.name)
    except (OSError, ServiceError) as error:
        raise GalleryError(f"{file} cannot be used: {error}") from error
