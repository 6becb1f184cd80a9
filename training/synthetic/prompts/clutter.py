"""Clutter of prompt pictures: what is drawn beside, behind and over their items."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from training.synthetic.colours import RGB, away_from, distance, random_colour
from training.synthetic.layers import Box


@dataclass(slots=True)
class Canvas:
    """A prompt picture while it is drawn.

    Attributes:
        picture: Mode `RGB`.
        side: Approximate side of the items in pixels.
        inks: Colours of the items.
        clutter: Boxes of what is not an item, in picture pixels, end exclusive.
    """

    picture: Image.Image
    side: float
    inks: list[RGB] = field(default_factory=list)
    clutter: list[Box] = field(default_factory=list)

    def note(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Record a piece of clutter that is large enough to be mistaken for an item."""
        width, height = self.picture.size
        box = (
            round(max(0, x1)), round(max(0, y1)), round(min(width, x2)), round(min(height, y2))
        )  # fmt: skip
        if min(box[2] - box[0], box[3] - box[1]) >= 0.25 * self.side:
            self.clutter.append(box)


@dataclass(frozen=True, slots=True)
class Scheme:
    """Colours of a picture whose items and clutter differ by their lightness alone.

    Sites draw both as opaque discs and polygons, so that neither shape nor size tells them apart.

    Attributes:
        dark: Whether the items are nearly black and the clutter pale, or the other way round.
        vivid: Whether the ground is of a strong colour, and not of the clutter's lightness.
    """

    dark: bool
    vivid: bool

    @classmethod
    def draw(cls, rng: Generator) -> "Scheme":
        """A random scheme, mostly with dark items."""
        return cls(rng.random() < 0.7, rng.random() < 0.75)

    def ground(self, rng: Generator) -> RGB:
        """A colour that items stand out from."""
        if self.vivid:
            return away_from(self.ink(rng), rng, 0.22, tone="vivid")
        return random_colour(rng, "light" if self.dark else "dark")

    def ink(self, rng: Generator) -> RGB:
        """A colour of an item."""
        return _shade(rng, dark=self.dark)

    def clutter(self, rng: Generator) -> RGB:
        """A colour of clutter."""
        return _shade(rng, dark=not self.dark)


def _shade(rng: Generator, *, dark: bool) -> RGB:
    """Nearly black or pale, with a touch of any hue."""
    tint = rng.random(3)
    base = tint * rng.uniform(10, 60) if dark else 255 - tint * rng.uniform(30, 90)
    red, green, blue = (int(v) for v in base)
    return red, green, blue


def pebbles(canvas: Canvas, rng: Generator, amount: float, scheme: Scheme) -> None:
    """Opaque discs and polygons of up to three quarters of an item, alone or in small heaps."""
    width, height = canvas.picture.size
    draw = ImageDraw.Draw(canvas.picture)
    largest = rng.uniform(0.12, 0.38)
    for _ in range(1 + round(rng.uniform(1, 9) * amount)):
        x, y = rng.uniform((0, 0), (width, height))
        for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 5))):
            reach = canvas.side * largest * rng.uniform(0.25, 1.0)
            corners = int(rng.choice(np.array([3, 4, 5, 8, 12, 24, 24, 24])))
            angles = 2 * np.pi * np.arange(corners) / corners + rng.uniform(0, 6.28)
            ring = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
            draw.polygon([(float(a), float(b)) for a, b in ring], fill=scheme.clutter(rng))
            canvas.note(x - reach, y - reach, x + reach, y + reach)
            x, y = x + rng.normal() * 1.4 * reach, y + rng.normal() * 1.4 * reach


def _tone(canvas: Canvas, rng: Generator) -> RGB:
    """A colour for clutter: the items' own, or any."""
    if canvas.inks and rng.random() < 0.4:
        return canvas.inks[int(rng.integers(len(canvas.inks)))]
    return random_colour(rng)


def _overlay(canvas: Canvas, mask: Image.Image, tone: RGB, strength: float = 1.0) -> None:
    """Lay a colour over the picture through a mask of three times its size."""
    small = mask.reduce(3) if mask.size != canvas.picture.size else mask
    if strength < 1:
        small = small.point([round(v * strength) for v in range(256)])
    canvas.picture.paste(tone, (0, 0), small)


def curves(canvas: Canvas, rng: Generator, amount: float) -> None:
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


def lines(canvas: Canvas, rng: Generator, amount: float) -> None:
    """Straight lines from anywhere to anywhere, a few or two dozen."""
    width, height = canvas.picture.size
    draw = ImageDraw.Draw(canvas.picture)
    many = rng.random() < 0.3
    tone = _tone(canvas, rng) if rng.random() < 0.4 else None
    for _ in range(int(rng.integers(1, 3 + round((22 if many else 6) * amount)))):
        ends = rng.uniform((0, 0, 0, 0), (width, height, width, height))
        thick = 1 if many or rng.random() < 0.6 else max(1, round(canvas.side / 16))
        draw.line([float(v) for v in ends], fill=tone or _tone(canvas, rng), width=thick)


def dots(canvas: Canvas, rng: Generator, amount: float) -> None:
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


def strokes(canvas: Canvas, rng: Generator, amount: float) -> None:
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


def blobs(canvas: Canvas, rng: Generator, amount: float, *, opaque: bool) -> None:
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
    """A colour unlike those of the items."""
    tone = random_colour(rng, "pastel" if rng.random() < 0.5 else "any")
    for _ in range(8):
        if all(distance(tone, ink) > 0.25 for ink in inks):
            break
        tone = random_colour(rng)
    return tone


def along(canvas: Canvas, boxes: Sequence[Box], rng: Generator) -> None:
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
