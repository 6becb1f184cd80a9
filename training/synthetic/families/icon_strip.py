"""Icons, as one prompt picture."""

from numpy.random import Generator

from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.puzzle_strips import draw_with_strip
from training.synthetic.selection import select_icons


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    return draw_with_strip(select_icons(palette, rng), palette, rng)


ICON_STRIP = Family("icon-strip", prompt="image", needs=("icons",), draw=_draw)
