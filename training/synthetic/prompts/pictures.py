"""Prompt pictures in the variety of real sites, on which the prompt detector is trained.

`strips.draw_strip` draws mostly tidy prompts. Here the layout is free (equal cells, rows that fill
a part of the picture, gaps of two items), clutter is as large and as thick as the items and in
their colours, and an instruction may stand before or after them. The boxes of the clutter are
returned too: for the matcher they are negatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from training.synthetic.clutter import blur_by_rescaling, dashes, grain, speckle
from training.synthetic.colours import away_from
from training.synthetic.grounds import mean_colour, random_ground
from training.synthetic.ingredients.palette import Palette, by_design
from training.synthetic.items.effects import SMALL_PX, Bold, Hollow, Outline
from training.synthetic.items.item import (
    Cut,
    IconItem,
    Item,
    Motion,
    TextItem,
    cut_out,
    paint_cut,
    visible_shape_at,
)
from training.synthetic.items.styles import Style, random_style
from training.synthetic.layers import Box, composite_at, seen_box
from training.synthetic.prompts.clutter import (
    Canvas,
    Scheme,
    along,
    blobs,
    curves,
    dots,
    lines,
    pebbles,
    strokes,
)
from training.synthetic.prompts.items import PromptItems
from training.synthetic.prompts.layout import layout
from training.synthetic.prompts.strips import Strip
from training.synthetic.prompts.texts import faint_text, instruction

_LEAST_SIDE_PX = 13
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A prompt picture with its ground truth.

    Attributes:
        picture: Mode `RGB`.
        boxes: Boxes of the items, left to right, `x1, y1, x2, y2` in pixels, end exclusive.
        clutter: Boxes of clutter that could be mistaken for an item, in the same form.
    """

    picture: Image.Image
    boxes: tuple[Box, ...]
    clutter: tuple[Box, ...]


class PromptPainter:
    """Draws prompt pictures from the ingredients of one split.

    Args:
        palette: Ingredients; at least Chinese faces and icons.
    """

    def __init__(self, palette: Palette) -> None:
        self._palette = palette
        self._items = PromptItems(palette)
        self._han = by_design(palette.han)
        self._latin = by_design(palette.latin or palette.han)

    def draw(self, rng: Generator) -> PromptPicture:
        """A prompt picture of one to eight items of any kind."""
        count = int(rng.choice(8, p=[0.07, 0.14, 0.28, 0.25, 0.12, 0.07, 0.04, 0.03])) + 1
        return self.draw_items(self._items.choose(count, rng), rng)

    def draw_items(self, items: Sequence[Item], rng: Generator) -> PromptPicture:
        """A prompt picture of these items, which a person could read.

        Args:
            items: In reading order, at least one.
            rng: The only source of randomness.
        """
        for attempt in range(_ATTEMPTS):
            # The last attempt is drawn without clutter, and taken even if it cannot be read.
            drawn, strip = self._attempt(items, rng, amount=1.0 - attempt / (_ATTEMPTS - 1))
            if strip.readable():
                break
        return drawn

    def _attempt(
        self, items: Sequence[Item], rng: Generator, amount: float
    ) -> tuple[PromptPicture, Strip]:
        icons = isinstance(items[0], IconItem)
        style, motion, one_ink = _look(rng, icons=icons)
        side = float(rng.choice(np.array([rng.uniform(14, 24), rng.uniform(18, 48), 72.0])
                                , p=[0.3, 0.62, 0.08]))  # fmt: skip
        size, slots, free = layout(len(items), side, rng)
        canvas = Canvas(random_ground("prompt picture", size, self._palette, rng), side)
        style = _fitted(style, side)
        scheme = None
        if rng.random() < 0.15 * amount:
            scheme = Scheme.draw(rng)
            canvas.picture = Image.new("RGB", size, scheme.ground(rng))
            style = replace(style, opacity=1.0)
            if rng.random() < 0.5:
                pebbles(canvas, rng, amount, scheme)
        elif rng.random() < 0.45 * amount:
            self._behind(canvas, rng, amount)
        boxes: list[Box] = []
        shapes: list[tuple[Cut, tuple[int, int]]] = []
        tone = mean_colour(canvas.picture)
        shared = away_from(tone, rng, style.contrast, tone=style.ink) if one_ink else None
        picture = canvas.picture.convert("RGBA")
        for item, (x, y) in zip(items, slots, strict=True):
            wanted = side * rng.uniform(0.9, 1.1)
            cut = cut_out(item, motion.pose(max(wanted, _LEAST_SIDE_PX), rng), rng)
            if isinstance(item, TextItem) and rng.random() < 0.08:
                cut = _widened(cut, rng)
            colour = shared or away_from(tone, rng, style.contrast, tone=style.ink)
            if scheme is not None:
                colour = scheme.ink(rng)
            layer = paint_cut(cut, style, tone, rng, colour=colour)
            canvas.inks.append(colour)
            left, top = round(x - layer.width / 2), round(y - layer.height / 2)
            composite_at(picture, layer, left, top)
            boxes.append(seen_box(layer, left, top, size))
            shapes.append(visible_shape_at(cut, layer, style, (left, top)))
        canvas.picture = picture.convert("RGB")
        if free and rng.random() < 0.75:
            instruction(canvas, self._han, self._latin, free, rng)
        if scheme is not None:
            pebbles(canvas, rng, amount, scheme)
        elif rng.random() < 0.72 * amount:
            self._over(canvas, boxes, rng, amount)
        finished = _degraded(canvas.picture, side, rng, amount)
        # Overlapping items may change places; boxes are in reading order.
        order = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
        ordered = tuple(boxes[i] for i in order)
        strip = Strip(finished, ordered, "scene", tuple(shapes))
        return PromptPicture(finished, ordered, _apart(canvas.clutter, ordered)), strip

    # Clutter

    def _behind(self, canvas: Canvas, rng: Generator, amount: float) -> None:
        """Draw clutter under the items."""
        for _ in range(int(rng.integers(1, 3))):
            kind = rng.random()
            if kind < 0.4:
                blobs(canvas, rng, amount, opaque=rng.random() < 0.5)
            elif kind < 0.7:
                curves(canvas, rng, amount)
            elif kind < 0.85:
                dots(canvas, rng, amount)
            else:
                faint_text(canvas, self._han, self._latin, rng)

    def _over(self, canvas: Canvas, boxes: Sequence[Box], rng: Generator, amount: float) -> None:
        """Draw clutter over the items and between them."""
        kinds = rng.random(6)
        if kinds[0] < 0.5:
            curves(canvas, rng, amount)
        if kinds[1] < 0.45:
            dots(canvas, rng, amount)
        if kinds[2] < 0.3:
            lines(canvas, rng, amount)
        if kinds[3] < 0.4:
            blobs(canvas, rng, amount, opaque=rng.random() < 0.5)
        if kinds[4] < 0.15:
            strokes(canvas, rng, amount)
        if kinds[5] < 0.06:
            along(canvas, boxes, rng)


