"""The ingredients that puzzles are drawn from, read from the cache by split."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from training.synthetic.errors import IngredientsMissingError
from training.synthetic.ingredients.catalogue import CATALOGUE, Catalogue, Split
from training.synthetic.ingredients.reserved import is_reserved
from training.synthetic.ingredients.stamps import PhotoRecord, Stamp, default_cache, stamps

Script = Literal["han", "latin"]

ICON_PX = 96
# Two pictures whose 256-bit fingerprints differ in fewer bits show the same thing.
_SAME_PICTURE_BITS = 12


@dataclass(frozen=True, slots=True)
class FontFace:
    """One face of one font file.

    `design` names the group of families that share a drawing; all of them are in one split.
    """

    path: Path
    index: int
    family: str
    style: str
    design: str
    split: Split
    script: Script
    coverage_path: Path

    def characters(self) -> frozenset[str]:
        """The characters it really draws: no empty glyphs, no placeholder boxes.

        Visible ASCII and the Chinese characters U+4E00..U+9FFF are looked at, no others.
        """
        return _characters(self.coverage_path)

    def covers(self, text: str) -> bool:
        """Whether every character of `text` is drawn by this face."""
        drawn = _drawn(self.coverage_path)
        return all(ord(character) < drawn.size and drawn[ord(character)] for character in text)


@dataclass(frozen=True, slots=True)
class IconCollection:
    """The icons of one collection, rasterised once.

    `design` names the group of collections that share drawings; all of them are in one split.
    """

    name: str
    design: str
    split: Split
    names: tuple[str, ...]
    monochrome: bool
    path: Path

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, i: int) -> NDArray[np.uint8]:
        """The i-th icon, centred with a small margin; monochrome ones are black.

        Returns:
            `(96, 96, 4)` uint8 RGBA, straight alpha, a fresh array.
        """
        stored = _pictures(self.path)[i]
        if not self.monochrome:
            return np.array(stored)
        picture = np.zeros((*stored.shape, 4), np.uint8)
        picture[..., 3] = stored
        return picture


@dataclass(frozen=True, slots=True)
class DerivedCollection(IconCollection):
    """The icons of another collection, changed when they are asked for, under a name of its own.

    `source` may itself be derived: every kind changes what the pictures of its source look like.
    """

    source: IconCollection

    @classmethod
    def derive(cls, source: IconCollection, suffix: str, *, monochrome: bool) -> Self:
        """A collection of this kind.

        Args:
            source: Source of the icons.
            suffix: What is appended to its name.
            monochrome: Whether the changed icons are black.
        """
        return cls(
            name=source.name + suffix,
            design=source.design,
            split=source.split,
            names=source.names,
            monochrome=monochrome,
            path=source.path,
            source=source,
        )


@dataclass(frozen=True, slots=True)
class Photo:
    """A background picture: a JPEG whose long side has at most 1000 px."""

    path: Path
    name: str
    package: str
    motif: str
    split: Split


class IngredientStore:
    """Everything there is to draw with."""

    def __init__(
        self,
        faces: tuple[FontFace, ...],
        collections: tuple[IconCollection, ...],
        photos: tuple[Photo, ...],
        missing: tuple[str, ...],
    ) -> None:
        self._faces = faces
        self._collections = collections
        self._photos = photos
        self.missing = missing

    @classmethod
    def open(cls, cache: Path | None = None, catalogue: Catalogue = CATALOGUE) -> "IngredientStore":
        """Read the cache; arrays and coverages are loaded when they are first asked for.

        Args:
            cache: its folder; None is the usual place.
            catalogue: the split of each ingredient, and the packages to expect.

        Raises:
            IngredientsMissingError: nothing was ever fetched or indexed there.
        """
        cache = cache or default_cache()
        listed = {(package.kind, package.client, package.name) for package in catalogue.packages}
        found = [
            (folder, stamp)
            for folder, stamp in stamps(cache)
            # What an older catalogue fetched would be in no split's table.
            if stamp.client == "machine" or (stamp.kind, stamp.client, stamp.package) in listed
        ]
        if not found:
            raise IngredientsMissingError(
                f"There are no ingredients in {cache}; run `clickorder ingredients` first."
            )
        faces: dict[tuple[str, str], FontFace] = {}
        collections: dict[str, IconCollection] = {}
        for folder, stamp in found:
            for face in _faces(folder, stamp, catalogue):
                faces.setdefault((face.family, face.style), face)
            for collection in _collections(folder, stamp, catalogue):
                collections.setdefault(collection.name, collection)
        return cls(
            tuple(faces.values()),
            tuple(collections.values()),
            tuple(_photos(found, catalogue)),
            _missing(cache, found, catalogue),
        )

    def fonts(self, split: Split, script: Script) -> tuple[FontFace, ...]:
        """Faces of a split that draw Chinese (`han`) or letters and digits (`latin`)."""
        return tuple(f for f in self._faces if f.split == split and f.script == script)

    def icons(self, split: Split) -> tuple[IconCollection, ...]:
        """Icon collections of a split."""
        return tuple(c for c in self._collections if c.split == split)

    def photos(self, split: Split) -> tuple[Photo, ...]:
        """Background pictures of a split."""
        return tuple(p for p in self._photos if p.split == split)


def _faces(folder: Path, stamp: Stamp, catalogue: Catalogue) -> list[FontFace]:
    faces = []
    for record in stamp.faces:
        if is_reserved("font", stamp.package, record.family):
            continue
        design, split = catalogue.font_split(record.family)
        script: Script = "han" if record.script == "han" else "latin"
        faces.append(
            FontFace(
                # A machine font's path is absolute, and `/` keeps it so.
                path=folder / record.file,
                index=record.index,
                family=record.family,
                style=record.style,
                design=design,
                split=split,
                script=script,
                coverage_path=folder / record.coverage,
            )
        )
    return [face for face in faces if face.path.is_file()]


def _collections(folder: Path, stamp: Stamp, catalogue: Catalogue) -> list[IconCollection]:
    collections = []
    for record in stamp.collections:
        if is_reserved("icon", stamp.package, record.name):
            continue
        design, split = catalogue.icon_split(record.name)
        collections.append(
            IconCollection(
                name=record.name,
                design=design,
                split=split,
                names=tuple(record.names),
                monochrome=record.monochrome,
                path=folder / record.file,
            )
        )
    return collections


def _photos(found: list[tuple[Path, Stamp]], catalogue: Catalogue) -> list[Photo]:
    """Every picture once, although several packages ship some of them."""
    photos: list[Photo] = []
    prints: list[int] = []
    for folder, stamp in found:
        for record in stamp.photos:
            if is_reserved("photo", stamp.package, record.name):
                continue
            if any(
                (int(record.fingerprint, 16) ^ seen).bit_count() < _SAME_PICTURE_BITS
                for seen in prints
            ):
                continue
            prints.append(int(record.fingerprint, 16))
            photos.append(_photo(folder, stamp, record, catalogue))
    return photos


def _photo(folder: Path, stamp: Stamp, record: PhotoRecord, catalogue: Catalogue) -> Photo:
    motif = f"{stamp.package}/{record.motif}"
    return Photo(
        folder / record.file, record.name, stamp.package, motif, catalogue.photo_split(motif)
    )


def _missing(cache: Path, found: list[tuple[Path, Stamp]], catalogue: Catalogue) -> tuple[str, ...]:
    try:
        reasons: dict[str, str] = json.loads((cache / "missing.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        reasons = {}
    have = {(stamp.kind, stamp.client, stamp.package) for _, stamp in found}
    return tuple(
        reasons.get(
            package.label, f"{package.label} was never fetched; run `clickorder ingredients`."
        )
        for package in catalogue.packages
        if (package.kind, package.client, package.name) not in have
    )


@lru_cache(maxsize=1024)
def _drawn(path: Path) -> NDArray[np.bool_]:
    """`(40960,)` bool by code point: 40 kB a face, where a set of strings takes megabytes."""
    drawn = np.zeros(0xA000, np.bool_)
    drawn[np.load(path)] = True
    return drawn


@lru_cache(maxsize=16)
def _characters(path: Path) -> frozenset[str]:
    return frozenset(map(chr, np.flatnonzero(_drawn(path)).tolist()))


@lru_cache(maxsize=128)
def _pictures(path: Path) -> NDArray[np.uint8]:
    """Memory-mapped, so that all worker processes share the pages of one file."""
    pictures: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return pictures
