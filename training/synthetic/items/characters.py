"""Characters: those that puzzles use, and those that look alike."""

from functools import lru_cache

import numpy as np
from numpy.random import Generator
from PIL import Image

from classifier.charsets import gb2312
from training.synthetic.ingredients.store import FontFace
from training.synthetic.items.glyphs import text_mask

_SIDE_PX = 14
_SAME_SHAPE = 0.97
_ALIKE = 6


LEVEL_1 = gb2312(16, 55)
"""The 3,755 common characters of GB 2312, by pronunciation."""

_RADICALS = "丨丶丿亅亠亻冂冖冫刂勹匚卩厶廴彐彡彳忄扌攵氵灬爿犭礻纟罒艹虍衤讠辶钅阝饣髟"
"""Parts of characters that GB 2312 lists as characters; puzzles do not use them."""

LEVEL_2 = "".join(c for c in gb2312(56, 87) if c not in _RADICALS)
"""The rarer characters of GB 2312 (3,008 less its radicals), by radical: neighbours look alike."""


def _big5_level_1() -> str:
    """The 5,401 common characters of Big5 (0xA440 to 0xC67E)."""
    found = []
    for high in range(0xA4, 0xC7):
        for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            if (high, low) > (0xC6, 0x7E):
                break
            found.append(bytes([high, low]).decode("big5"))
    return "".join(found)


_SIMPLIFIED = frozenset(LEVEL_1 + LEVEL_2)
TRADITIONAL = "".join(c for c in _big5_level_1() if c not in _SIMPLIFIED)
"""Common traditional forms that GB 2312 does not have."""

DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = "abcdefghijklmnopqrstuvwxyz"

CONFUSABLE = (
    "0OoQD", "1lIiJj", "7LT", "2ZzNn", "5Ss", "69bgq", "8B", "uUvV", "wWmM3E", "CcGe", "Xx", "Kk",
    "Ppd", "Yy4", "Fft", "Rr", "Hh", "Aa",
)  # fmt: skip
"""Latin characters that rotation, case or font makes the same; a puzzle has one of each group."""


@lru_cache(maxsize=1)
def confusable_groups() -> dict[str, int]:
    """Character to the number of its group in `CONFUSABLE`."""
    return {c: number for number, group in enumerate(CONFUSABLE) for c in group}


def pick_characters(
    face: FontFace,
    reference: FontFace,
    count: int,
    rng: Generator,
    *,
    rare: float = 0.12,
    alike: float = 0.35,
) -> list[str]:
    """Distinct characters that a face has.

    Args:
        face: Font face.
        reference: The face whose shapes say which characters look alike; the same for many
            calls, because its shapes are computed once.
        count: How many.
        rng: Source of the choice.
        rare: Share of the puzzles that use level 2 or traditional characters.
        alike: Share of the puzzles in which some are look-alikes of others.

    Returns:
        The characters, fewer only if the face has fewer.
    """
    pool = LEVEL_1
    if rng.random() < rare:
        pool = LEVEL_2 if rng.random() < 0.6 else TRADITIONAL
    found: list[str] = []
    for _ in range(40 * count):
        if len(found) == count:
            break
        candidate = pool[int(rng.integers(len(pool)))]
        if candidate not in found and face.covers(candidate):
            found.append(candidate)
    if rng.random() < alike and len(found) > 2:
        for position in range(len(found) - 1, 0, -1):
            if rng.random() < 0.4:
                others = [
                    c for c in look_alikes(reference, found[0]) if c not in found and face.covers(c)
                ]
                if others:
                    found[position] = others[int(rng.integers(len(others)))]
    order = rng.permutation(len(found))
    return [found[i] for i in order]


def look_alikes(face: FontFace, character: str) -> str:
    """The characters of a face that look most like one, without looking the same.

    Args:
        face: Where shapes are taken from.
        character: One character.

    Returns:
        Up to six, most alike first; none for characters outside GB 2312 or missing in the face.
    """
    return _neighbours(face).get(character, "")


@lru_cache(maxsize=3)
def _neighbours(face: FontFace) -> dict[str, str]:
    """Every character of GB 2312 that a face has, and the six that look most like it."""
    characters = "".join(c for c in LEVEL_1 + LEVEL_2 if face.covers(c))
    if len(characters) < 2:
        return {}
    size = (_SIDE_PX, _SIDE_PX)
    pictures = (text_mask(face, c, 24).resize(size, Image.Resampling.BOX) for c in characters)
    shapes = np.stack([np.asarray(picture, np.float32).ravel() for picture in pictures])
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-6)
    found = {}
    for start in range(0, len(characters), 512):  # Blocks keep the product small.
        likeness = shapes[start : start + 512] @ shapes.T
        # At 14 x 14 pixels, above this two characters are the same for a reader too.
        likeness[likeness >= _SAME_SHAPE] = -1
        best = np.argpartition(-likeness, min(_ALIKE, len(characters) - 1))[:, :_ALIKE]
        order = np.argsort(-np.take_along_axis(likeness, best, axis=1))
        for own, row in enumerate(np.take_along_axis(best, order, axis=1)):
            found[characters[start + own]] = "".join(characters[i] for i in row)
    return found


def pick_latin(face: FontFace, count: int, rng: Generator) -> list[str]:
    """Digits, letters or two-character words, none of which looks like another when rotated.

    Args:
        face: Font face.
        count: How many; fewer only if the groups run out.
        rng: Source of the choice.
    """
    groups = confusable_groups()
    alphabet = [DIGITS + UPPER, UPPER, DIGITS, DIGITS + UPPER + LOWER, LOWER][
        int(rng.choice(5, p=[0.35, 0.25, 0.1, 0.2, 0.1]))
    ]
    pairs = rng.random() < 0.35
    found: list[str] = []
    taken: set[int] = set()
    seen: set[tuple[int, ...]] = set()
    for _ in range(60 * count):
        if len(found) == count:
            break
        word = "".join(alphabet[int(rng.integers(len(alphabet)))] for _ in range(1 + pairs))
        if not face.covers(word):
            continue
        key = tuple(sorted(groups[c] for c in word))
        if pairs:
            if key in seen:
                continue
            seen.add(key)
        elif key[0] in taken:
            continue
        taken.update(key)
        found.append(word)
    return found