def _look(rng: Generator, *, icons: bool) -> tuple[Style, Motion, bool]:
    """Style and motion of a picture's items, and whether all have one colour."""
    kind = rng.random()
    if kind < 0.4:
        ink = "dark" if rng.random() < 0.5 else "any"
        style = Style(contrast=float(rng.uniform(0.2, 0.45)), ink=ink)  # type: ignore[arg-type]
    elif kind < 0.5:
        style = Style(fill=Hollow(), outline=Outline(float(rng.uniform(0.03, 0.06))), contrast=0.4)
    elif kind < 0.6:
        style = Style(bold=Bold(-0.03), contrast=float(rng.uniform(0.15, 0.3)))
    elif kind < 0.68:
        style = Style(bold=Bold(float(rng.uniform(0.02, 0.06))), contrast=0.35)
    else:
        style = random_style(rng)
    turn = rng.random()
    if turn < 0.45:
        motion = Motion()
    elif turn < 0.7:
        motion = Motion(float(rng.uniform(3, 20)), float(rng.uniform(0, 0.2)))
    elif turn < 0.92 or not icons:
        motion = Motion(
            float(rng.uniform(15, 50)),
            float(rng.uniform(0, 0.4)),
            float(rng.uniform(0, 0.3)),
            float(rng.uniform(0, 0.06)),
        )
    else:
        motion = Motion(180.0)
    return style, motion, rng.random() < 0.45


def _fitted(style: Style, side: float) -> Style:
    """The style without the effects that are as wide as the strokes of small items."""
    if side >= SMALL_PX:
        return style
    small = style.fitted(side)
    return Style(
        edge=small.edge,
        extrusion=small.extrusion and small.extrusion.at_most(2),
        fill=small.fill,
        opacity=max(small.opacity, 0.6),
        contrast=max(small.contrast, 0.25),
        ink=small.ink,
    )


def _widened(cut: Cut, rng: Generator) -> Cut:
    """A widened glyph, now and then with bolder strokes."""
    wide = max(2, round(cut.mask.width * rng.uniform(1.1, 1.45)))
    mask = cut.mask.resize((wide, cut.mask.height), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        mask = mask.filter(ImageFilter.MaxFilter(3))
    return Cut(mask)


def _apart(clutter: Sequence[Box], boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The pieces of clutter of which each item covers less than a quarter."""
    found = []
    for box in clutter:
        area = max(1, (box[2] - box[0]) * (box[3] - box[1]))
        shared = max(
            (
                max(0, min(box[2], b[2]) - max(box[0], b[0]))
                * max(0, min(box[3], b[3]) - max(box[1], b[1]))
                for b in boxes
            ),
            default=0,
        )
        if shared < 0.25 * area:
            found.append(box)
    return tuple(found)


def _degraded(picture: Image.Image, side: float, rng: Generator, amount: float) -> Image.Image:
    """Noise and degradation over everything."""
    noise = rng.random()
    if noise < 0.1 * amount:
        dashes(picture, rng, rng.uniform(0.03, 0.35) * (1.0 if side > 30 else 0.5) * amount)
    elif noise < 0.25 * amount:
        share = rng.uniform(0.03, 0.5) * (1.0 if side > 30 else 0.5) * amount
        picture = speckle(picture, rng, share, coloured=rng.random() < 0.7)
    if rng.random() < 0.1 and side > 22:
        picture = blur_by_rescaling(picture, rng)
    if rng.random() < 0.06 and side > 20:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    if rng.random() < 0.1:
        picture = grain(picture, rng, rng.uniform(4, 18))
    return picture
