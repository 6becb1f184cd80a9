"""Faces of font files, and the characters that each of them really draws."""

import logging
import re
import shutil
import struct
from collections import Counter
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from PIL import ImageFont

from training.synthetic.ingredients.catalogue import Package
from training.synthetic.ingredients.reserved import is_reserved
from training.synthetic.ingredients.stamps import FaceRecord

FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff2")

_ASCII = range(0x21, 0x7F)
_HAN = range(0x4E00, 0xA000)
_LETTERS_AND_DIGITS = frozenset(code for code in _ASCII if chr(code).isalnum())
# A face with fewer Chinese characters (a subset, a sample) says too little about its family.
MIN_HAN = 1000
# Glyphs are compared at this size: small enough to be quick, large enough to tell drawings apart.
_PROBE_PX = 20
# One drawing that stands for more characters than this is a placeholder.
_PLACEHOLDER_USES = 8


def index_fonts(package: Package, source: Path, target: Path) -> list[FaceRecord]:
    """Move the usable font files of an unpacked package and note what their faces draw.

    Args:
        package: says which files, families and faces are wanted.
        source: folder with the unpacked package.
        target: folder that receives font files and coverages.
    """
    # Old fonts have small faults in tables that nothing here reads.
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    records: list[FaceRecord] = []
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source).as_posix()
        if path.suffix.lower() not in FONT_SUFFIXES or path.is_symlink():
            continue
        kept = target / path.name
        if not re.search(package.files, inside) or kept.exists():
            continue
        faces = index_file(
            _as_truetype(path, kept) if path.suffix == ".woff2" else path, target, package
        )
        if faces and path.suffix != ".woff2":
            shutil.move(path, kept)
        records += faces
    return records


def index_file(path: Path, target: Path, package: Package) -> list[FaceRecord]:
    """The usable faces of one font file.

    A face counts as `han` from 1,000 Chinese characters on, and as `latin` where it draws every
    letter and digit and is not `han`.

    Args:
        path: a `.ttf`, `.otf`, `.ttc` or `.otc` file.
        target: folder that receives the coverages.
        package: says which families and faces are wanted.
    """
    records = []
    for index in package.faces or range(_face_count(path)):
        try:
            with path.open("rb") as file, TTFont(file, fontNumber=index, lazy=True) as font:
                family, style = _names(font)
                mapped = set(font.getBestCmap() or ())
        except (TTLibError, OSError, KeyError, AssertionError, struct.error):
            continue  # a bitmap font, or a collection with fewer faces
        if is_reserved("font", package.name, family) or not re.search(package.families, family):
            continue
        drawn = drawn_characters(path, index, mapped)
        han = sum(code in _HAN for code in drawn)
        if han < MIN_HAN and not _LETTERS_AND_DIGITS.issubset(drawn):
            continue
        coverage = f"{path.stem}.{index}.npy"
        np.save(target / coverage, np.array(sorted(drawn), np.uint32))
        records.append(
            FaceRecord(
                file=path.name,
                index=index,
                family=family,
                style=style,
                script="han" if han >= MIN_HAN else "latin",
                coverage=coverage,
                characters=len(drawn),
            )
        )
    return records


def drawn_characters(path: Path, index: int, mapped: set[int]) -> set[int]:
    """Code points of visible ASCII and Chinese characters that the face draws.

    A character map alone says too much: some fonts map characters to empty glyphs or to one box
    for all. Every glyph is drawn once and looked at.

    Args:
        path: the font file.
        index: the face's place in it.
        mapped: code points of its character map.
    """
    try:
        font = ImageFont.truetype(str(path), _PROBE_PX, index, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return set()
    drawings: dict[int, bytes] = {}
    # U+FFFF is never a character: whatever comes is the face's box for what it does not have.
    nothing = _drawing(font, 0xFFFF)
    for code in (*_ASCII, *_HAN):
        if code not in mapped:
            continue
        drawing = _drawing(font, code)
        if drawing is not None and drawing != nothing:
            drawings[code] = drawing
    uses = Counter(drawing for code, drawing in drawings.items() if code in _HAN)
    return {code for code, drawing in drawings.items() if uses[drawing] <= _PLACEHOLDER_USES}


def _drawing(font: ImageFont.FreeTypeFont, code: int) -> bytes | None:
    """The glyph's pixels with their size, or None if there is no ink."""
    try:
        mask = font.getmask(chr(code), mode="L")
    except OSError:  # FreeType refuses a broken outline
        return None
    if mask.size[0] == 0 or mask.size[1] == 0 or mask.getbbox() is None:
        return None
    return bytes(mask) + bytes(f"{mask.size}", "ascii")


def _face_count(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(12)
    if len(head) == 12 and head[:4] == b"ttcf":
        return int(struct.unpack(">L", head[8:])[0])
    return 1


def _names(font: TTFont) -> tuple[str, str]:
    """Family and style, with the typographic names (16, 17) before the four-style ones (1, 2)."""
    names = font["name"]
    family = names.getDebugName(16) or names.getDebugName(1) or "unnamed"
    style = names.getDebugName(17) or names.getDebugName(2) or "Regular"
    return str(family).strip(), str(style).strip()


def _as_truetype(path: Path, kept: Path) -> Path:
    """A web font without its compression, beside the other fonts of the cache."""
    plain = kept.with_suffix(".ttf")
    with TTFont(path) as font:
        font.flavor = None
        font.save(plain)
    return plain
