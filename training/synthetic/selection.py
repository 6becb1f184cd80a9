"""Selections: the items of a puzzle, those to click and those beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.items.characters import pick_characters
from training.synthetic.items.item import Item, Motion, TextItem, distinct_icons, random_motion


@dataclass(frozen=True, slots=True)
class Selection:
    """The items of a puzzle.

    Attributes:
        targets: What to click, in prompt order.
        decoys: The other items.
        motions: How each item turns, targets first.
        least_px: Smallest size of an item in pixels.
    """

    targets: list[Item]
    decoys: list[Item]
    motions: list[Motion]
    least_px: float = 16


def random_counts(rng: Generator) -> tuple[int, int]:
    """Number of targets, mostly three or four, and of decoys, none to five."""
    targets = int(rng.choice(np.array([1, 2, 3, 4, 5, 6]), p=[0.02, 0.1, 0.36, 0.36, 0.1, 0.06]))
    return targets, int(rng.choice(6, p=[0.25, 0.2, 0.2, 0.15, 0.12, 0.08]))


def select_characters(palette: Palette, rng: Generator) -> Selection | None:
    """Chinese characters, mostly in one font; None where the font has too few of them."""
    targets, decoys = random_counts(rng)
    designs = by_design(palette.han)
    face = random_face(designs, rng)
    words = pick_characters(face, palette.reference or face, targets + decoys, rng)
    if len(words) <= decoys:
        return None
    items: list[Item] = [TextItem(word, face) for word in words]
    if rng.random() < 0.2:
        # Each item in a font of its own.
        others = [random_face(designs, rng) for _ in items]
        items = [
            TextItem(item.word, other) if other.covers(item.word) else item
            for item, other in zip(items, others, strict=True)
        ]
    if rng.random() < 0.03 and targets > 1:
        items[1] = items[0]  # An item asked for twice.
    motion = random_motion(rng, icons=False)
    least_px = 16 if rng.random() < 0.08 else 22
    return Selection(items[:targets], items[targets:], [motion] * len(items), least_px)


def select_icons(palette: Palette, rng: Generator) -> Selection | None:
    """Icons of one or two collections; None where these have too few distinct ones."""
    targets, decoys = random_counts(rng)
    which = rng.choice(len(palette.icons), size=1 if rng.random() < 0.75 else 2)
    collections = tuple(palette.icons[int(i)] for i in which)
    icons = distinct_icons(collections, targets + decoys, rng)
    if len(icons) < targets + decoys:
        return None
    items: list[Item] = list(icons)
    motion = random_motion(rng, icons=True)
    return Selection(items[:targets], items[targets:], [motion] * len(items), least_px=18)
