"""Pictures of a whole prompt, as widely as sites draw them: what a prompt detector learns from.

`strips.draw_strip` draws the prompts of the generated puzzles, tidy ones mostly. Here the layout is
free (equal cells, rows that fill a part of the picture, gaps of two items), clutter is as large and
as thick as the items and in their colours, and text that belongs to no item stands before or
after them. What is drawn besides the items is remembered too: a matcher learns from it what is
nobody's partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.synthetic.characters import DIGITS, LEVEL_1, LEVEL_2, LOWER, UPPER
from training.synthetic.clutter import grain, rescale_wear, speckle
from training.synthetic.colours import RGB, away_from, distance, mix, random_colour
from training.synthetic.glyphs import text_mask
from training.synthetic.grounds import (
    flat_ground,
    gradient_ground,
    mean_colour,
    pattern_ground,
    photo_ground,
    shapes_ground,
    soften,
)
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
from training.synthetic.palette import Palette
from training.synthetic.shapes import ShapeCollection
from training.synthetic.store import FontFace, IconCollection
from training.synthetic.strips import Box, Strip, on_page
from training.synthetic.styles import Style, ink_box, random_style

_LEAST_SIDE_PX = 13
_MOST_WIDTH_PX = 640
_ATTEMPTS = 4

_INSTRUCTIONS = (
    "请依次点击", "请按顺序点击", "依次点击:", "请点击", "点击下图", "按顺序选择", "請依次點擊",
    "Click in order:", "Please click", "Select in order", "Click:", "Tap these", "in order",
    "Cliquez", "Klicken Sie", "Haga clic",
)  # fmt: skip
"""What sites write beside the items; none of it is to be clicked."""


@dataclass(slots=True)
class _Canvas:
    """A prompt picture while it is drawn.

    Attributes:
        picture: Mode `RGB`.
        side: Approximate side of the items in pixels.
        inks: Colours of the items.
        clutter: Boxes of what is no item, in picture pixels, end exclusive.
    """

    picture: Image.Image
    side: float
    inks: list[RGB] = field(default_factory=list)
    clutter: list[Box] = field(default_factory=list)

    def note(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Remember a piece of clutter that is large enough to be taken for an item."""
        width, height = self.picture.size
        box = (
            round(max(0, x1)), round(max(0, y1)), round(min(width, x2)), round(min(height, y2))
        )  # fmt: skip
        if min(box[2] - box[0], box[3] - box[1]) >= 0.25 * self.side:
            self.clutter.append(box)


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
        self._han = _by_design(palette.han)
        self._latin = _by_design(palette.latin or palette.han)
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
        face = _any_face(self._han, rng)
        pool = LEVEL_1 if rng.random() < 0.8 else LEVEL_2
        found: list[Item] = []
        while len(found) < count:
            word = pool[int(rng.integers(len(pool)))]
            if face.covers(word):
                found.append(TextItem(word, face))
            elif rng.random() < 0.05:
                face, pool = _any_face(self._han, rng), LEVEL_1
        return found

    def _letters(self, count: int, rng: Generator) -> list[Item]:
        face = _any_face(self._latin, rng)
        pools = (DIGITS + UPPER, UPPER, DIGITS, DIGITS + UPPER + LOWER, LOWER)
        pool = pools[int(rng.integers(len(pools)))]
        words: list[Item] = []
        length = 2 if rng.random() < 0.12 else 1
        while len(words) < count:
            word = "".join(pool[int(rng.integers(len(pool)))] for _ in range(length))
            if not face.covers(word):
                face = _any_face(self._latin, rng)
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
        size, slots, before = _layout(len(items), side, rng)
        canvas = _Canvas(self._ground(size, rng), side)
        style = _fitting(style, side)
        if rng.random() < 0.45 * amount:
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
            layer = paint_cut(cut, own, tone, rng, colour=colour)
            canvas.inks.append(colour)
            left, top = round(x - layer.width / 2), round(y - layer.height / 2)
            cut_x, cut_y = max(0, -left), max(0, -top)
            if cut_x < layer.width and cut_y < layer.height:
                picture.alpha_composite(layer, (left + cut_x, top + cut_y), (cut_x, cut_y))
            boxes.append(_clipped(layer, left, top, size))
            known = known_by(cut, layer, own)
            inset = (layer.width - known.mask.width) // 2, (layer.height - known.mask.height) // 2
            shapes.append((known, (left + inset[0], top + inset[1])))
        canvas.picture = picture.convert("RGB")
        if before and rng.random() < 0.75:
            self._instruction(canvas, before, rng)
        if rng.random() < 0.72 * amount:
            self._over(canvas, boxes, rng, amount)
        finished = _worn(canvas.picture, side, rng, amount)
        # Boxes of items that lie behind others in reading order would make cuts ambiguous.
        order = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
        ordered = tuple(boxes[i] for i in order)
        strip = Strip(finished, ordered, "scene", tuple(shapes))
        return PromptPicture(finished, ordered, _apart(canvas.clutter, ordered)), strip

    def _ground(self, size: tuple[int, int], rng: Generator) -> Image.Image:
        kind = rng.random()
        if kind < 0.42:
            return Image.new("RGB", size, (255, 255, 255))
        if kind < 0.56:
            return Image.new("RGB", size, random_colour(rng, "light"))
        if kind < 0.72:
            tones = np.array(["any", "vivid", "dark", "pastel", "dull"])
            return Image.new("RGB", size, random_colour(rng, rng.choice(tones).item()))
        if kind < 0.8:
            return gradient_ground(size, rng)
        if kind < 0.9 and self._palette.photos:
            return soften(photo_ground(size, self._palette.photos, rng), rng)
        if kind < 0.95:
            return pattern_ground(size, rng) if size[1] > 24 else flat_ground(size, rng)
        return shapes_ground(size, rng)

    # Clutter

    def _behind(self, canvas: _Canvas, rng: Generator, amount: float) -> None:
        """What lies under the items."""
        for _ in range(int(rng.integers(1, 3))):
            kind = rng.random()
            if kind < 0.4:
                _blobs(canvas, rng, amount, opaque=rng.random() < 0.5)
            elif kind < 0.7:
                _curves(canvas, rng, amount)
            elif kind < 0.85:
                _dots(canvas, rng, amount)
            else:
                self._faint_text(canvas, rng)

    def _over(self, canvas: _Canvas, boxes: Sequence[Box], rng: Generator, amount: float) -> None:
        """What lies over the items, through them or between them."""
        kinds = rng.random(6)
        if kinds[0] < 0.5:
            _curves(canvas, rng, amount)
        if kinds[1] < 0.45:
            _dots(canvas, rng, amount)
        if kinds[2] < 0.3:
            _lines(canvas, rng, amount)
        if kinds[3] < 0.4:
            _blobs(canvas, rng, amount, opaque=rng.random() < 0.5)
        if kinds[4] < 0.15:
            _strokes(canvas, rng, amount)
        if kinds[5] < 0.06:
            _along(canvas, boxes, rng)

    def _faint_text(self, canvas: _Canvas, rng: Generator) -> None:
        """Faint or tiny characters that are no items."""
        face = _any_face(self._latin if rng.random() < 0.6 else self._han, rng)
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

    def _instruction(self, canvas: _Canvas, room: tuple[int, int], rng: Generator) -> None:
        """Text beside the items, smaller than they are; it is no item."""
        text = _INSTRUCTIONS[int(rng.integers(len(_INSTRUCTIONS)))]
        faces = self._han if ord(text[0]) > 127 else self._latin
        for _ in range(12):
            face = _any_face(faces, rng)
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


