"""Characters or icons whose prompt is a band of the picture itself, above or below the scene."""

from dataclasses import replace

from numpy.random import Generator

from training.synthetic.background import (
    draw_background,
    random_size,
    scene_ground,
    still_readable,
)
from training.synthetic.ingredients.palette import Palette
from training.synthetic.puzzle import Drawn, Family
from training.synthetic.puzzle_strips import prompt_strip
from training.synthetic.selection import select_characters, select_icons

_MOST_STRIP_PX = 400


def _draw(palette: Palette, rng: Generator) -> Drawn | None:
    use_icons = bool(palette.icons) and rng.random() < 0.4
    selection = select_icons(palette, rng) if use_icons else select_characters(palette, rng)
    if selection is None:
        return None
    width, height = random_size(rng)
    band = int(rng.integers(26, 61))
    below = rng.random() < 0.7
    ground = scene_ground((width, height + band), palette, rng)
    free = (0, 0, width, height) if below else (0, band, width, height + band)
    background = draw_background(selection, palette, rng, ground=ground, free=free)
    if background is None:
        return None
    region = (0, height, width, height + band) if below else (0, 0, width, band)
    strip_width = min(width, _MOST_STRIP_PX)
    strip = prompt_strip(selection.targets, palette, rng, (strip_width, band))
    if strip is None:
        return None
    picture = background.picture.copy()
    opaque = strip.picture.convert("RGBA")
    if rng.random() < 0.8:
        filler = opaque.getpixel((0, 0))
        picture.paste(filler[:3], region)  # type: ignore[index]  # mode RGBA has four bands
    else:
        region = (region[0], region[1], strip_width, region[3])
    if strip.picture.mode == "RGBA":
        picture.paste((255, 255, 255), region)
    picture.paste(opaque, region[:2], opaque)
    # An item at the border of the band was measured on the ground that lay there before.
    targets = background.placed[: len(selection.targets)]
    if not still_readable(targets, (), background.picture, picture):
        return None
    finished = replace(background, picture=picture)
    return finished.puzzle(selection.targets, "region", strip=strip, region=region)


COMPOSITE = Family("composite", prompt="region", needs=("han",), draw=_draw)
