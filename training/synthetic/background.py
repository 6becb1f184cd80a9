"""Backgrounds: the scene of a puzzle with its items, clutter and wear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.synthetic.clutter import add_clutter, degrade
from training.synthetic.grounds import random_ground, watermark
from training.synthetic.ingredients.palette import Palette
from training.synthetic.items.characters import LEVEL_1
from training.synthetic.items.item import Item
from training.synthetic.items.styles import Style, random_style
from training.synthetic.layers import Box
from training.synthetic.prompts.strips import Strip
from training.synthetic.puzzle import Drawn, PromptKind
from training.synthetic.scenes import (
    Placed,
    compose,
    item_sizes,
    place,
    random_spacing,
)
from training.synthetic.selection import Selection

_OWN_STYLE_SHARE = 0.15
"""Share of the puzzles in which each item has a style of its own."""

_CLUTTER_SHARE = 0.5
_WATERMARK_SHARE = 0.12


@dataclass(frozen=True, slots=True)
class Background:
    """A finished background.

    Attributes:
        picture: Mode `RGB`, with clutter and wear.
        placed: The items, targets first.
        meta: How it was drawn.
    """

    picture: Image.Image
    placed: tuple[Placed, ...]
    meta: dict[str, object]

    def puzzle(
        self,
        targets: Sequence[Item],
        kind: PromptKind,
        *,
        pictures: tuple[bytes, ...] = (),
        strip: Strip | None = None,
        region: Box | None = None,
        words: tuple[str, ...] | None = None,
    ) -> Drawn:
        """The puzzle with this background.

        Args:
            targets: What to click, in prompt order.
            kind: Kind of the prompt.
            pictures: The prompt's own pictures, encoded.
            strip: The prompt picture, for the kinds `image` and `region`.
            region: Where it lies in the background, for the kind `region`.
            words: What the prompt calls the targets; None for their own words.
        """
        count = len(targets)
        x, y = region[:2] if region else (0, 0)
        boxes = strip.boxes if strip else ()
        return Drawn(
            picture=self.picture,
            prompt_pictures=pictures,
            kind=kind,
            region=region,
            words=words or tuple(item.word for item in targets),
            targets=tuple(one.box for one in self.placed[:count]),
            distractors=tuple(one.box for one in self.placed[count:]),
            prompt_boxes=tuple((x1 + x, y1 + y, x2 + x, y2 + y) for x1, y1, x2, y2 in boxes),
            placed=self.placed,
            meta=self.meta | ({"strip": strip.look} if strip else {}),
        )


def random_size(rng: Generator) -> tuple[int, int]:
    """Width and height, 200 x 100 to 700 x 400 pixels, mostly near 300 x 200 as on most sites."""
    if rng.random() < 0.65:
        width = int(rng.integers(240, 401))
        return width, int(np.clip(width * rng.uniform(0.45, 0.75), 100, 400))
    width = int(rng.integers(200, 701))
    return width, int(np.clip(width * rng.uniform(0.4, 0.8), 100, 400))


def scene_ground(size: tuple[int, int], palette: Palette, rng: Generator) -> Image.Image:
    """What the items of a scene lie on, now and then with a watermark; mode `RGB`."""
    picture = random_ground("scene", size, palette, rng)
    faces = palette.han or palette.latin
    if faces and rng.random() < _WATERMARK_SHARE:
        letters = LEVEL_1 if palette.han else "ABCDEFGHKLMNPRSTUVXYZ"
        text = "".join(letters[int(i)] for i in rng.integers(len(letters), size=rng.integers(2, 6)))
        watermark(picture, faces, text, rng)
    return picture


def draw_background(
    selection: Selection,
    palette: Palette,
    rng: Generator,
    *,
    ground: Image.Image | None = None,
    free: Box | None = None,
) -> Background | None:
    """Place the selected items on a ground.

    Args:
        selection: What to place.
        palette: Ingredients of one split.
        rng: The only source of randomness.
        ground: Mode `RGB`; None for one of a random size.
        free: `x1, y1, x2, y2` in pixels, end exclusive, that the items keep to; None for all.

    Returns:
        None where the items do not all fit, or a target could no longer be read in the end.
    """
    if ground is None:
        ground = scene_ground(random_size(rng), palette, rng)
    items = [*selection.targets, *selection.decoys]
    room = (free[2] - free[0], free[3] - free[1]) if free else ground.size
    sizes = item_sizes(room, len(items), rng, low=selection.least_px)
    poses = [motion.pose(size, rng) for motion, size in zip(selection.motions, sizes, strict=True)]
    styles = [random_style(rng)] * len(items)
    if rng.random() < _OWN_STYLE_SHARE:
        styles = [random_style(rng) for _ in items]
    spacing = random_spacing(rng, free)
    # The order of drawing is not that of the prompt, or overlaps would give the latter away.
    order = [int(i) for i in rng.permutation(len(items))]
    found = place(
        ground, [(items[i], poses[i]) for i in order], [styles[i] for i in order], spacing, rng
    )
    if found is None:
        return None
    clean = picture = compose(ground, found)
    if rng.random() < _CLUTTER_SHARE:
        picture = clean.copy()
        add_clutter(picture, rng, 0.3 if min(sizes) < 22 else 1.0)
    picture = degrade(picture, rng)
    placed = tuple(found[order.index(i)] for i in range(len(items)))
    if not still_readable(placed[: len(selection.targets)], found, clean, picture):
        return None
    return Background(picture, placed, _meta(placed, sizes, styles[0]))


def _meta(placed: Sequence[Placed], sizes: Sequence[float], style: Style) -> dict[str, object]:
    return {
        "rotation": [round(one.angle_deg) for one in placed],
        "size": [round(size) for size in sizes],
    } | style.meta()


def still_readable(
    targets: Sequence[Placed],
    others: Sequence[Placed],
    before: Image.Image,
    after: Image.Image,
) -> bool:
    """Whether targets that were readable are so in the finished picture.

    Args:
        targets: Items to click.
        others: All items that may lie near them.
        before: Mode `RGB`, the picture in which the targets were readable.
        after: The same size, finished.
    """
    return all(one.readable(after) for one in targets if one.is_altered(others, before, after))
