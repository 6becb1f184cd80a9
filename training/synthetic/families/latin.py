"""Letters, digits and two-character words, given as words."""

from numpy.random import Generator

from training.synthetic.background import draw_background
from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.items.characters import pick_latin
from training.synthetic.items.item import Item, TextItem, random_motion
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.selection import Selection, random_counts


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    targets, decoys = random_counts(rng)
    face = random_face(by_design(palette.latin), rng)
    words = pick_latin(face, targets + decoys, rng)
    if len(words) < targets + decoys:
        return None
    items: list[Item] = [TextItem(word, face) for word in words]
    motion = random_motion(rng, icons=False)
    selection = Selection(items[:targets], items[targets:], [motion] * len(items), least_px=20)
    background = draw_background(selection, palette, rng)
    return background.puzzle(selection.targets, "words") if background else None


LATIN = Family("latin", prompt="words", needs=("latin",), draw=_draw)