def _by_design(faces: Sequence[FontFace]) -> list[list[FontFace]]:
    designs: dict[str, list[FontFace]] = {}
    for face in faces:
        designs.setdefault(face.design, []).append(face)
    return [designs[name] for name in sorted(designs)]


def _any_face(designs: Sequence[Sequence[FontFace]], rng: Generator) -> FontFace:
    faces = designs[int(rng.integers(len(designs)))]
    return faces[int(rng.integers(len(faces)))]


def _look(rng: Generator, *, icons: bool) -> tuple[Style, Motion, bool]:
    """Style and motion of a picture's items, and whether all have one colour."""
    kind = rng.random()
    if kind < 0.4:
        ink = "dark" if rng.random() < 0.5 else "any"
        style = Style(contrast=float(rng.uniform(0.2, 0.45)), ink=ink)  # type: ignore[arg-type]
    elif kind < 0.5:
        style = Style(fill="hollow", outline=float(rng.uniform(0.03, 0.06)), contrast=0.4)
    elif kind < 0.6:
        style = Style(bold=-0.03, contrast=float(rng.uniform(0.15, 0.3)))
    elif kind < 0.68:
        style = Style(bold=float(rng.uniform(0.02, 0.06)), contrast=0.35)
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


def _fitting(style: Style, side: float) -> Style:
    """Without effects as wide as the strokes of small items."""
    if side >= 26:
        return style
    return Style(
        fill="flat" if style.fill in ("strokes", "hollow") else style.fill,
        contrast=max(style.contrast, 0.25),
        ink=style.ink,
        edge="aliased" if style.edge == "aliased" else "smooth",
        extrusion=min(style.extrusion, 2),
        opacity=max(style.opacity, 0.6),
    )


