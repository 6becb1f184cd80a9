"""Chinese characters, given as words."""

from numpy.random import Generator

from training.synthetic.background import draw_background
from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.selection import select_characters


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    selection = select_characters(palette, rng)
    background = selection and draw_background(selection, palette, rng)
    return background.puzzle(selection.targets, "words") if selection and background else None


TEXT_WORDS = Family("text-words", prompt="words", needs=("han",), draw=_draw)
