"""Prompt pictures of puzzles, and puzzles whose prompt is such a picture."""

from collections.abc import Sequence

from numpy.random import Generator

from training.synthetic.background import draw_background
from training.synthetic.ingredients.palette import Palette, by_design, random_face
from training.synthetic.items.item import Item, TextItem
from training.synthetic.prompts.pictures import PromptPainter
from training.synthetic.prompts.strips import Strip, draw_strip, encode_strip
from training.synthetic.puzzle import Drawn
from training.synthetic.selection import Selection

_WIDE_SHARE = 0.5
"""Share of the prompt pictures that `PromptPainter` draws."""

_ATTEMPTS = 6


def prompt_strip(
    items: Sequence[Item],
    palette: Palette,
    rng: Generator,
    size: tuple[int, int] | None = None,
) -> Strip | None:
    """A prompt picture that a person can read.

    Args:
        items: The targets, in prompt order.
        palette: Ingredients of one split.
        rng: The only source of randomness.
        size: Width and height in pixels of a strip that lies in the background; None for a picture
            of its own, half of which are drawn by `PromptPainter` in all its variety.

    Returns:
        None where no attempt could be read.
    """
    if size is None and palette.han and palette.icons and rng.random() < _WIDE_SHARE:
        drawn = PromptPainter(palette).draw_items(_rendered(items, palette, rng), rng)
        return Strip(drawn.picture, drawn.boxes, "wide")
    for _ in range(_ATTEMPTS):
        strip = draw_strip(_rendered(items, palette, rng), palette, rng, size=size)
        if strip.readable():
            return strip
    return None


def _rendered(items: Sequence[Item], palette: Palette, rng: Generator) -> list[Item]:
    """The items as the prompt renders them: half of the time in another font."""
    if rng.random() < 0.5:
        return list(items)
    face = random_face(by_design(palette.han), rng) if palette.han else None
    return [
        TextItem(item.word, face)
        if isinstance(item, TextItem) and face is not None and face.covers(item.word)
        else item
        for item in items
    ]


def draw_with_strip(selection: Selection | None, palette: Palette, rng: Generator) -> Drawn | None:
    """A puzzle of the selected items with a prompt picture; None where they do not fit."""
    background = selection and draw_background(selection, palette, rng)
    if not selection or not background:
        return None
    strip = prompt_strip(selection.targets, palette, rng)
    if strip is None:
        return None
    picture = encode_strip(strip.picture)
    return background.puzzle(selection.targets, "image", pictures=(picture,), strip=strip)