def _layout(
    count: int, side: float, rng: Generator
) -> tuple[tuple[int, int], list[tuple[float, float]], tuple[int, int] | None]:
    """Size of the picture, the middles of the items, and the columns that are free for a text."""
    height = round(side / rng.uniform(0.42, 1.02))
    kind = rng.random()
    wander = max(0.0, height - side) / 2
    lead = int(side * rng.uniform(2.0, 5.0)) if rng.random() < 0.14 else 0
    if kind < 0.3:  # Equal cells.
        cell = side * rng.uniform(1.0, 3.2)
        xs = [
            cell * (i + 0.5) + rng.uniform(-0.5, 0.5) * max(0.0, cell - side) for i in range(count)
        ]
        width = cell * count
    else:
        gaps = np.full(count - 1, _gap(rng)) if kind < 0.8 else rng.uniform(-0.05, 2.6, count - 1)
        if kind < 0.8 and rng.random() < 0.4:
            gaps = gaps + rng.uniform(0, 0.3, count - 1)
        places = np.concatenate([[0.0], np.cumsum(side * (1 + gaps))])
        row = float(places[-1]) + side
        room = side * (rng.uniform(0.05, 0.6) if rng.random() < 0.45 else rng.uniform(0.3, 4.0))
        start = side / 2 + room * float(rng.choice(np.array([0.05, 0.5, 0.95, rng.random()])))
        if rng.random() < 0.04:
            start -= 0.15 * side  # The first item is clipped.
        xs = [start + float(place) for place in places]
        width = row + room
    after = lead > 0 and rng.random() < 0.3
    if lead and not after:
        xs = [x + lead for x in xs]
    total = min(round(width) + lead, max(_MOST_WIDTH_PX, round(width)))
    ys = [
        height / 2 + (rng.uniform(-1, 1) * wander if rng.random() < 0.6 else 0.0)
        for _ in range(count)
    ]
    if not lead:
        return (max(total, height), height), list(zip(xs, ys, strict=True)), None
    room_for = (round(width), total) if after else (0, lead)
    return (max(total, height), height), list(zip(xs, ys, strict=True)), room_for


def _gap(rng: Generator) -> float:
    kind = rng.random()
    if kind < 0.2:
        return float(rng.uniform(-0.1, 0.04))
    if kind < 0.65:
        return float(rng.uniform(0.04, 0.5))
    return float(rng.uniform(0.5, 2.6))


