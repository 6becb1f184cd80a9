"""Pictures of a whole prompt, as widely as sites draw them: what a prompt detector learns from.

`strips.draw_strip` draws the prompts of the generated puzzles, tidy ones mostly. Here the layout is
free (equal cells, rows that fill a part of the picture, gaps of two items), clutter is as large and
as thick as the items and in their colours, and text that belongs to no item stands before or
after them. What is drawn besides the items is remembered too: a matcher learns from it what is
nobody's partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.synthetic.characters import DIGITS, LEVEL_1, LEVEL_2, LOWER, UPPER
from training.synthetic.clutter import dashes, grain, rescale_wear, speckle
from training.synthetic.colours import away_from, mix, random_colour
from training.synthetic.effects import SMALL_PX, Bold, Hollow, Outline
from training.synthetic.glyphs import text_mask
from training.synthetic.grounds import mean_colour, random_ground
from training.synthetic.items import (
    Cut,
    IconItem,
    Item,
    Motion,
    TextItem,
    cut_out,
    known_by,
    paint_cut,
)
from training.synthetic.layers import Box, composite_at, seen_box
from training.synthetic.palette import Palette, by_design, random_face
from training.synthetic.prompt_clutter import (
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
from training.synthetic.prompt_layout import layout
from training.synthetic.shapes import ShapeCollection
from training.synthetic.store import IconCollection
from training.synthetic.strips import Strip, on_page
from training.synthetic.styles import Style, random_style

_LEAST_SIDE_PX = 13
_ATTEMPTS = 4

_SPARSE = (
    "一二三十七八九几了刀力又人入儿丁乃卜匕万上下个丫义之于干工土士才大丈与久么小口山川千乞"
    "夕广亡门己已弓飞习叉马井开夫天无专云木五不太犬区历友尤匹比互切瓦止少日中内水贝见午牛手"
)
"""Characters of few strokes, which noise breaks up and lines pass for."""

_INSTRUCTIONS = (
    "请依次点击", "请按顺序点击", "依次点击:", "请点击", "点击下图", "按顺序选择", "請依次點擊",
    "Click in order:", "Please click", "Select in order", "Click:", "Tap these", "in order",
    "Cliquez", "Klicken Sie", "Haga clic",
)  # fmt: skip
"""What sites write beside the items; none of it is to be clicked."""


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A prompt picture with the truth about it.

    Attributes:
        picture: Mode `RGB`.
        boxes: Boxes of the items, left to right, `x1, y1, x2, y2` in pixels, end exclusive.
        clutter: Clutter of what is no item and could be taken for one, the same way.
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
        self._han = by_design(palette.han)
        self._latin = by_design(palette.latin or palette.han)
        split = palette.icons[0].split if palette.icons else "train"
        self._shapes: IconCollection = ShapeCollection.of(split)

    def draw(self, rng: Generator) -> PromptPicture:
        """A prompt picture of one to eight items of any kind."""
        count = int(rng.choice(8, p=[0.07, 0.14, 0.28, 0.25, 0.12, 0.07, 0.04, 0.03])) + 1
        return self.draw_items(self.items(count, rng), rng)

    def draw_items(self, items: Sequence[Item], rng: Generator) -> PromptPicture:
        """A prompt picture of these items, which a person could read.

        Args:
            items: In reading order, at least one.
            rng: The only source of chance.
        """
        for attempt in range(_ATTEMPTS):
            # The last attempt is drawn without clutter, and counts however it looks.
            drawn, strip = self._attempt(items, rng, amount=1.0 - attempt / (_ATTEMPTS - 1))
            if strip.readable():
                break
        return drawn

    def items(self, count: int, rng: Generator) -> list[Item]:
        """Items as one prompt shows them: of one kind, now and then mixed."""
        kind = rng.random()
        if kind < 0.33:
            return self._characters(count, rng)
        if kind < 0.50:
            return self._letters(count, rng)
        if kind < 0.74:
            return self._icons(count, rng)
        if kind < 0.92:
            return [self._shape(rng) for _ in range(count)]
        pools = [
            self._characters(count, rng),
            self._letters(count, rng),
            self._icons(count, rng),
            [self._shape(rng) for _ in range(count)],
        ]
        return [pools[int(rng.integers(len(pools)))][i] for i in range(count)]

    def _characters(self, count: int, rng: Generator) -> list[Item]:
        face = random_face(self._han, rng)
        pool = LEVEL_1 if rng.random() < 0.8 else LEVEL_2
        sparse = rng.random() < 0.2
        found: list[Item] = []
        while len(found) < count:
            some = _SPARSE if sparse and rng.random() < 0.5 else pool
            word = some[int(rng.integers(len(some)))]
            if face.covers(word):
                found.append(TextItem(word, face))
            elif rng.random() < 0.05:
                face, pool = random_face(self._han, rng), LEVEL_1
        return found

    def _letters(self, count: int, rng: Generator) -> list[Item]:
        face = random_face(self._latin, rng)
        pools = (DIGITS + UPPER, UPPER, DIGITS, DIGITS + UPPER + LOWER, LOWER)
        pool = pools[int(rng.integers(len(pools)))]
        words: list[Item] = []
        length = 2 if rng.random() < 0.12 else 1
        while len(words) < count:
            word = "".join(pool[int(rng.integers(len(pool)))] for _ in range(length))
            if not face.covers(word):
                face = random_face(self._latin, rng)
                continue
            words.append(TextItem(word, face))
        return words

    def _icons(self, count: int, rng: Generator) -> list[Item]:
        collections = self._palette.icons
        collection = collections[int(rng.integers(len(collections)))]
        return [IconItem(collection, int(rng.integers(len(collection)))) for _ in range(count)]

    def _shape(self, rng: Generator) -> Item:
        return IconItem(self._shapes, int(rng.integers(len(self._shapes))))

    def _attempt(
        self, items: Sequence[Item], rng: Generator, amount: float
    ) -> tuple[PromptPicture, Strip]:
        icons = isinstance(items[0], IconItem)
        style, motion, one_ink = _look(rng, icons=icons)
        side = float(rng.choice(np.array([rng.uniform(14, 24), rng.uniform(18, 48), 72.0])
                                , p=[0.3, 0.62, 0.08]))  # fmt: skip
        size, slots, before = layout(len(items), side, rng)
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
        own = style
        picture = canvas.picture.convert("RGBA")
        for item, (x, y) in zip(items, slots, strict=True):
            wanted = side * rng.uniform(0.9, 1.1)
            cut = cut_out(item, motion.pose(max(wanted, _LEAST_SIDE_PX), rng), rng)
            if isinstance(item, TextItem) and rng.random() < 0.08:
                cut = _widened(cut, rng)
            colour = shared or away_from(tone, rng, style.contrast, tone=style.ink)
            if scheme is not None:
                colour = scheme.ink(rng)
            layer = paint_cut(cut, own, tone, rng, colour=colour)
            canvas.inks.append(colour)
            left, top = round(x - layer.width / 2), round(y - layer.height / 2)
            composite_at(picture, layer, left, top)
            boxes.append(seen_box(layer, left, top, size))
            known = known_by(cut, layer, own)
            inset = (layer.width - known.mask.width) // 2, (layer.height - known.mask.height) // 2
            shapes.append((known, (left + inset[0], top + inset[1])))
        canvas.picture = picture.convert("RGB")
        if before and rng.random() < 0.75:
            self._instruction(canvas, before, rng)
        if scheme is not None:
            pebbles(canvas, rng, amount, scheme)
        elif rng.random() < 0.72 * amount:
            self._over(canvas, boxes, rng, amount)
        finished = _worn(canvas.picture, side, rng, amount)
        # Boxes of items that lie behind others in reading order would make cuts ambiguous.
        order = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
        ordered = tuple(boxes[i] for i in order)
        strip = Strip(finished, ordered, "scene", tuple(shapes))
        return PromptPicture(finished, ordered, _apart(canvas.clutter, ordered)), strip

    # Clutter

    def _behind(self, canvas: Canvas, rng: Generator, amount: float) -> None:
        """What lies under the items."""
        for _ in range(int(rng.integers(1, 3))):
            kind = rng.random()
            if kind < 0.4:
                blobs(canvas, rng, amount, opaque=rng.random() < 0.5)
            elif kind < 0.7:
                curves(canvas, rng, amount)
            elif kind < 0.85:
                dots(canvas, rng, amount)
            else:
                self._faint_text(canvas, rng)

    def _over(self, canvas: Canvas, boxes: Sequence[Box], rng: Generator, amount: float) -> None:
        """What lies over the items, through them or between them."""
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

    def _faint_text(self, canvas: Canvas, rng: Generator) -> None:
        """Faint or tiny characters that are no items."""
        face = random_face(self._latin if rng.random() < 0.6 else self._han, rng)
        pool = DIGITS + UPPER + LOWER if rng.random() < 0.6 else LEVEL_1
        tone = mix(mean_colour(canvas.picture), random_colour(rng), rng.uniform(0.12, 0.3))
        for _ in range(int(rng.integers(3, 14))):
            letter = pool[int(rng.integers(len(pool)))]
            if not face.covers(letter):
                continue
            mask = text_mask(face, letter, 24)
            scale = canvas.side * rng.uniform(0.25, 0.45) / 24
            mask = mask.resize((max(2, int(mask.width * scale)), max(2, int(mask.height * scale))))
            x = int(rng.integers(0, max(1, canvas.picture.width - mask.width)))
            y = int(rng.integers(0, max(1, canvas.picture.height - mask.height)))
            canvas.picture.paste(tone, (x, y), mask)

    def _instruction(self, canvas: Canvas, room: tuple[int, int], rng: Generator) -> None:
        """Text beside the items, smaller than they are; it is no item."""
        text = _INSTRUCTIONS[int(rng.integers(len(_INSTRUCTIONS)))]
        faces = self._han if ord(text[0]) > 127 else self._latin
        for _ in range(12):
            face = random_face(faces, rng)
            if face.covers(text.replace(" ", "")):
                break
        else:
            return
        mask = text_mask(face, text, 36)
        high = canvas.side * rng.uniform(0.32, 0.6) * (1.0 if ord(text[0]) > 127 else 1.1)
        scale = min(high / mask.height, (room[1] - room[0] - 2) / mask.width)
        if scale * mask.height < 5:
            return
        mask = mask.resize(
            (max(2, round(mask.width * scale)), max(2, round(mask.height * scale))),
            Image.Resampling.BILINEAR,
        )
        x = room[0] + int(rng.integers(0, max(1, room[1] - room[0] - mask.width)))
        y = (canvas.picture.height - mask.height) // 2 + int(rng.integers(-2, 3))
        tone = away_from(mean_colour(canvas.picture), rng, 0.35, tone="dull")
        canvas.picture.paste(tone, (x, y), mask)
        step = max(1, mask.width // max(1, len(text)))
        for start in range(x, x + mask.width - step + 1, step):
            canvas.note(start, y, start + step, y + mask.height)


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
    """A heavy, wide drawing of a glyph, as wide as its cell, its halves now and then apart."""
    wide = max(2, round(cut.mask.width * rng.uniform(1.1, 1.45)))
    mask = cut.mask.resize((wide, cut.mask.height), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        mask = mask.filter(ImageFilter.MaxFilter(3))
    return Cut(mask)


def _apart(clutter: Sequence[Box], boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The pieces of clutter of which no item covers a quarter."""
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


def _worn(picture: Image.Image, side: float, rng: Generator, amount: float) -> Image.Image:
    """Noise and wear over everything."""
    noise = rng.random()
    if noise < 0.1 * amount:
        dashes(picture, rng, rng.uniform(0.03, 0.35) * (1.0 if side > 30 else 0.5) * amount)
    elif noise < 0.25 * amount:
        share = rng.uniform(0.03, 0.5) * (1.0 if side > 30 else 0.5) * amount
        picture = speckle(picture, rng, share, coloured=rng.random() < 0.7)
    if rng.random() < 0.1 and side > 22:
        picture = rescale_wear(picture, rng)
    if rng.random() < 0.06 and side > 20:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    if rng.random() < 0.1:
        picture = grain(picture, rng, rng.uniform(4, 18))
    return picture


def flat(picture: Image.Image) -> NDArray[np.uint8]:
    """`(H, W, 3)` uint8 RGB of a prompt picture, transparent parts on white."""
    return np.asarray(on_page(picture))
