"""Icons, as one prompt picture each."""

from numpy.random import Generator

from training.synthetic.background import draw_background
from training.synthetic.colours import RGB, random_colour
from training.synthetic.ingredients.palette import Palette
from training.synthetic.prompts.strips import draw_prompt_icon, encode_strip, icon_readable, on_page
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.selection import select_icons

_WHITE: RGB = (255, 255, 255)
_PAGES = 8
"""Page colours that are tried until every icon can be read."""


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    selection = select_icons(palette, rng)
    background = selection and draw_background(selection, palette, rng)
    if not selection or not background:
        return None
    ink: RGB = (
        (int(rng.integers(0, 70)),) * 3 if rng.random() < 0.75 else random_colour(rng, "dark")
    )
    side = int(rng.integers(24, 65))
    icons = [draw_prompt_icon(item, ink, rng, side) for item in selection.targets]
    page = _WHITE
    for _ in range(_PAGES):
        drawn = zip(icons, selection.targets, strict=True)
        if all(icon_readable(icon, item, page) for icon, item in drawn):
            break
        # Never a dark one: there are black icons beside the white ones.
        page = random_colour(rng, "pastel" if rng.random() < 0.5 else "vivid")
    else:
        return None
    if page != _WHITE or background.picture.width % 3 == 0:
        icons = [on_page(icon, page) for icon in icons]
    pictures = tuple(encode_strip(icon) for icon in icons)
    return background.puzzle(selection.targets, "icons", pictures=pictures)


ICON_LIST = Family("icon-list", prompt="icons", needs=("icons",), draw=_draw)