def _widened(cut: Cut, rng: Generator) -> Cut:
    """A heavy, wide drawing of a glyph, as wide as its cell, its halves now and then apart."""
    wide = max(2, round(cut.mask.width * rng.uniform(1.1, 1.45)))
    mask = cut.mask.resize((wide, cut.mask.height), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        mask = mask.filter(ImageFilter.MaxFilter(3))
    return Cut(mask)


def _clipped(layer: Image.Image, x: int, y: int, size: tuple[int, int]) -> Box:
    """What is seen of a layer at `x, y`, never empty."""
    width, height = size
    ink = ink_box(layer) or (0, 0, layer.width, layer.height)
    x1, y1 = min(max(0, x + ink[0]), width - 1), min(max(0, y + ink[1]), height - 1)
    return x1, y1, max(x1 + 1, min(width, x + ink[2])), max(y1 + 1, min(height, y + ink[3]))


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


def _tone(canvas: _Canvas, rng: Generator) -> RGB:
    """A colour for clutter: the items' own, or any."""
    if canvas.inks and rng.random() < 0.4:
        return canvas.inks[int(rng.integers(len(canvas.inks)))]
    return random_colour(rng)


def _overlay(canvas: _Canvas, mask: Image.Image, tone: RGB, strength: float = 1.0) -> None:
    """Lay a colour over the picture through a mask of three times its size."""
    small = mask.reduce(3) if mask.size != canvas.picture.size else mask
    if strength < 1:
        small = small.point([round(v * strength) for v in range(256)])
    canvas.picture.paste(tone, (0, 0), small)


def _curves(canvas: _Canvas, rng: Generator, amount: float) -> None:
    """Waves and Bezier curves, as thick as strokes, over the width or a part of it."""
    width, height = canvas.picture.size
    smooth = rng.random() < 0.5
    scale = 3 if smooth else 1
    count = int(rng.integers(1, 2 + round(5 * amount)))
    stroke = max(1.0, canvas.side / 14)
    for _ in range(count):
        tone = _tone(canvas, rng)
        thick = rng.uniform(1.0, 1 + stroke * 0.8 * amount)
        if rng.random() < 0.5:
            x = np.linspace(rng.uniform(-5, 0.3 * width), rng.uniform(0.7 * width, width + 5), 48)
            wave = rng.uniform(0.25, 2.2) * width
            y = rng.uniform(0, height) + rng.uniform(0, 0.5) * height * np.sin(
                2 * np.pi * x / wave + rng.uniform(0, 6.28)
            )
        else:
            t = np.linspace(0, 1, 36)[:, None]
            p = rng.uniform((0, -0.2 * height), (width, 1.2 * height), (4, 2))
            if rng.random() < 0.7:
                p[0, 0], p[3, 0] = rng.uniform(-0.1, 0.3) * width, rng.uniform(0.7, 1.1) * width
            path = (1 - t) ** 3 * p[0] + 3 * (1 - t) ** 2 * t * p[1]
            path = path + 3 * (1 - t) * t**2 * p[2] + t**3 * p[3]
            x, y = path.T
        points = [(float(a) * scale, float(b) * scale) for a, b in zip(x, y, strict=True)]
        if smooth:
            mask = Image.new("L", (width * 3, height * 3))
            ImageDraw.Draw(mask).line(
                points, fill=255, width=max(1, round(thick * 3)), joint="curve"
            )
            _overlay(canvas, mask, tone, 1.0 if rng.random() < 0.7 else rng.uniform(0.4, 0.9))
        else:
            draw = ImageDraw.Draw(canvas.picture)
            draw.line(points, fill=tone, width=max(1, round(thick)), joint="curve")


def _lines(canvas: _Canvas, rng: Generator, amount: float) -> None:
    """Straight lines from anywhere to anywhere, a few or two dozen."""
    width, height = canvas.picture.size
    draw = ImageDraw.Draw(canvas.picture)
    many = rng.random() < 0.3
    tone = _tone(canvas, rng) if rng.random() < 0.4 else None
    for _ in range(int(rng.integers(1, 3 + round((22 if many else 6) * amount)))):
        ends = rng.uniform((0, 0, 0, 0), (width, height, width, height))
        thick = 1 if many or rng.random() < 0.6 else max(1, round(canvas.side / 16))
        draw.line([float(v) for v in ends], fill=tone or _tone(canvas, rng), width=thick)


def _dots(canvas: _Canvas, rng: Generator, amount: float) -> None:
    """Dots of one size or of several, from eight to a hundred and sixty."""
    width, height = canvas.picture.size
    share = float(rng.uniform(0.1, 1.0)) ** 2 * amount
    count = 8 + int(150 * share)
    largest = max(1.0, canvas.side / rng.uniform(6, 22))
    tone = _tone(canvas, rng) if rng.random() < 0.35 else None
    draw = ImageDraw.Draw(canvas.picture)
    same = rng.random() < 0.5
    square = rng.random() < 0.25
    for x, y in rng.uniform((0, 0), (width, height), (count, 2)):
        radius = largest / 2 if same else rng.uniform(0.4, 1.0) * largest / 2
        box = (x - radius, y - radius, x + radius, y + radius)
        colour = tone or _tone(canvas, rng)
        if square:
            draw.rectangle(box, fill=colour)
        else:
            draw.ellipse(box, fill=colour)


def _strokes(canvas: _Canvas, rng: Generator, amount: float) -> None:
    """Short strokes and arcs, like torn-off parts of characters."""
    width, height = canvas.picture.size
    draw = ImageDraw.Draw(canvas.picture)
    for _ in range(int(rng.integers(3, 5 + round(16 * amount)))):
        x, y = rng.uniform((0, 0), (width, height))
        reach = canvas.side * rng.uniform(0.12, 0.4)
        tone, thick = _tone(canvas, rng), max(1, round(canvas.side / rng.uniform(10, 26)))
        if rng.random() < 0.5:
            angle = rng.uniform(0, 6.28)
            dx, dy = reach * np.cos(angle), reach * np.sin(angle)
            draw.line([x - dx, y - dy, x + dx, y + dy], fill=tone, width=thick)
        else:
            start = rng.uniform(0, 360)
            box = (x - reach, y - reach, x + reach, y + reach)
            draw.arc(box, start, start + rng.uniform(40, 300), fill=tone, width=thick)


def _blobs(canvas: _Canvas, rng: Generator, amount: float, *, opaque: bool) -> None:
    """Discs, polygons, bars and blobs up to the size of items; opaque ones are smaller.

    Opaque ones larger than specks are discs in colours unlike the items', or they would be items.
    """
    width, height = canvas.picture.size
    discs = opaque and rng.random() < 0.8
    most = 0.32 if discs else 0.2 if opaque else float(rng.choice(np.array([0.35, 0.65])))
    count = 1 + round((3 + 11 * rng.random()) * amount * (1.0 if rng.random() < 0.6 else 0.4))
    for _ in range(count):
        x, y = rng.uniform((0, 0), (width, height))
        reach = canvas.side * rng.uniform(0.06, most)
        mask = Image.new("L", (width, height))
        draw = ImageDraw.Draw(mask)
        kind = 0.0 if discs else rng.random()
        if kind < 0.55:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        elif kind < 0.8:
            corners = int(rng.integers(3, 8))
            angles = np.sort(rng.uniform(0, 6.28, corners))
            points = [(float(x + reach * np.cos(a)), float(y + reach * np.sin(a))) for a in angles]
            draw.polygon(points, fill=255)
        elif kind < 0.9:
            across = reach * rng.uniform(0.1, 0.5)
            draw.rectangle((x - reach, y - across, x + reach, y + across), fill=255)
        else:
            thick = max(1, round(reach * rng.uniform(0.1, 0.4)))
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=255, width=thick)
        strength = 1.0 if opaque else float(rng.uniform(0.15, 0.75))
        tone = _unlike(canvas.inks, rng) if discs else _tone(canvas, rng)
        _overlay(canvas, mask, tone, strength)
        canvas.note(x - reach, y - reach, x + reach, y + reach)


