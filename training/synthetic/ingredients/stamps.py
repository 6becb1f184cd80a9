"""Stamps: the cache has one folder for each package, complete if and only if it has a stamp.

    CACHE/packages/KIND/CLIENT/NAME/stamp.json    with its files beside it
    CACHE/missing.json                            why packages of the last run are missing
    CACHE/SOURCES.json                            package, version and licence of everything

A package is built in `CACHE/partial` and moved here by one rename, so a killed run leaves no
partial package behind, and the next run continues with the rest.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.synthetic.ingredients.reserved import Kind

# Increased whenever files of an older cache would be drawn differently, to build them again.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One face of a font file; `file` and `coverage` are relative to the package's folder."""

    file: str
    index: int
    family: str
    style: str
    script: str
    coverage: str
    characters: int


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """The pictures of one icon collection in one array file, in the order of `names`."""

    name: str
    file: str
    monochrome: bool
    names: list[str]


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """One picture; those with the same `motif` go to the same split."""

    name: str
    file: str
    motif: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """Marks a package as complete and lists its contents.

    `recipe` is that of its catalogue entry; if the entry changes, the package is built again.
    """

    kind: Kind
    client: str
    package: str
    version: str
    licence: str
    recipe: str
    faces: list[FaceRecord] = field(default_factory=list)
    collections: list[CollectionRecord] = field(default_factory=list)
    photos: list[PhotoRecord] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the stamp into the package's folder."""
        write_json(folder / "stamp.json", asdict(self))


def default_cache() -> Path:
    """The cache's folder: `$CLICKORDER_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("CLICKORDER_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "clickorder" / "ingredients"


def package_folder(cache: Path, kind: Kind, client: str, package: str) -> Path:
    """Where a finished package lies."""
    return cache / "packages" / kind / client / package.lstrip("@").replace("/", "+")


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of a package's folder, or None where it is absent, torn, or of another format."""
    try:
        raw: dict[str, Any] = json.loads((folder / "stamp.json").read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            return None
        return Stamp(
            **raw
            | {
                "faces": [FaceRecord(**face) for face in raw["faces"]],
                "collections": [CollectionRecord(**one) for one in raw["collections"]],
                "photos": [PhotoRecord(**photo) for photo in raw["photos"]],
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stamps(cache: Path) -> Iterator[tuple[Path, Stamp]]:
    """Every finished package of the cache with its folder, in a fixed order."""
    for path in sorted(cache.glob("packages/*/*/*/stamp.json")):
        stamp = read_stamp(path.parent)
        if stamp is not None:
            yield path.parent, stamp


def write_json(path: Path, value: object) -> None:
    """Write a JSON file atomically: a reader sees the old one or the new one."""
    torn = path.with_name(path.name + ".part")
    torn.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    torn.replace(path)
