"""Chinese characters, as one prompt picture."""

from numpy.random import Generator

from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.puzzle_strips import draw_with_strip
from training.synthetic.selection import select_characters


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    return draw_with_strip(select_characters(palette, rng), palette, rng)


TEXT_STRIP = Family("text-strip", prompt="image", needs=("han",), draw=_draw)
