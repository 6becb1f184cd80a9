"""This project's generator with some of its knobs: letters of a fetched font on a gradient.

    clickorder ingredients
    clickorder audit --generator clickorder.audit.examples.own:draw

Items that nobody could read are never placed, so that all settings stay legible.
"""

from functools import cache

from numpy.random import Generator

from clickorder.audit.generator import Parts, Range
from training.synthetic.grounds import gradient_ground
from training.synthetic.ingredients.store import FontFace, IngredientStore
from training.synthetic.items.characters import pick_latin
from training.synthetic.items.item import Item, Pose, TextItem
from training.synthetic.items.styles import Style
from training.synthetic.scenes import Spacing, compose, place

SETTINGS = {
    "rotation": Range(0, 90),
    "size": Range(22, 44),
    "contrast": Range(0.12, 0.5),
    "opacity": Range(0.5, 1),
    "shear": Range(0, 0.4),
    "decoys": Range(0, 5, integer=True),
}

SIZE = (320, 200)
ASKED = 3
_ATTEMPTS = 40


@cache
def faces() -> tuple[FontFace, ...]:
    """Fonts of the test split.

    Raises:
        IngredientsMissingError: none were fetched.
    """
    return IngredientStore.open().fonts("test", "latin")


def draw(settings: dict[str, float], rng: Generator) -> Parts:
    """Three words to click, and decoys."""
    known = faces()
    count = ASKED + int(settings["decoys"])
    style = Style(contrast=settings["contrast"], opacity=settings["opacity"], close=True)
    for _ in range(_ATTEMPTS):
        face = known[int(rng.integers(len(known)))]
        words = pick_latin(face, count, rng)
        ground = gradient_ground(SIZE, rng)
        items: list[tuple[Item, Pose]] = [
            (TextItem(word, face), _pose(settings, rng)) for word in words
        ]
        placed = place(ground, items, style, Spacing(), rng)
        if placed is not None and len(placed) == count:
            boxes = tuple(one.box for one in placed)
            picture = compose(ground, placed)
            return Parts(picture, tuple(words[:ASKED]), boxes[:ASKED], boxes[ASKED:])
    raise ValueError(f"no puzzle fitted its picture in {_ATTEMPTS} attempts")


def _pose(settings: dict[str, float], rng: Generator) -> Pose:
    angle, shear = rng.uniform(-1, 1, 2) * (settings["rotation"], settings["shear"])
    return Pose(settings["size"], float(angle), float(shear))
