"""Pictures that are the same, or almost.

*Exact*: the same pixels as displayed, whatever the file format. *Near*: the same picture saved
again, scaled, or with a little noise. Two challenges on one background, with other items, are
neither: a perceptual hash alone calls many of them the same where the background is plain, so the
pictures are also compared directly, and the place where they differ most decides.

Measured on `benchmarks/puzzles` with 32 x 32 cells: JPEG of quality 75 moves no cell by more than
8 of 255 and mostly by 2, scaling by half or to 1.5 by no more than 5. Of two different puzzles the
closest pair is apart by 34; three other letters on the very same background, of a contrast of only
40, by at least 9. Not found: pictures cropped differently, and few colours (GIF). Letters of a
contrast of 25 on the same photo were taken for a copy in 5 of 105 cases.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labels.pictures import UNREADABLE, load_rgb

_CELLS = 32
_MOST_BITS = 12
"""Differing bits of 64; copies differed in at most 4. It only spares comparisons: cells decide."""
_MOST_DIFFERENCE = 8.0
_MOST_BRIGHTNESS = 16.0
_MOST_STRETCH = 1.06
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is compared of a picture.

    Attributes:
        pixels: SHA-256 of its size and RGB pixels as displayed, in hexadecimal.
        bits: Perceptual hash, 64 bits.
        aspect: Width by height.
        cells: `(32, 32, 3)` uint8 RGB as bytes, the whole picture scaled to it.
    """

    pixels: str
    bits: int
    aspect: float
    cells: bytes = field(repr=False)


def pixel_digest(rgb: NDArray[np.uint8]) -> str:
    """SHA-256 of the size and the pixels of a picture, in hexadecimal.

    Args:
        rgb: `(H, W, 3)` uint8 RGB, as displayed.
    """
    height, width = rgb.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(rgb.tobytes())
    return digest.hexdigest()


def fingerprint(file: Path) -> Fingerprint:
    """Decode a picture and take its fingerprint.

    Raises:
        OSError, PictureError: see `labels.pictures.UNREADABLE`.
    """
    rgb = load_rgb(file)
    height, width = rgb.shape[:2]
    picture = Image.fromarray(rgb)
    # A filter wider than the cell: with sharp cells a scaled copy differs along every edge.
    cells = picture.resize((_CELLS, _CELLS), Image.Resampling.BILINEAR)
    bits = np.packbits(imagehash.phash(picture).hash.ravel())
    return Fingerprint(
        pixel_digest(rgb), int.from_bytes(bits.tobytes(), "big"), width / height, cells.tobytes()
    )


def are_near(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two pictures are the same but for coding, size, brightness and noise."""
    if one.pixels == other.pixels:
        return True
    return (one.bits ^ other.bits).bit_count() <= _MOST_BITS and _look_same(one, other)


def exact_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Indices of pictures with the same pixels, groups of two and more, in order."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(prints):
        found[one.pixels].append(index)
    return [group for group in found.values() if len(group) > 1]


def near_pairs(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Pairs `(i, j)`, i < j, for which `are_near` holds; of exact copies only the first counts.

    All hashes are compared, which takes about two seconds for 30,000 pictures; only pictures whose
    hashes agree are compared directly.
    """
    first: dict[str, int] = {}
    for index, one in enumerate(prints):
        first.setdefault(one.pixels, index)
    chosen = list(first.values())
    bits = np.array([prints[i].bits for i in chosen], np.uint64)
    for start in range(0, len(chosen), _ROWS):
        rows = bits[start : start + _ROWS]
        close = np.bitwise_count(rows[:, None] ^ bits[None, start:]) <= _MOST_BITS
        for row, column in zip(*np.nonzero(np.triu(close, 1)), strict=True):
            i, j = chosen[start + int(row)], chosen[start + int(column)]
            if _look_same(prints[i], prints[j]):
                yield i, j


def near_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """All indices in groups of what is the same or almost, also by way of a third picture.

    Groups are in the order of their first member; a picture of its own is a group of one.
    """
    from scipy.cluster.hierarchy import DisjointSet  # slow to import

    sets = DisjointSet(range(len(prints)))
    for group in exact_groups(prints):
        for index in group[1:]:
            sets.merge(group[0], index)
    for i, j in near_pairs(prints):
        sets.merge(i, j)
    return sorted(sorted(group) for group in sets.subsets())


def _look_same(one: Fingerprint, other: Fingerprint) -> bool:
    low, high = sorted((one.aspect, other.aspect))
    if high > low * _MOST_STRETCH:
        return False
    difference = _cells(one) - _cells(other)
    brightness = np.median(difference, axis=(0, 1))
    if np.abs(brightness).max() > _MOST_BRIGHTNESS:
        return False
    return bool(np.abs(difference - brightness).mean(2).max() <= _MOST_DIFFERENCE)


def _cells(one: Fingerprint) -> NDArray[np.float32]:
    cells = np.frombuffer(one.cells, np.uint8).reshape(_CELLS, _CELLS, 3)
    return cells.astype(np.float32)


def fingerprints(files: Sequence[Path]) -> Iterator[tuple[Path, Fingerprint | Exception]]:
    """Each file with its fingerprint, or with why it cannot be read, in order."""

    def look(file: Path) -> Fingerprint | Exception:
        try:
            return fingerprint(file)
        except UNREADABLE as error:
            return error

    with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter's lock
        yield from zip(files, pool.map(look, files), strict=True)