def _unlike(inks: Sequence[RGB], rng: Generator) -> RGB:
    """A colour that none of the items has."""
    tone = random_colour(rng, "pastel" if rng.random() < 0.5 else "any")
    for _ in range(8):
        if all(distance(tone, ink) > 0.25 for ink in inks):
            break
        tone = random_colour(rng)
    return tone


def _along(canvas: _Canvas, boxes: Sequence[Box], rng: Generator) -> None:
    """A line along the stem or the foot of an item, in a colour near its own."""
    x1, y1, x2, y2 = boxes[int(rng.integers(len(boxes)))]
    draw = ImageDraw.Draw(canvas.picture)
    tone, thick = _tone(canvas, rng), max(1, round(canvas.side / 18))
    if rng.random() < 0.5:
        x = float(rng.uniform(x1, x2))
        ends = [x, 0.0, x + rng.uniform(-2, 2), float(canvas.picture.height)]
    else:
        y = float(rng.uniform(y1, y2))
        ends = [0.0, y, float(canvas.picture.width), y + rng.uniform(-3, 3)]
    draw.line(ends, fill=tone, width=thick)


def _worn(picture: Image.Image, side: float, rng: Generator, amount: float) -> Image.Image:
    """Noise and wear over everything."""
    if rng.random() < 0.2 * amount:
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
